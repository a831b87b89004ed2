"""States of runs, and short ways to make them: `Completed(message="done")`."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from flowstone.core.failures import error_text, why_crashed
from flowstone.core.final import StateGroup, final_state
from flowstone.core.states import (
    State,
    StateDetails,
    StateType,
    exception_of,
    is_state_iterable,
)


def _make(kind: StateType, name: str | None, fields: dict[str, Any]) -> State:
    fields.setdefault("name", name)
    return State(kind, **fields)


def _scheduled(name: str, scheduled_time: datetime | None, fields: dict[str, Any]) -> State:
    details = fields.setdefault("state_details", StateDetails())
    if details.scheduled_time is not None and scheduled_time is not None:
        message = "An extra scheduled_time was provided in state_details; give it once."
        raise ValueError(message)
    if details.scheduled_time is None:
        details.scheduled_time = scheduled_time or datetime.now(UTC)
    return _make(StateType.SCHEDULED, name, fields)


def Scheduled(scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Return a state of a run that is to start at a time (default: now)."""
    return _scheduled("Scheduled", scheduled_time, fields)


def Late(scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Return a state of a run that should have started already."""
    return _scheduled("Late", scheduled_time, fields)


def AwaitingRetry(scheduled_time: datetime | None = None, **fields: Any) -> State:  # noqa: N802
    """Return a state of a run that will be tried again at a time."""
    return _scheduled("AwaitingRetry", scheduled_time, fields)


def AwaitingConcurrencySlot(  # noqa: N802
    scheduled_time: datetime | None = None, **fields: Any
) -> State:
    """Return a state of a run that waits for a slot of a limit."""
    return _scheduled("AwaitingConcurrencySlot", scheduled_time, fields)


def Pending(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that has not started."""
    return _make(StateType.PENDING, "Pending", fields)


def Submitting(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that is being handed to what will run it."""
    return _make(StateType.PENDING, "Submitting", fields)


def InfrastructurePending(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run whose machine is being made ready."""
    return _make(StateType.PENDING, "InfrastructurePending", fields)


def Running(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run whose body runs."""
    return _make(StateType.RUNNING, "Running", fields)


def Retrying(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run whose body runs once more."""
    return _make(StateType.RUNNING, "Retrying", fields)


def Completed(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that ended well."""
    return _make(StateType.COMPLETED, "Completed", fields)


def Failed(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that ended with an error of its own."""
    return _make(StateType.FAILED, "Failed", fields)


def Crashed(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that something outside of it ended."""
    return _make(StateType.CRASHED, "Crashed", fields)


def Cancelling(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that was asked to end."""
    return _make(StateType.CANCELLING, "Cancelling", fields)


def Cancelled(**fields: Any) -> State:  # noqa: N802
    """Return a state of a run that ended because it was asked to."""
    return _make(StateType.CANCELLED, "Cancelled", fields)


def Paused(  # noqa: N802
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    reschedule: bool = False,  # noqa: FBT001, FBT002  by position, as users gave it before
    pause_key: str | None = None,
    **fields: Any,
) -> State:
    """Return a state of a run that waits to be resumed, for ever or until a time.

    Raises `ValueError` where that time is given twice.
    """
    details = fields.setdefault("state_details", StateDetails())
    if details.pause_timeout is not None:
        message = "An extra pause timeout was provided in state_details; give the time once."
        raise ValueError(message)
    if timeout_seconds is not None and pause_expiration_time is not None:
        message = "A pause ends after timeout_seconds or at pause_expiration_time; give only one."
        raise ValueError(message)
    if timeout_seconds is not None:
        pause_expiration_time = datetime.now(UTC) + timedelta(seconds=timeout_seconds)
    details.pause_timeout = pause_expiration_time
    details.pause_reschedule = reschedule
    details.pause_key = pause_key
    return _make(StateType.PAUSED, "Paused", fields)


def Suspended(  # noqa: N802
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    pause_key: str | None = None,
    **fields: Any,
) -> State:
    """Return a state of a run that has left its process and waits to be resumed in another one.

    Raises `ValueError` where the time until which it waits is given twice.
    """
    fields.setdefault("name", "Suspended")
    return Paused(timeout_seconds, pause_expiration_time, True, pause_key, **fields)


def get_state_exception(state: State) -> BaseException:
    """Return the exception that a failed, crashed or cancelled state stands for."""
    return exception_of(state)


async def aget_state_exception(state: State) -> BaseException:
    """Do what `get_state_exception` does, for callers that want to await it."""
    return exception_of(state)


def raise_state_exception(state: State) -> None:
    """Raise the exception of a state that ended badly; do nothing for any other."""
    if state.is_failed() or state.is_crashed() or state.is_cancelled():
        raise exception_of(state)


async def araise_state_exception(state: State) -> None:
    """Do what `raise_state_exception` does, for callers that want to await it."""
    raise_state_exception(state)


def exception_to_failed_state(exc: BaseException | None = None, **fields: Any) -> State:
    """Return a Failed state that carries an exception, by default the one being handled.

    A `message` stands before the exception's text. Raises `ValueError` where there is no exception.
    """
    exc = exc or sys.exception()
    if exc is None:
        message = "No exception was given, and none is being handled here; pass one."
        raise ValueError(message)
    before = fields.pop("message", None)
    text = f"{before} {error_text(exc)}" if before else error_text(exc)
    return Failed(data=exc, message=text, **fields)


def exception_to_crashed_state(exc: BaseException) -> State:
    """Return a Crashed state that carries an exception and says in words what it means."""
    return Crashed(data=exc, message=why_crashed(exc))


def format_exception(exc: BaseException, tb: TracebackType | None = None) -> str:
    """Return an exception as text, with the places it went through where `tb` is given."""
    return "".join(traceback.format_exception(type(exc), exc, tb)).rstrip()


def return_value_to_state(value: Any) -> State:
    """Return the state that a body's return value makes of its run."""
    return final_state(value) or Completed(data=value)


__all__ = [
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "InfrastructurePending",
    "Late",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "State",
    "StateDetails",
    "StateGroup",
    "StateType",
    "Submitting",
    "Suspended",
    "aget_state_exception",
    "araise_state_exception",
    "exception_to_crashed_state",
    "exception_to_failed_state",
    "format_exception",
    "get_state_exception",
    "is_state_iterable",
    "raise_state_exception",
    "return_value_to_state",
]
