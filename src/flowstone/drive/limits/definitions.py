"""The limits that there are: made, changed, deleted, listed, by whoever may write the home."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from flowstone.drive.limits.files import SLOTS, Holder, Limit, LimitFile
from flowstone.drive.limits.folder import Folder
from flowstone.exceptions import LimitExists, LimitNotFound

_LONGEST_NAME = 1000
_PATIENCE = 5.0
"""Seconds in which whoever decides on a limit should be done with it; it takes microseconds."""


class Usage(NamedTuple):
    """A limit and how it is used: its slots, the level of a rate, who waits."""

    limit: Limit
    used: int
    level: float
    waiting: int
    holders: tuple[Holder, ...]


class Definitions:
    """What limits there are in a folder. A change is seen by everybody within a second."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def all(self, prefix: str = "") -> list[Limit]:
        """Return the limits, by name; only those whose name begins so."""
        return list(self._folder.defined(prefix).values())

    def usage(self, name: str) -> Usage:
        """Return how a limit is used now. Raises `LimitNotFound`."""
        with self._folder.lock:
            file = self._folder.file(name)
            limit = file.read() if file is not None else None
            if file is None or limit is None:
                raise self._not_found(name)
            waiting = len(file.queue) + file.count_tickets()
            level = file.level(limit) if limit.slot_decay_per_second > 0 else 0.0
            return Usage(limit, file.used(), level, waiting, tuple(file.holders()))

    def create(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> Limit:
        """Make a limit. Raises `LimitExists`, and `ValueError` for what cannot be one."""
        now = time.time_ns()
        made = Limit(
            name=name,
            limit=limit,
            active=active,
            slot_decay_per_second=slot_decay_per_second,
            id=os.urandom(16),
            created=now,
            updated=now,
        )
        _check(made)
        with self._changing(name, make=True) as file:
            if file.read() is not None:
                message = f"There is a limit {name!r} already; 'gcl update' changes it."
                raise LimitExists(message)
            file.set_level(0.0)
            file.write(made)
        return made

    def change(
        self,
        name: str,
        *,
        limit: int | None = None,
        active: bool | None = None,
        slot_decay_per_second: float | None = None,
        level: float | None = None,
    ) -> Limit:
        """Change what is given, `level` being how many slots of a rate are used up now.

        Raises `LimitNotFound`, and `ValueError` for what cannot be a limit. Slots that are held
        above a lowered limit stay held, and count.
        """
        with self._changing(name) as file:
            before = file.read()
            if before is None:
                raise self._not_found(name)
            given = {
                "limit": limit,
                "active": active,
                "slot_decay_per_second": slot_decay_per_second,
                "updated": time.time_ns(),
            }
            after = msgspec.structs.replace(
                before, **{field: value for field, value in given.items() if value is not None}
            )
            _check(after)
            if level is None and before.slot_decay_per_second > 0:
                level = file.level(before)  # the time until now counts at the old pace
            if level is not None:
                file.set_level(level)
            file.write(after)
        return after

    def delete(self, name: str) -> Limit:
        """Delete a limit; who waits for it goes on. Raises `LimitNotFound`."""
        with self._changing(name) as file:
            limit = file.read()
            if limit is None:
                raise self._not_found(name)
            file.write(None)
        return limit

    @contextmanager
    def _changing(self, name: str, *, make: bool = False) -> Iterator[LimitFile]:
        """Hold the gate of a limit, and let everybody see that it changed."""
        until = time.monotonic() + _PATIENCE
        while True:
            with self._folder.lock:
                file = self._folder.file(name, make=make)
                if file is None:
                    raise self._not_found(name)
                with self._folder.entered([file]) as is_entered:
                    if is_entered:
                        yield file
                        self._folder.touch()
                        return
            if time.monotonic() > until:
                message = (
                    f"Could not change the limit {name!r}: another process decides on it and does "
                    f"not go on. Is one of those that use {self._folder.directory} stopped?"
                )
                raise TimeoutError(message)

    def _not_found(self, name: str) -> LimitNotFound:
        message = f"There is no limit {name!r} in {self._folder.directory}."
        return LimitNotFound(message)


def _check(limit: Limit) -> None:
    size = len(limit.name.encode())
    if not 0 < size <= _LONGEST_NAME:
        message = f"A limit's name has 1 to {_LONGEST_NAME} bytes; this one has {size}."
        raise ValueError(message)
    if not 0 <= limit.limit < SLOTS:
        message = f"A limit is a number from 0 to {SLOTS - 1}; got {limit.limit}."
        raise ValueError(message)
    if not 0 <= limit.slot_decay_per_second < float("inf"):
        message = f"A slot decay is a number of 0 or more; got {limit.slot_decay_per_second}."
        raise ValueError(message)
