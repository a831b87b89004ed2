"""Blocking a thread until runs have ended, without keeping its place from others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import count
from queue import Empty, SimpleQueue
from typing import Protocol

from flowstone.core.context import RunContext
from flowstone.core.stand_ins import StandIns
from flowstone.core.stopping import STOPS
from flowstone.core.upstream import Waitable
from flowstone.drive.seats import HERE


class Clock(Protocol):
    """Passes delays in no time."""

    def now(self) -> int:
        """Return its time in nanoseconds since 1970."""

    def wait(self, seconds: float) -> None:
        """Go forward by so many seconds."""


CLOCKS: StandIns[Clock] = StandIns("clock")


class Pause:
    """A wait: the thread's place in a pool is lent, and a stop of the run around it wakes it.

    `wake` ends the wait. Raises `Interrupted` where the run of `context`, or one around it, is
    stopped; with None nothing ends the wait before its time.
    """

    __slots__ = ("_context", "_scope", "_seat", "_wake")

    def __init__(self, context: RunContext | None, wake: Callable[[], object]) -> None:
        self._context = context
        self._wake = wake

    def __enter__(self) -> None:
        """Lend the place. The wake-up call is in place before the look at what was asked."""
        self._seat = seat = HERE.seat
        self._scope, seat.scope = seat.scope, None
        try:
            if seat.sent:
                seat.settle()
            if self._context is not None:
                seat.wake = self._end
                if STOPS.any:
                    seat.check(self._context)
        except BaseException:
            seat.wake = None
            seat.scope = self._scope
            raise
        if seat.place is not None:
            seat.place.lend()

    def __exit__(self, kind: object, *_rest: object) -> None:
        """Take the place back; raise what came meanwhile."""
        seat = self._seat
        seat.wake = None
        if seat.place is not None:
            seat.place.take_back()
        seat.scope = self._scope
        if STOPS.any and kind is None:
            seat.check(self._context or self._scope)

    def _end(self) -> None:
        """Wake the thread, unless who calls meant what it waited for before."""
        if self._seat.is_to_end(self._context):
            self._wake()


def wait_all(
    runs: Iterable[Waitable], timeout: float | None = None, context: RunContext | None = None
) -> bool:
    """Block until all of these have ended, or for so many seconds; return whether they have.

    Raises `Interrupted` where the run of `context`, or one around it, is stopped.
    """
    pending = [run for run in runs if not run.is_done]
    if not pending:
        return True
    gate: SimpleQueue[bool] = SimpleQueue()
    ended = count(1)

    def note(_run: Waitable) -> None:
        if next(ended) == len(pending):
            gate.put(True)

    for run in pending:
        run.when_done(note)
    return _open(gate, timeout, context)


def sleep(seconds: float, context: RunContext) -> None:
    """Sleep. Raises `Interrupted` where the run of `context`, or one around it, is stopped."""
    _open(SimpleQueue(), real(seconds), context)


def real(delay: float) -> float:
    """Return how many of these seconds are really to be waited: none where a clock passes them."""
    clock = CLOCKS.get() if CLOCKS else None
    if clock is None:
        return delay
    clock.wait(delay)
    return 0.0


def _open(gate: SimpleQueue[bool], timeout: float | None, context: RunContext | None) -> bool:
    """Wait until a gate opens, or for so many seconds; return whether it has."""
    deadline = None if timeout is None else time.monotonic() + timeout
    left = timeout
    while True:
        with Pause(context, lambda: gate.put(False)):
            try:
                is_open = gate.get(timeout=left)
            except Empty:
                return False
        if is_open:
            return True
        # Woken, and not stopped: another run whose loop this wait holds up is.
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
