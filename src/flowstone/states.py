"""States of runs, and short ways to make them: `Completed(message="done")`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowstone.core.final import final_state
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


def get_state_exception(state: State) -> BaseException:
    """Return the exception that a failed, crashed or cancelled state stands for."""
    return exception_of(state)


def raise_state_exception(state: State) -> None:
    """Raise the exception of a state that ended badly; do nothing for any other."""
    if state.is_failed() or state.is_crashed() or state.is_cancelled():
        raise exception_of(state)


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
    "Late",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "State",
    "StateDetails",
    "StateType",
    "get_state_exception",
    "is_state_iterable",
    "raise_state_exception",
    "return_value_to_state",
]
