"""What clients answer with: runs, flows, log lines, artifacts, variables, limits."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import msgspec

from flowstone.client.wire import moment
from flowstone.core.states import UNKEPT, State, StateDetails, StateType
from flowstone.drive.limits.definitions import Usage
from flowstone.drive.limits.tags import PREFIX
from flowstone.store.artifacts import ArtifactRow
from flowstone.store.rows import FlowRunRow, LineRow, RunRow, StateEntry, TaskRunRow
from flowstone.store.variables import VariableRow

_FLOWS = UUID("6d1c1a2e-6b0e-5d39-9a54-2c8f6a3f7e10")
"""The namespace in which the ids of flows are made of their names."""


class SetStateStatus(StrEnum):
    """What came of asking for a state."""

    ACCEPT = "ACCEPT"
    """The run is in it."""
    WAIT = "WAIT"
    """Its process was asked, and has not done it yet."""


class OrchestrationResult(msgspec.Struct, frozen=True, kw_only=True):
    """The state that a run is in after one was asked for, and whether it is that one."""

    state: State[Any]
    status: SetStateStatus


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow. Flows are known by their names; `id` is made of it, the same everywhere."""

    id: UUID
    name: str
    tags: list[str]


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    state: State[Any]
    tags: list[str]
    run_count: int
    created: datetime
    start_time: datetime | None
    end_time: datetime | None
    next_scheduled_start_time: datetime | None
    parent_task_run_id: UUID | None

    @property
    def state_type(self) -> StateType:
        """The type of its state."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of its state."""
        return self.state.name

    @property
    def expected_start_time(self) -> datetime:
        """When it was to start: as scheduled, else when it was made."""
        return self.next_scheduled_start_time or self.created

    @property
    def total_run_time(self) -> timedelta:
        """How long it took from its first start to its end; nothing while it is open."""
        if self.start_time is None or self.end_time is None:
            return timedelta()
        return self.end_time - self.start_time


class FlowRun(_Run, frozen=True, kw_only=True):
    """A flow run."""

    flow_id: UUID
    flow_name: str
    flow_version: str | None
    parameters: dict[str, Any]
    parent_flow_run_id: UUID | None


class TaskRun(_Run, frozen=True, kw_only=True):
    """A task run. `flow_run_id` is None outside of flows."""

    task_name: str
    task_key: str
    task_version: str | None
    flow_run_id: UUID | None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """A log line; `name` is the logger's."""

    name: str
    level: int
    message: str
    timestamp: datetime
    flow_run_id: UUID | None
    task_run_id: UUID | None


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an artifact; `data` is its text, or JSON as text."""

    id: UUID
    type: str
    key: str | None
    description: str | None
    data: str | None
    flow_run_id: UUID | None
    task_run_id: UUID | None
    created: datetime
    updated: datetime


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable."""

    id: UUID
    name: str
    value: Any
    tags: list[str]
    created: datetime
    updated: datetime


class GlobalConcurrencyLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and how many of its slots are taken."""

    id: UUID
    name: str
    limit: int
    active: bool
    active_slots: int
    slot_decay_per_second: float
    created: datetime
    updated: datetime


class ConcurrencyLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The limit of a tag; `active_slots` are the task runs that hold one, as far as known."""

    id: UUID
    tag: str
    concurrency_limit: int
    active_slots: list[UUID]
    created: datetime
    updated: datetime


def flow_id_of(name: str) -> UUID:
    """Return the id of the flow of that name."""
    return uuid5(_FLOWS, name)


def flow_of(name: str, tags: tuple[str, ...]) -> Flow:
    """Return a flow as clients have it."""
    return Flow(id=flow_id_of(name), name=name, tags=list(tags))


def flow_run_of(row: FlowRunRow, last: StateEntry | None = None) -> FlowRun:
    """Return a flow run as clients have it; `last` is its state, where the time of it is known."""
    parameters = _parameters(row.parameters)
    return FlowRun(
        **_common(row, last, StateDetails(flow_run_id=UUID(bytes=row.id))),
        flow_id=flow_id_of(row.flow_name),
        flow_name=row.flow_name,
        flow_version=row.flow_version,
        parameters=parameters,
        parent_flow_run_id=_id(row.parent_flow_run),
    )


def task_run_of(row: TaskRunRow, last: StateEntry | None = None) -> TaskRun:
    """Return a task run as clients have it; `last` is its state, where the time of it is known."""
    flow_run = _id(row.flow_run)
    return TaskRun(
        **_common(row, last, StateDetails(task_run_id=UUID(bytes=row.id), flow_run_id=flow_run)),
        task_name=row.task_name,
        task_key=row.task_key,
        task_version=row.task_version,
        flow_run_id=flow_run,
    )


def state_of(run: bytes, entry: StateEntry) -> State[Any]:
    """Return a state of a run's history as clients have it: the same id each time it is read."""
    kind = StateType(entry.type)
    return State(
        kind,
        entry.name,
        entry.message,
        UNKEPT if kind is StateType.COMPLETED else None,
        timestamp=moment(entry.at),
        id=uuid5(UUID(bytes=run), f"{entry.at // 1000} {entry.type} {entry.name}"),
    )


def log_of(row: LineRow) -> Log:
    """Return a log line as clients have it."""
    return Log(
        name=row.logger,
        level=row.level,
        message=row.message,
        timestamp=moment(row.at),
        flow_run_id=_id(row.flow_run),
        task_run_id=_id(row.task_run),
    )


def artifact_of(row: ArtifactRow) -> Artifact:
    """Return a version of an artifact as clients have it."""
    return Artifact(
        id=UUID(bytes=row.id),
        type=row.type,
        key=row.key,
        description=row.description,
        data=row.data,
        flow_run_id=_id(row.flow_run),
        task_run_id=_id(row.task_run),
        created=moment(row.created),
        updated=moment(row.updated),
    )


def variable_of(row: VariableRow) -> Variable:
    """Return a variable as clients have it."""
    return Variable(
        id=UUID(bytes=row.id),
        name=row.name,
        value=msgspec.json.decode(row.value),
        tags=list(row.tags),
        created=moment(row.created),
        updated=moment(row.updated),
    )


def global_limit_of(usage: Usage) -> GlobalConcurrencyLimit:
    """Return a limit as clients have it."""
    limit = usage.limit
    return GlobalConcurrencyLimit(
        id=UUID(bytes=limit.id),
        name=limit.name,
        limit=limit.limit,
        active=limit.active,
        active_slots=usage.used,
        slot_decay_per_second=limit.slot_decay_per_second,
        created=moment(limit.created),
        updated=moment(limit.updated),
    )


def tag_limit_of(usage: Usage) -> ConcurrencyLimit:
    """Return the limit of a tag as clients have it."""
    limit = usage.limit
    holders = [UUID(bytes=one.run) for one in usage.holders if one.run is not None]
    return ConcurrencyLimit(
        id=UUID(bytes=limit.id),
        tag=limit.name.removeprefix(PREFIX),
        concurrency_limit=limit.limit,
        active_slots=holders,
        created=moment(limit.created),
        updated=moment(limit.updated),
    )


def _common(row: RunRow, last: StateEntry | None, details: StateDetails) -> dict[str, Any]:
    at = row.end or row.start or row.created
    entry = last or StateEntry(row.state_type, row.state_name, at, row.message)
    state = state_of(row.id, entry)
    details.scheduled_time = _moment(row.scheduled)
    state.state_details = details
    return {
        "id": UUID(bytes=row.id),
        "name": row.name,
        "state": state,
        "tags": list(row.tags),
        "run_count": row.attempt,
        "created": moment(row.created),
        "start_time": _moment(row.start),
        "end_time": _moment(row.end),
        "next_scheduled_start_time": _moment(row.scheduled),
        "parent_task_run_id": _id(row.parent),
    }


def _parameters(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:  # what was recorded of a value that JSON does not have
        return {"": text}


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)


def _id(given: bytes | None) -> UUID | None:
    return None if given is None else UUID(bytes=given)
