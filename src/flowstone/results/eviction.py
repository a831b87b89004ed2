"""Removes results that are too old or too many, where their user set a bound for either."""

from __future__ import annotations

import logging
import os
import threading
import time

import msgspec
import xxhash

from flowstone.exceptions import StorageError
from flowstone.results.keeper import Keeper

_logger = logging.getLogger("flowstone.results")
_SECOND = 1_000_000_000
_EACH = 3600.0
"""Seconds between two looks at a storage, by whichever processes of a home keep results in it."""
_PART = 10
"""A process that has kept this part of the most bytes since its last look looks again."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How old the results of a storage may become, and how many bytes they may take together."""

    max_age_seconds: float | None = None
    max_bytes: int | None = None


class Evicted(msgspec.Struct, frozen=True):
    """How many results were removed, and their bytes; how many stay, and theirs."""

    count: int
    size: int
    left: int
    left_size: int


def evict(keeper: Keeper, bounds: Bounds, now: int) -> Evicted:
    """Remove what was written too long before `now` (ns since 1970), then the oldest of the rest.

    Files that are no results are neither counted nor touched. Raises `StorageError`.
    """
    found = sorted(
        (one for one in keeper.entries() if one.is_ours), key=lambda one: (one.written, one.name)
    )
    left, left_size = len(found), sum(one.size for one in found)
    count = size = 0
    oldest_allowed = now - (bounds.max_age_seconds or 0) * _SECOND
    for one in found:
        is_old = bounds.max_age_seconds is not None and one.written < oldest_allowed
        if not is_old and (bounds.max_bytes is None or left_size <= bounds.max_bytes):
            break
        left -= 1
        left_size -= one.size
        if keeper.remove(one.name, only=one.header):
            count += 1
            size += one.size
    return Evicted(count, size, left, left_size)


class Evictor:
    """Looks at storages now and then while results are kept in them, in a thread of its own.

    An ending process waits for that thread. `marks` is the directory with a file for each storage
    that tells when it was looked at last.
    """

    def __init__(self, bounds: Bounds, marks: str) -> None:
        self._bounds = bounds
        self._marks = marks
        self._kept: dict[str, int] = {}
        self._next: dict[str, float] = {}

    def kept(self, keeper: Keeper, size: int) -> None:
        """Take note that a result of `size` bytes was kept, and look at its storage where due."""
        place = keeper.keys.place
        most, now = self._bounds.max_bytes, time.time()
        kept = self._kept.get(place, 0) + size
        is_much = most is not None and kept * _PART > most
        self._kept[place] = 0 if is_much else kept
        if not is_much and (now < self._next.get(place, 0.0) or now < self._due(place)):
            return
        self._next[place] = now + _EACH
        try:
            threading.Thread(target=self._look, args=(keeper,), name="flowstone-eviction").start()
        except RuntimeError as error:  # no thread is to be had, or the interpreter is ending
            _logger.debug("Old results in %s stay for now: %s", place, error)

    def _due(self, place: str) -> float:
        """Return when a storage is to be looked at next (seconds since 1970)."""
        try:
            due = os.stat(self._mark(place)).st_mtime + _EACH
        except OSError:
            return 0.0
        self._next[place] = due
        return due

    def _look(self, keeper: Keeper) -> None:
        place = keeper.keys.place
        try:
            os.makedirs(self._marks, 0o700, exist_ok=True)
            with open(self._mark(place), "w", encoding="utf-8") as mark:
                mark.write(place)
            done = evict(keeper, self._bounds, time.time_ns())
        except (OSError, StorageError) as error:
            _logger.warning("Old results in %s could not be removed: %s", place, error)
        else:
            if done.count:
                _logger.debug("Removed %d old results from %s", done.count, place)

    def _mark(self, place: str) -> str:
        return os.path.join(self._marks, xxhash.xxh3_64_hexdigest(os.fsencode(place)))
