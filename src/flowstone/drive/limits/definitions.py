"""The limits that there are: made, changed, deleted, listed, by whoever may write the home."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from flowstone.drive.limits.files import SLOTS, Limit, LimitFile
from flowstone.drive.limits.folder import Folder
from flowstone.drive.limits.notes import Holder, Waiter
from flowstone.exceptions import LimitExists, LimitNotFound

_LONGEST_NAME = 1000
_PATIENCE = 5.0
"""Seconds in which whoever decides on a limit should be done with it; it takes microseconds."""


class Usage(NamedTuple):
    """A limit and how it is used: its slots, the level of a rate, who has them and who waits.

    `overlaps` is how often a holder whose lease had lapsed ran beside others for whom there was no
    room then.
    """

    limit: Limit
    used: int
    level: float
    waiting: int
    holders: tuple[Holder, ...]
    waiters: tuple[Waiter, ...] = ()
    overlaps: int = 0


class Book(Protocol):
    """What limits there are, wherever they are kept: made, changed, deleted, listed."""

    def all(self, prefix: str = "") -> list[Limit]:
        """Return the limits, by name; only those whose name begins so."""

    def usage(self, name: str) -> Usage:
        """Return how a limit is used now. Raises `LimitNotFound`."""

    def create(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> Limit:
        """Make a limit. Raises `LimitExists`, and `ValueError` for what cannot be one."""

    def change(
        self,
        name: str,
        *,
        limit: int | None = None,
        active: bool | None = None,
        slot_decay_per_second: float | None = None,
        level: float | None = None,
    ) -> Limit:
        """Change what is given. Raises `LimitNotFound`, and `ValueError`."""

    def delete(self, name: str) -> Limit:
        """Delete a limit; who waits for it goes on. Raises `LimitNotFound`."""


@runtime_checkable
class ResettableBook(Book, Protocol):
    """The limits of a server, whose slots are held on leases."""

    def reset(self, name: str) -> int:
        """End all leases of a limit, and empty a rate; return how many leases ended."""


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
            holders, waiters = tuple(file.holders()), tuple(file.waiters())
            used, overlaps = file.used(), file.overlaps()
            return Usage(limit, used, level, waiting, holders, waiters, overlaps)

    def create(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> Limit:
        """Make a limit. Raises `LimitExists`, and `ValueError` for what cannot be one."""
        made = new_limit(name, limit, is_active=active, decay=slot_decay_per_second)
        with self._changing(name, make=True) as file:
            if file.read() is not None:
                raise already_there(name)
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
            check(after)
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


def new_limit(name: str, slots: int, *, is_active: bool, decay: float) -> Limit:
    """Return a limit with an id of its own. Raises `ValueError` for what cannot be one."""
    now = time.time_ns()
    made = Limit(
        name=name,
        limit=slots,
        active=is_active,
        slot_decay_per_second=decay,
        id=os.urandom(16),
        created=now,
        updated=now,
    )
    check(made)
    return made


def already_there(name: str) -> LimitExists:
    """Return the error for a second limit of one name."""
    return LimitExists(f"There is a limit {name!r} already; 'gcl update' changes it.")


def check(limit: Limit) -> None:
    """Raise `ValueError` for what cannot be a limit."""
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


def refusal(limits: Iterable[Limit], occupy: int, *, is_rate: bool) -> str | None:
    """Return why so many slots can never be had of these limits, None where they can."""
    for limit in limits:
        if occupy > limit.limit:
            return (
                f"Asked for {occupy} of the limit {limit.name!r}, which is {limit.limit}. "
                f"Ask for less, or raise the limit: flowstone gcl update {limit.name} --limit N"
            )
        if is_rate and limit.slot_decay_per_second <= 0:
            return (
                f"The limit {limit.name!r} is no rate: none of its slots becomes free by itself. "
                f"Make it one: flowstone gcl update {limit.name} --slot-decay-per-second N"
            )
    return None


def reason(limit: Limit, used: float, position: int, *, is_rate: bool) -> str:
    """Return what a request waits for: `limit db (3 of 3), position 2`."""
    kind = "rate limit" if is_rate else "limit"
    return f"{kind} {limit.name} ({round(used)} of {limit.limit}), position {position}"
