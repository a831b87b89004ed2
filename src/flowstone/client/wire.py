"""What a server answers, as far as clients read it, and the rows of the store that it stands for.

What a newer server says beyond that is passed over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from flowstone.store.artifacts import ArtifactRow, ProgressRow
from flowstone.store.results import ResultRow
from flowstone.store.rows import FlowRunRow, InputRow, LineRow, StateEntry, TaskRunRow
from flowstone.store.usage import UsageRow
from flowstone.store.variables import VariableRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StateShown(msgspec.Struct, kw_only=True):
    """A state, or (`at`) since when."""

    type: str
    name: str
    message: str | None = None
    at: datetime | None = None


class StateRuns(msgspec.Struct):
    """How many runs are in a state."""

    name: str
    runs: int


class Progress(msgspec.Struct):
    """How far a loop is."""

    description: str
    done: int
    total: int | None
    updated: datetime


class Result(msgspec.Struct):
    """Where a result is."""

    at: datetime
    place: str
    key: str | None
    is_hit: bool
    is_kept: bool
    seconds: float
    reason: str | None


class Usage(msgspec.Struct):
    """What a run used."""

    cpu_seconds: float
    peak_memory: int | None


class Input(msgspec.Struct):
    """One end of an edge."""

    name: str
    run: UUID
    run_name: str
    kind: str | None
    of: str | None
    state: StateShown | None


class Run(msgspec.Struct, kw_only=True):
    """What flow runs and task runs have in common."""

    id: UUID
    name: str
    state: StateShown
    created: datetime
    started: datetime | None
    ended: datetime | None
    attempt: int
    tags: tuple[str, ...]
    scheduled: datetime | None
    verdict: str | None = None
    progress: tuple[Progress, ...] = ()
    result: Result | None = None


class FlowRun(Run, kw_only=True):
    """A flow run."""

    flow: str
    flow_version: str | None
    parent_flow_run: UUID | None
    parent_task_run: UUID | None
    task_runs: tuple[StateRuns, ...] = ()
    parameters: dict[str, Any] | None = None


class TaskRun(Run, kw_only=True):
    """A task run."""

    task: str
    task_key: str
    task_version: str | None
    flow_run: UUID | None
    flow_run_name: str | None
    flow: str | None
    parent: UUID | None
    upstream: tuple[Input, ...] = ()
    upstream_count: int = 0
    downstream: tuple[Input, ...] = ()
    downstream_count: int = 0
    usage: Usage | None = None


class FlowRuns(msgspec.Struct):
    """A page of flow runs."""

    items: list[FlowRun]
    next: str | None


class TaskRuns(msgspec.Struct):
    """A page of task runs."""

    items: list[TaskRun]
    next: str | None


class Line(msgspec.Struct, kw_only=True):
    """A log line."""

    at: datetime
    level: int
    logger: str
    message: str
    flow_run: UUID | None
    flow_run_name: str | None
    task_run: UUID | None
    task_run_name: str | None


class Lines(msgspec.Struct):
    """A page of log lines."""

    items: list[Line]
    next: str | None
    follow: str


class Artifact(msgspec.Struct, kw_only=True):
    """One version of an artifact."""

    id: UUID
    type: str
    key: str | None
    description: str | None
    flow_run: UUID | None
    flow_run_name: str | None
    task_run: UUID | None
    task_run_name: str | None
    created: datetime
    updated: datetime
    data: str | None


class Artifacts(msgspec.Struct):
    """A page of artifacts."""

    items: list[Artifact]
    next: str | None


class Variable(msgspec.Struct, kw_only=True):
    """A variable; its value is JSON as it is written."""

    id: UUID
    name: str
    value: msgspec.Raw
    tags: tuple[str, ...]
    created: datetime
    updated: datetime


class Variables(msgspec.Struct):
    """A page of variables."""

    items: list[Variable]
    next: str | None


class FlowVersion(msgspec.Struct):
    """The newest version of a flow."""

    tags: tuple[str, ...]


class Flow(msgspec.Struct):
    """A flow."""

    name: str
    newest: FlowVersion


class Flows(msgspec.Struct):
    """A page of flows."""

    items: list[Flow]
    next: str | None


class Edge(msgspec.Struct):
    """A result that goes from one run to another."""

    source: str
    target: str


class Group(msgspec.Struct):
    """Runs that a graph shows as one."""

    id: str


class Graph(msgspec.Struct):
    """The graph of a flow run."""

    groups: list[Group]
    edges: list[Edge]


class Unfolded(msgspec.Struct):
    """The runs of a group; its items are not read, the edges are."""

    edges: list[Edge]
    next: str | None


class Cancelled(msgspec.Struct):
    """Whether a run is Cancelled already."""

    is_cancelled: bool


class Deleted(msgspec.Struct):
    """How many runs were deleted."""

    runs: int


def nanoseconds(moment: datetime) -> int:
    """Return a moment as nanoseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(at: int) -> datetime:
    """Return nanoseconds since 1970 as a moment."""
    return _EPOCH + timedelta(microseconds=at // 1000)


def flow_run_row(one: FlowRun) -> FlowRunRow:
    """Return a flow run as the store has it."""
    return FlowRunRow(
        **_common(one, one.parent_task_run),
        flow_name=one.flow,
        flow_version=one.flow_version,
        parameters=msgspec.json.encode(one.parameters or {}).decode(),
        parent_flow_run=_raw(one.parent_flow_run),
    )


def task_run_row(one: TaskRun) -> TaskRunRow:
    """Return a task run as the store has it."""
    return TaskRunRow(
        **_common(one, one.parent),
        task_name=one.task,
        task_key=one.task_key,
        task_version=one.task_version,
        flow_run=_raw(one.flow_run),
        flow_run_name=one.flow_run_name,
        flow_name=one.flow,
    )


def state_entry(one: StateShown) -> StateEntry:
    """Return a state of a run's history as the store has it."""
    return StateEntry(one.type, one.name, _at(one.at) or 0, one.message)


def input_row(one: Input) -> InputRow:
    """Return one end of an edge as the store has it."""
    return InputRow(
        name=one.name,
        run=one.run.bytes,
        run_name=one.run_name,
        task_name=one.of if one.kind == "task" else None,
        flow_name=one.of if one.kind == "flow" else None,
        state_type=None if one.state is None else one.state.type,
        state_name="" if one.state is None else one.state.name,
    )


def line_row(one: Line) -> LineRow:
    """Return a log line as the store has it."""
    return LineRow(
        at=nanoseconds(one.at),
        level=one.level,
        logger=one.logger,
        message=one.message,
        flow_run=_raw(one.flow_run),
        task_run=_raw(one.task_run),
        flow_run_name=one.flow_run_name,
        task_run_name=one.task_run_name,
    )


def artifact_row(one: Artifact) -> ArtifactRow:
    """Return a version of an artifact as the store has it."""
    fields: dict[str, Any] = msgspec.structs.asdict(one) | {
        "id": one.id.bytes,
        "flow_run": _raw(one.flow_run),
        "task_run": _raw(one.task_run),
        "created": nanoseconds(one.created),
        "updated": nanoseconds(one.updated),
    }
    return ArtifactRow(**fields)


def variable_row(one: Variable) -> VariableRow:
    """Return a variable as the store has it."""
    return VariableRow(
        id=one.id.bytes,
        name=one.name,
        value=bytes(one.value).decode(),
        tags=one.tags,
        created=nanoseconds(one.created),
        updated=nanoseconds(one.updated),
    )


def progress_row(one: Progress) -> ProgressRow:
    """Return how far a loop is, as the store has it."""
    return ProgressRow(one.description, one.done, one.total, nanoseconds(one.updated))


def result_row(run: bytes, one: Result | None) -> ResultRow | None:
    """Return where a result is, as the store has it."""
    if one is None:
        return None
    return ResultRow(
        run, nanoseconds(one.at), one.place, one.key, one.is_hit, one.is_kept, one.seconds,
        one.reason,
    )  # fmt: skip


def usage_row(one: Usage | None) -> UsageRow | None:
    """Return what a run used, as the store has it."""
    return None if one is None else UsageRow(one.cpu_seconds, one.peak_memory)


def _common(one: Run, parent: UUID | None) -> dict[str, Any]:
    return {
        "id": one.id.bytes,
        "name": one.name,
        "state_type": one.state.type,
        "state_name": one.state.name,
        "message": one.state.message,
        "created": nanoseconds(one.created),
        "start": _at(one.started),
        "end": _at(one.ended),
        "attempt": one.attempt,
        "tags": one.tags,
        "parent": _raw(parent),
        "scheduled": _at(one.scheduled),
        "log_id": b"",  # servers do not tell it: nothing that a client asks needs it
        "verdict": one.verdict,
    }


def _at(given: datetime | None) -> int | None:
    return None if given is None else nanoseconds(given)


def _raw(given: UUID | None) -> bytes | None:
    return None if given is None else given.bytes


def raw(text: str) -> msgspec.Raw:
    """Return JSON that is written already, to be sent as it is."""
    return msgspec.Raw(text.encode())


def texts(packed: str | None) -> tuple[str, ...]:
    """Return the texts that a column of JSON holds."""
    return tuple(msgspec.json.decode(packed, type=list[str])) if packed else ()
