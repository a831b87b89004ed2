"""The states of a run, and which may follow which.

| from                       | to                                                              |
|----------------------------|-----------------------------------------------------------------|
| SCHEDULED, PENDING         | anything: it may start, be changed, or end before it starts     |
| RUNNING                    | anything: it may be tried again, and a body may return any state|
| PAUSED                     | SCHEDULED (Resuming), RUNNING, CANCELLING, any terminal         |
| CANCELLING                 | any terminal                                                    |
| COMPLETED                  | COMPLETED (RolledBack)                                          |
| FAILED, CANCELLED, CRASHED | nothing: a resumed run is a new attempt under a new fence       |

A state has a type, which decides what may happen next, and a name, which people read. The name is
free; types have default names and the usual others are in `NAMES`.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, Literal, overload

import msgspec

from flowstone.annotations import SEEN
from flowstone.core.value import V_co
from flowstone.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    MissingResult,
    PausedRun,
    UnfinishedRun,
)


class StateType(StrEnum):
    """What kind of state it is. The order is the number on the wire; it never changes."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CRASHED = "CRASHED"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"


TYPES = tuple(StateType)
SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, CRASHED, PAUSED, CANCELLING = range(9)
"""The numbers of the types, as runs and records keep them."""

TERMINAL = frozenset({COMPLETED, FAILED, CANCELLED, CRASHED})
_ANY = frozenset(range(9))
MOVES: tuple[frozenset[int], ...] = (
    _ANY,
    _ANY,
    _ANY,
    frozenset({COMPLETED}),
    frozenset(),
    frozenset(),
    frozenset(),
    frozenset({SCHEDULED, RUNNING, CANCELLING}) | TERMINAL,
    TERMINAL,
)
"""For each type's number, the numbers of the types that may follow."""

NOT_READY = "NotReady"
"""The name of a Pending state in which a run has ended: a run whose result it takes failed."""

DEFAULT_NAMES = tuple(kind.value.capitalize() for kind in TYPES)
NAMES: dict[StateType, tuple[str, ...]] = {
    StateType.SCHEDULED: (
        "Scheduled",
        "Late",
        "AwaitingRetry",
        "AwaitingConcurrencySlot",
        "Resuming",
    ),
    StateType.PENDING: ("Pending", "NotReady", "Submitting", "InfrastructurePending"),
    StateType.RUNNING: ("Running", "Retrying"),
    StateType.COMPLETED: ("Completed", "Cached", "RolledBack"),
    StateType.FAILED: ("Failed", "TimedOut"),
    StateType.CANCELLED: ("Cancelled",),
    StateType.CRASHED: ("Crashed",),
    StateType.PAUSED: ("Paused", "Suspended"),
    StateType.CANCELLING: ("Cancelling",),
}
"""The names that Flowstone itself gives to states of each type, the default first."""


class StateDetails(msgspec.Struct, kw_only=True):
    """What belongs to a state beside its type, name and message."""

    flow_run_id: uuid.UUID | None = None
    task_run_id: uuid.UUID | None = None
    child_flow_run_id: uuid.UUID | None = None
    scheduled_time: datetime | None = None
    cache_key: str | None = None
    cache_expiration: datetime | None = None
    pause_timeout: datetime | None = None
    pause_reschedule: bool = False
    pause_key: str | None = None


class State(Generic[V_co]):
    """One state of a run: its type, its name, when it began, and what it carries.

    `data` is the value of a completed run, the exception of a failed one, or None.
    """

    __slots__ = (
        "__weakref__",
        "data",
        "id",
        "message",
        "name",
        "state_details",
        "timestamp",
        "type",
    )

    def __init__(
        self,
        type: StateType | str,  # noqa: A002  the field is called so wherever users meet it
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        *,
        timestamp: datetime | None = None,
        state_details: StateDetails | None = None,
        id: uuid.UUID | None = None,  # noqa: A002
    ) -> None:
        SEEN.any = True
        self.type = StateType(type)
        self.name = name or self.type.value.capitalize()
        self.message = message
        self.data = data
        self.timestamp = timestamp or datetime.now(UTC)
        self.state_details = details = state_details or StateDetails()
        if self.type is StateType.SCHEDULED and details.scheduled_time is None:
            details.scheduled_time = self.timestamp
        self.id = id or uuid.uuid4()

    def is_scheduled(self) -> bool:
        """Whether the type is SCHEDULED."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Whether the type is PENDING."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Whether the type is RUNNING."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Whether the type is COMPLETED."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Whether the type is FAILED."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Whether the type is CRASHED."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Whether the type is CANCELLED."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Whether the type is CANCELLING."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Whether the type is PAUSED."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """Whether the run has ended."""
        return number_of(self) in TERMINAL

    @overload
    def result(
        self, raise_on_failure: Literal[True] = True, retry_result_failure: bool = True
    ) -> V_co: ...
    @overload
    def result(self, raise_on_failure: bool, retry_result_failure: bool = True) -> Any: ...
    def result(self, raise_on_failure: bool = True, retry_result_failure: bool = True) -> Any:
        """Return the run's value, or raise what it failed with.

        With `raise_on_failure=False` the exception is returned instead. Raises `UnfinishedRun`
        where the run has not ended, `MissingResult` where its value was not kept.
        """
        del retry_result_failure  # nothing here is fetched from afar, so nothing is tried again
        if self.is_completed():
            if self.data is UNKEPT:
                message = (
                    f"The value of {self!s} was not kept, so it cannot be read here. Declare the "
                    "task or flow with persist_result=True, or set results.persist_by_default."
                )
                raise MissingResult(message)
            return self.data
        if not raise_on_failure and (self.is_final() or self.name == NOT_READY):
            return exception_of(self) if self.data is None else self.data
        raise exception_of(self)

    @overload
    async def aresult(
        self, raise_on_failure: Literal[True] = True, retry_result_failure: bool = True
    ) -> V_co: ...
    @overload
    async def aresult(self, raise_on_failure: bool, retry_result_failure: bool = True) -> Any: ...
    async def aresult(
        self, raise_on_failure: bool = True, retry_result_failure: bool = True
    ) -> Any:
        """Do what `result` does, for callers that want to await it."""
        return self.result(raise_on_failure, retry_result_failure)

    def fresh_copy(self) -> State:
        """Return a copy with a new id and the time of now."""
        details = copy.copy(self.state_details)
        return State(self.type, self.name, self.message, self.data, state_details=details)

    def model_copy(self, *, update: dict[str, Any] | None = None) -> State:
        """Return a copy with the fields in `update` replaced and, unless given, the time of now."""
        twin = copy.copy(self)
        twin.state_details = copy.copy(self.state_details)
        twin.timestamp = datetime.now(UTC)
        for name, value in (update or {}).items():
            setattr(twin, name, value)
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return (self.type, self.name, self.message, self.id) == (
            other.type,
            other.name,
            other.message,
            other.id,
        )

    def __hash__(self) -> int:
        details = self.state_details
        return hash((details.flow_run_id, details.task_run_id, self.timestamp, self.type))

    def __str__(self) -> str:
        parts = [repr(self.message)] if self.message else []
        if self.name != self.type.value.capitalize():
            parts.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(parts)})"

    def __repr__(self) -> str:
        return (
            f"{self.name}(message={self.message!r}, type={self.type.value}, result={self.data!r})"
        )


class _Unkept:
    """The value of a completed run that was not kept."""

    def __repr__(self) -> str:
        return "<not kept>"


UNKEPT = _Unkept()


def number_of(state: State) -> int:
    """Return the number of a state's type, as runs and records keep it."""
    return TYPES.index(state.type)


def is_state_iterable(value: object) -> bool:
    """Whether `value` is a non-empty list, tuple or set of states and nothing else."""
    return (
        isinstance(value, (list, tuple, set))
        and len(value) > 0
        and all(isinstance(item, State) for item in value)
    )


_WRAPPERS: dict[StateType, tuple[type[Exception], str]] = {
    StateType.FAILED: (FailedRun, "Run failed."),
    StateType.CRASHED: (CrashedRun, "Run crashed."),
    StateType.CANCELLED: (CancelledRun, "Run cancelled."),
}


def exception_of(state: State) -> BaseException:
    """Return the exception that a state stands for: its own, or one made of its message.

    Raises `ValueError` for a completed state, or one that carries nothing but completed ones, and
    `TypeError` for data that is no exception.
    """
    if state.is_completed():
        message = f"{state!s} is not a failure; it has no exception."
        raise ValueError(message)
    if state.is_paused():
        return PausedRun("The run is paused; resume it to get its result.")
    if not state.is_final():
        if isinstance(state.data, UnfinishedRun):
            return state.data
        return UnfinishedRun(f"Run is in {state.type.value} state, its result is not available.")
    wrapper, default = _WRAPPERS[state.type]
    data = state.data
    if isinstance(data, BaseException):
        return data
    if data is None or data is UNKEPT:
        return wrapper(state.message or default)
    if isinstance(data, str):
        return wrapper(data)
    if isinstance(data, State):
        return exception_of(data)
    if is_state_iterable(data):
        return exception_of(_worst(state, data))
    message = (
        f"The data of {state!s} is of type {type(data).__name__}; a failed state carries an "
        "exception, a text, a state or states."
    )
    raise TypeError(message)


def _worst(state: State, inner: Iterable[State]) -> State:
    """Return the first of a failed state's states that failed, or else did not complete."""
    others = [one for one in inner if not one.is_completed()]
    if not others:
        message = f"{state!s} carries states, and all of them are completed; it has no exception."
        raise ValueError(message)
    return next((one for one in others if one.is_failed() or one.is_crashed()), others[0])
