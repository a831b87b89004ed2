"""Ending a run from outside: at its deadline, or because somebody cancels it.

A request is only noted on the run's context. Whoever runs the body brings it there, as an exception
that user code does not catch by accident; the engine reads the note when the body has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowstone.core.context import RunContext

TERMINATED = "The process was asked to end."
"""The request of a run that ends because its process does (SIGTERM)."""


class Interrupted(BaseException):
    """Ends a body from outside. No `Exception`: `except Exception` must not catch it."""


class TerminationSignal(BaseException):
    """The process is asked to end (SIGTERM)."""


class Deadline:
    """The time that one attempt has; `is_past` is set once, by who watches the clock.

    `late` is how many seconds after it the attempt was over.
    """

    __slots__ = ("context", "is_past", "late", "seconds")

    def __init__(self, context: RunContext, seconds: float) -> None:
        self.context = context
        self.seconds = seconds
        self.is_past = False
        self.late = 0.0


class Reach:
    """How to get at what a run does now."""

    __slots__ = ()

    def interrupt(self) -> None:
        """Bring the request there; called again and again until the run goes on."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Let the run go on without what it does, where that can be done."""


class Stops:
    """Whether this process was ever asked to end a run; until then nobody looks around."""

    __slots__ = ("any",)

    def __init__(self) -> None:
        self.any = False


STOPS = Stops()


def stopper_of(context: RunContext | None) -> RunContext | None:
    """Return the run that is to end, this one or the next around it; None where none is."""
    while context is not None and not context.is_stopped:
        context = context.outer
    return context


def check_stops(context: RunContext | None) -> None:
    """Raise what ends the code of a run, where it or one around it is to end."""
    stopper = stopper_of(context)
    if stopper is not None:
        is_own = stopper is context
        raise TerminationSignal if is_own and stopper.request is TERMINATED else Interrupted


def why_stopped(context: RunContext, *, its_child: bool = False) -> str:
    """Return why a run is cancelled: the words of the request, or what became of a run around.

    With `its_child` why a run is cancelled that was submitted in this one.
    """
    stopper = stopper_of(context)
    if stopper is context and context.request is not None and not its_child:
        return context.request
    stopper = stopper or context
    what = "was cancelled" if stopper.request else "was interrupted"
    if stopper.request is TERMINATED:
        what = "was terminated"
    elif stopper.is_late:
        what = "exceeded its timeout"
    return f"Its {stopper.spec.kind.lower()} run {stopper.run.name!r} {what}."
