"""Locks on keys: what a lock manager must do, and how one waits for another's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


@runtime_checkable
class LockManager(Protocol):
    """Locks by key, held by whoever gives the holder's name.

    Times are in seconds; None is without end. Who holds a lock takes it again at once, and one
    release frees it.
    """

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Take a lock, waiting for it; return whether it is held. Others may take it over
        after `hold_timeout`."""

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Take a lock, without holding up the loop."""

    def release_lock(self, key: str, holder: str) -> None:
        """Free a lock. Raises `ValueError` where this holder has it not."""

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds it."""

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has it."""

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds it; return whether that is so."""

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds it, without holding up the loop."""


def pauses(timeout: float | None) -> Iterator[float]:
    """Give the seconds to wait before each further try, until the time is over."""
    ends = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = pause if ends is None else ends - time.monotonic()
        if left <= 0:
            return
        yield min(pause, left)
        pause = min(2 * pause, _LONGEST_PAUSE)


class Waiting:
    """The verbs that wait, made of those that try."""

    def _try(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        raise NotImplementedError

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds it."""
        raise NotImplementedError

    def acquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Take a lock, waiting for it; return whether it is held."""
        return _until(lambda: self._try(key, holder, hold_timeout), acquire_timeout)

    async def aacquire_lock(
        self,
        key: str,
        holder: str,
        acquire_timeout: float | None = None,
        hold_timeout: float | None = None,
    ) -> bool:
        """Take a lock, without holding up the loop."""
        return await _auntil(lambda: self._try(key, holder, hold_timeout), acquire_timeout)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds it; return whether that is so."""
        return _until(lambda: not self.is_locked(key), timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds it, without holding up the loop."""
        return await _auntil(lambda: not self.is_locked(key), timeout)


def not_held(key: str, holder: str) -> ValueError:
    """Return the error of a release by one who holds nothing."""
    return ValueError(f"{holder!r} holds no lock on {key!r}; only who acquired it releases it")


def _until(is_so: Callable[[], bool], timeout: float | None) -> bool:
    if is_so():
        return True
    for pause in pauses(timeout):
        time.sleep(pause)
        if is_so():
            return True
    return False


async def _auntil(is_so: Callable[[], bool], timeout: float | None) -> bool:
    import asyncio

    if is_so():
        return True
    for pause in pauses(timeout):
        await asyncio.sleep(pause)
        if is_so():
            return True
    return False
