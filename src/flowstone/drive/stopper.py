"""Stops runs: at their deadline, or because somebody cancels them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from flowstone.core.context import RunContext
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.stopping import STOPS, Deadline
from flowstone.drive.debuggers import is_debugged
from flowstone.drive.run_logger import log_for
from flowstone.drive.termination import listen
from flowstone.drive.timers import TIMERS, Timer

_BEAT = 0.1
"""Seconds between two attempts to interrupt what a run does."""
_MOMENT = 0.05
"""Seconds that a body gets to end at its deadline before its run goes on without it."""
_OVERDUE = 1.0
"""Seconds after a deadline from which a line says that the body cannot be interrupted."""
PATIENCE = 1.0
"""Seconds that the body of a cancelled run gets."""


class _Timed(Deadline):
    __slots__ = ("at", "is_over", "is_told", "timer")
    at: float
    is_told: bool
    timer: Timer
    is_over: bool


class Stopper:
    """The engine's watch over deadlines, and what everybody calls who cancels a run here."""

    def begin(self, context: RunContext, seconds: float) -> Deadline:
        """Let an attempt's time begin."""
        deadline = _Timed(context, seconds)
        deadline.is_over = deadline.is_told = False
        self._set(deadline)
        return deadline

    def end(self, deadline: Deadline) -> None:
        """Note that the attempt is over, and how late."""
        assert isinstance(deadline, _Timed)
        deadline.is_over = True
        if deadline.is_past:
            deadline.late = time.monotonic() - deadline.at
        else:
            TIMERS.call_off(deadline.timer)

    def listen(self, context: RunContext) -> Callable[[], None] | None:
        """Let SIGTERM end this run before the process; return what stops listening."""
        return listen(context)

    def cancel(self, context: RunContext, reason: str, patience: float = PATIENCE) -> bool:
        """Ask a run to end as Cancelled; return False where what it came to is decided already."""
        if context.is_sealed:
            return False
        STOPS.any = True
        if context.request is None:
            context.request = reason
        self._press(context, None, time.monotonic() + patience)
        return True

    def _set(self, deadline: _Timed) -> None:
        deadline.at = time.monotonic() + deadline.seconds
        deadline.timer = TIMERS.after(deadline.seconds, partial(self._expire, deadline))

    def _expire(self, deadline: _Timed) -> None:
        if deadline.is_over:
            return
        if is_debugged():
            self._set(deadline)  # its time begins anew when the debugger lets go
            return
        STOPS.any = True
        deadline.is_past = True
        self._press(deadline.context, deadline, deadline.at + _MOMENT)

    def _press(self, context: RunContext, deadline: _Timed | None, give_up_at: float) -> None:
        """Interrupt what a run does, again and again until it goes on."""
        if context.is_sealed or (deadline is not None and deadline.is_over):
            return
        reach, now = context.reach, time.monotonic()
        if reach is not None:
            reach.interrupt()
            if now >= give_up_at:
                reach.give_up()
            if deadline is not None and not deadline.is_told and now - deadline.at > _OVERDUE:
                deadline.is_told = True
                _tell_overdue(context, deadline.seconds)
        wait = _BEAT if now >= give_up_at else min(_BEAT, give_up_at - now)
        TIMERS.after(wait, partial(self._press, context, deadline, give_up_at))


STOPPER = Stopper()


def _tell_overdue(context: RunContext, seconds: float) -> None:
    log_for(context).warning(
        "%s run %r has exceeded its timeout of %s second(s) and cannot be interrupted where it is; "
        "it goes on until what it calls returns",
        context.spec.kind,
        context.run.name,
        seconds,
    )


def cancel_run(run: TaskRun | FlowRun, reason: str, patience: float = PATIENCE) -> bool:
    """Cancel an open run of this process; return whether it will end as Cancelled."""
    handle = run.handle
    if isinstance(handle, RunContext):
        return STOPPER.cancel(handle, reason, patience)
    return handle is not None and bool(handle.stop(reason, patience))
