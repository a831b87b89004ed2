"""The results that a process keeps at hand, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from flowstone.results.kept import Kept
from flowstone.results.storage import Stamp

MOST_BYTES = 64 << 20
_OVERHEAD = 512
"""Bytes to count for a record beside its payload."""


class _Held(NamedTuple):
    kept: Kept
    stamp: Stamp
    size: int


class Memory:
    """The results used last, as the objects that they are; counted by their payloads.

    One that is asked for twice is the same object: what a caller changes in it the next one sees.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._used = 0
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._lock = Lock()

    def get(self, place: str, key: str) -> tuple[Kept, Stamp] | None:
        """Return what is held for a key of a storage, and the stamp that it was read at."""
        with self._lock:
            held = self._held.get((place, key))
            if held is None:
                return None
            self._held.move_to_end((place, key))
            return held.kept, held.stamp

    def put(self, place: str, key: str, kept: Kept, stamp: Stamp) -> None:
        """Hold a result; those used longest ago go. One over a quarter of the room is not held."""
        size = kept.header.size + _OVERHEAD
        with self._lock:
            self._drop((place, key))
            if size > self._most // 4:
                return
            self._held[place, key] = _Held(kept, stamp, size)
            self._used += size
            while self._used > self._most:
                self._drop(next(iter(self._held)))

    def drop(self, place: str, key: str) -> None:
        """Let go of a result."""
        with self._lock:
            self._drop((place, key))

    def _drop(self, at: tuple[str, str]) -> None:
        held = self._held.pop(at, None)
        if held is not None:
            self._used -= held.size
