"""The results that a process keeps at hand, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from flowstone.results.records import Header
from flowstone.results.storage import Stamp

MOST_BYTES = 64 << 20
_OVERHEAD = 512
"""Bytes to count for a record beside its payload."""
_MOST_ASKED = 100_000

Held = tuple[Any, Header, Stamp]
"""What is held of a result, what is known of it, and the stamp that it was read or written at."""


class Memory:
    """The results used last, counted by their payloads, none of which is over `most_each` bytes.

    They are held as the objects that they are: one that is asked for twice is the same object, and
    what a caller changes in it the next one sees. With `as_payloads` each caller gets its own, and
    only what is asked for again is held: most programs ask for a result once.
    """

    def __init__(
        self,
        most_bytes: int = MOST_BYTES,
        most_each: int | None = None,
        *,
        as_payloads: bool = False,
    ) -> None:
        self.as_payloads = as_payloads
        self._most = most_bytes
        self._most_each = most_bytes // 4 if most_each is None else most_each
        self._used = 0
        self._asked: set[int] = set()
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._lock = Lock()

    def wants(self, place: str, key: str) -> bool:
        """Whether a result that is asked for now is to be held."""
        if not self.as_payloads:
            return True
        which, asked = hash((place, key)), self._asked
        if which in asked:
            return True
        if len(asked) >= _MOST_ASKED:
            asked.clear()
        asked.add(which)
        return False

    def has_room(self, header: Header) -> bool:
        """Whether a result is small enough to be held."""
        return header.size + _OVERHEAD <= self._most_each

    def get(self, place: str, key: str) -> Held | None:
        """Return what is held for a key of a storage."""
        at = place, key
        with self._lock:
            held = self._held.get(at)
            if held is not None:
                self._held.move_to_end(at)
            return held

    def put(self, place: str, key: str, held: Held) -> None:
        """Hold a result that there is room for; those used longest ago go."""
        at = place, key
        with self._lock:
            self._drop(at)
            self._held[at] = held
            self._used += held[1].size + _OVERHEAD
            while self._used > self._most:
                self._drop(next(iter(self._held)))

    def drop(self, place: str, key: str) -> None:
        """Let go of a result."""
        with self._lock:
            self._drop((place, key))

    def _drop(self, at: tuple[str, str]) -> None:
        held = self._held.pop(at, None)
        if held is not None:
            self._used -= held[1].size + _OVERHEAD
