"""Threads as far as they run bodies, and how a body is interrupted there.

An exception is sent to the thread with `PyThreadState_SetAsyncExc`; on the main thread a signal
makes blocking calls of the operating system listen too. It may land in user code only: a seat's
`scope` is up while user code runs and down while code of ours does, nothing is sent while it is
down, and what was sent just before is called off at the next line. Code of ours that blocks (a wait
for a result) is woken instead, and raises by itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol

from flowstone.core.context import RunContext
from flowstone.core.stopping import STOPS, Interrupted, Reach, check_stops, stopper_of

_LOCK = threading.Lock()
"""Held for the instant in which an exception is sent or called off."""
_AGAIN = 1.0
"""Seconds until an exception that a body swallowed is sent once more; a `finally` needs some."""


class Place(Protocol):
    """What a pool's worker gives up while its body waits for other runs."""

    def lend(self) -> None:
        """Let another body run in this one's place."""

    def take_back(self) -> None:
        """Go on; waits until there is a place again."""

    def leave(self) -> None:
        """Never come back: the run went on without the body."""


class Seat(Reach):
    """One thread: whose user code runs there now, and what wakes it where it waits."""

    __slots__ = ("is_left", "place", "scope", "sent", "sent_at", "thread", "wake")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.scope: RunContext | None = None
        self.sent = False
        self.sent_at = 0.0
        self.wake: Callable[[], object] | None = None
        self.place: Place | None = None
        self.is_left = False  # the run went on without the body that runs here
        if self.is_main:
            _listen()

    @property
    def is_main(self) -> bool:
        """Whether it is the thread that hears signals."""
        return self.thread == threading.main_thread().ident

    def interrupt(self) -> None:
        """End the user code that runs here, or the wait of ours that it is in, if it is to end.

        What it was meant for may have ended just before, and another run have begun here.
        """
        with _LOCK:
            self.sent = True
            scope = self.scope
            if scope is not None:
                if not self.is_to_end(scope):
                    return
                now = time.monotonic()
                if now - self.sent_at > _AGAIN:
                    self.sent_at = now
                    _send(self.thread, Interrupted)
                if self.is_main:
                    _poke(self.thread)
                return
            wake = self.wake
        if wake is not None:
            wake()

    def give_up(self) -> None:
        """Nothing: what was called here stays here, and is interrupted until it ends."""

    def settle(self) -> None:
        """Call off what was sent and has not landed; the scope is down."""
        with _LOCK:
            _send(self.thread, None)
            self.sent = False
            self.sent_at = 0.0

    def is_to_end(self, context: RunContext | None) -> bool:
        """Whether this code is to end, by its run or one around it, or because it was left."""
        return self.is_left or stopper_of(context) is not None

    def check(self, context: RunContext | None) -> None:
        """Raise what ends this code, where its run or one around it is to end."""
        if self.is_left:
            raise Interrupted
        check_stops(context)


class Lowered:
    """Code of ours that user code calls, and that must not be interrupted half-way.

    A request that came meanwhile is raised at its end.
    """

    __slots__ = ("_scope", "_seat")

    def __enter__(self) -> Seat:
        self._seat = seat = HERE.seat
        self._scope, seat.scope = seat.scope, None
        if seat.sent:
            try:
                seat.settle()
            except Interrupted:  # it landed here
                seat.scope = self._scope
                raise
        return seat

    def __exit__(self, kind: object, *_rest: object) -> None:
        seat = self._seat
        seat.scope = scope = self._scope
        if STOPS.any and scope is not None and kind is None:
            seat.check(scope)


def place_of(interrupt: BaseException) -> TracebackType | None:
    """Return where user code was interrupted: a traceback without the handler of the signal."""
    place = last = interrupt.__traceback__ and interrupt.__traceback__.tb_next
    while last is not None and last.tb_next is not None:
        if last.tb_next.tb_frame.f_code is _hear.__code__:
            last.tb_next = None
        last = last.tb_next
    return place


def _renew() -> None:
    """Make what a forked child cannot share."""
    global _LOCK  # noqa: PLW0603  a lock that another thread held would never be free again
    _LOCK = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def _send(thread: int, kind: type[BaseException] | None) -> None:
    import ctypes

    set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
    what = ctypes.py_object() if kind is None else ctypes.py_object(kind)
    set_exception(ctypes.c_ulong(thread), what)


def _poke(thread: int) -> None:
    signal.pthread_kill(thread, signal.SIGURG)


_before: Any = None


def _hear(number: int, frame: FrameType | None) -> None:
    """Hand the signal on to who listened before; its coming is what interrupts."""
    if callable(_before):
        _before(number, frame)


def _listen() -> None:
    """Let the main thread hear SIGURG, which programs ignore."""
    global _before  # noqa: PLW0603  there is one handler a process
    before = signal.getsignal(signal.SIGURG)
    if before is not _hear:
        _before = before
        signal.signal(signal.SIGURG, _hear)


class _Here(threading.local):
    def __init__(self) -> None:
        self.seat = Seat()


HERE = _Here()
"""The seat of the thread that looks."""
