"""Locks among the threads and coroutines of one process."""

from __future__ import annotations

import os
import threading
import time
from typing import ClassVar, NamedTuple, Self, cast

from flowstone.results.locks import Waiting, not_held

_MAKING = threading.Lock()


class _Lock(NamedTuple):
    holder: str
    ends: float | None


class MemoryLockManager(Waiting):
    """The locks of this process; there is one such manager in it."""

    _only: ClassVar[MemoryLockManager | None] = None
    _locks: dict[str, _Lock]
    _gate: threading.Lock

    def __new__(cls) -> Self:
        with _MAKING:  # two threads that ask first must not get two managers
            if cls._only is None:
                only = super().__new__(cls)
                only._empty()
                os.register_at_fork(after_in_child=only._empty)
                MemoryLockManager._only = only
        return cast("Self", cls._only)

    def release_lock(self, key: str, holder: str) -> None:
        """Free a lock. Raises `ValueError` where this holder has it not."""
        with self._gate:
            if not self._has(key, holder):
                raise not_held(key, holder)
            del self._locks[key]

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds it."""
        with self._gate:
            return self._held(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has it."""
        with self._gate:
            return self._has(key, holder)

    def _try(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        with self._gate:
            held = self._held(key)
            if held is None:
                ends = None if hold_timeout is None else time.monotonic() + hold_timeout
                self._locks[key] = _Lock(holder, ends)
            return held is None or held.holder == holder

    def _has(self, key: str, holder: str) -> bool:
        held = self._held(key)
        return held is not None and held.holder == holder

    def _held(self, key: str) -> _Lock | None:
        held = self._locks.get(key)
        if held is not None and held.ends is not None and held.ends <= time.monotonic():
            del self._locks[key]
            return None
        return held

    def _empty(self) -> None:
        """Begin without locks, as a forked child does: its parent's holders are not in it."""
        self._locks = {}
        self._gate = threading.Lock()
