"""Calls under way, by key: identical ones are computed once, in all processes of a home.

A flight is a byte of one file, held by its process as long as it computes, so a holder that dies
frees it at once. Within the process a table and a mutex do the excluding. Who waits for a flight of
another process looks from time to time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.upstream import Waitable
from flowstone.drive.limits.locks import free, take
from flowstone.drive.timers import TIMERS

_FIRST_LOOK = 0.002
_LONGEST_LOOK = 0.03
_PATIENCE = 10.0
_BYTES = 1 << 62


class Flight:
    """A call under way; done when it has ended. `holder` is None where another process has it."""

    __slots__ = ("_calls", "_flights", "_pause", "at", "holder", "is_done", "thread")

    def __init__(self, flights: Flights, at: int, holder: RunContext) -> None:
        self._flights, self.at = flights, at
        self.holder: RunContext | None = holder
        self.thread = threading.get_ident()
        self.is_done = False
        self._calls: list[Callable[[Any], object]] = []
        self._pause = _FIRST_LOOK

    def would_hang(self, context: RunContext, *, blocks: bool) -> bool:
        """Whether a run's wait for it would never end: it is around that run, or needs its thread.

        `blocks` tells that the run blocks the thread while it waits.
        """
        if self.holder is None:
            return False
        if blocks and self.thread == threading.get_ident():
            return True
        outer = context.outer
        while outer is not None and outer is not self.holder:
            outer = outer.outer
        return outer is not None

    def awaited_by(self, context: RunContext) -> Waitable:
        """Return what a run waits for: this, or this for a time.

        Runs that hold flights wait without end only for later ones, so no circle of them is for
        ever.
        """
        outer = context.outer
        while outer is not None:
            held = outer.keeping.flight if outer.keeping is not None else None
            if held is not None and held.at > self.at:
                return _Patience(self)
            outer = outer.outer
        return self

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this when it has ended; now if it has."""
        with self._flights.lock:
            if not self.is_done:
                self._calls.append(call)
                return
        call(self)

    def end(self) -> None:
        """Let it be over, and tell who waits."""
        flights = self._flights
        with flights.lock:
            if self.is_done:
                return
            self.is_done = True
            calls, self._calls = self._calls, []
            flights.forget(self)
        for call in calls:
            call(self)

    def look(self) -> None:
        """See whether the process that has it still does."""
        if self._flights.is_free(self.at):
            self.end()
        else:
            self._pause = min(2 * self._pause, _LONGEST_LOOK)
            TIMERS.after(self._pause, self.look)


class _Patience:
    """A flight that is waited for so long at most."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight

    @property
    def is_done(self) -> bool:
        return self._flight.is_done

    def when_done(self, call: Callable[[Any], object]) -> None:
        self._flight.when_done(call)
        TIMERS.after(_PATIENCE, lambda: call(self))


class Flights:
    """The flights of one home, held by this process or waited for here."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin without any, as a forked child does: locks are not inherited."""
        self.lock = threading.Lock()
        self._under_way: dict[int, Flight] = {}

    def begin(self, number: int, holder: RunContext) -> Flight:
        """Return the flight of a key's number: a new one of this holder, or the one under way."""
        at = number % _BYTES
        with self.lock:
            flight = self._under_way.get(at)
            if flight is not None:
                return flight
            flight = self._under_way[at] = Flight(self, at, holder)
            if not self._take(at):
                flight.holder = None
        if flight.holder is None:
            flight.look()
        return flight

    def forget(self, flight: Flight) -> None:
        """Let go of what has ended; called under the lock."""
        del self._under_way[flight.at]
        if flight.holder is not None:
            self._free(flight.at)

    def is_free(self, at: int) -> bool:
        """Whether no process holds a byte."""
        with self.lock:
            if not self._take(at):
                return False
            self._free(at)
        return True

    def _take(self, at: int) -> bool:
        try:
            return take(self._fd, at)
        except OSError:  # without the file, or without locks, each process computes for itself
            return True

    def _free(self, at: int) -> None:
        with suppress(OSError):  # see above
            free(self._fd, at)

    @property
    def _fd(self) -> int:
        # Opened once and never closed: a close of any descriptor of the file frees all its locks.
        if self._file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self._path, flags, 0o600)
        return self._file


_ALL: dict[str, Flights] = {}


def flights_of(path: str) -> Flights:
    """Return the flights of a file, the same ones for the whole process."""
    return _ALL.get(path) or _ALL.setdefault(path, Flights(path))


def _forget_in_child() -> None:
    for flights in _ALL.values():
        flights.begin_anew()


os.register_at_fork(after_in_child=_forget_in_child)
