"""SIGTERM while a flow run is under way: the run ends, and is recorded, before the process does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FunctionType
from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.stopping import STOPS, TERMINATED, TerminationSignal
from flowstone.drive.seats import HERE, Seat


def listen(context: RunContext) -> Callable[[], None] | None:
    """Let SIGTERM end this run; return what stops listening, None where nobody can.

    Stopping hands a signal that came on to whoever listened before: by default the process ends.
    """
    seat = HERE.seat
    before = signal.getsignal(signal.SIGTERM)
    if not seat.is_main or before is signal.SIG_IGN or before is None:
        return None
    heard = False

    def hear(_number: int, _frame: Any) -> None:
        nonlocal heard
        heard = True
        STOPS.any = True
        context.request = TERMINATED
        reach = context.reach
        if reach is not None and not isinstance(reach, Seat):
            reach.interrupt()
        elif seat.scope is not None:
            raise TerminationSignal
        elif seat.wake is not None:
            seat.wake()

    def stop_listening() -> None:
        before = _BEFORE.pop(hear, None)
        if signal.getsignal(signal.SIGTERM) is hear:
            signal.signal(signal.SIGTERM, before)
        else:  # a flow that began after this one still runs: they need not end in turn
            _BEFORE.update((later, before) for later in _BEFORE if _BEFORE[later] is hear)
        if heard:
            os.kill(os.getpid(), signal.SIGTERM)

    _BEFORE[hear] = before
    signal.signal(signal.SIGTERM, hear)
    return stop_listening


_BEFORE: dict[Any, Any] = {}
"""Who listened before each of our handlers."""


def _hand_back() -> None:
    """In a forked child, which has no part in the run, let those hear SIGTERM who did before.

    At once, and not when it comes: a handler of Python's may miss one as a system call begins.
    """
    present: Any = signal.getsignal(signal.SIGTERM)
    if isinstance(present, FunctionType) and present in _BEFORE:
        while isinstance(present, FunctionType) and present in _BEFORE:
            present = _BEFORE[present]
        signal.signal(signal.SIGTERM, present)
    _BEFORE.clear()


os.register_at_fork(after_in_child=_hand_back)
