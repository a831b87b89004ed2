"""Runs as they are listed and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flowstone.core.ids import id_text
from flowstone.server.wire.kinds import (
    Id,
    Seconds,
    StateTypeText,
    Time,
    id_or_none,
    seconds,
    time_or_none,
)
from flowstone.server.wire.times import time_text
from flowstone.store.reading.details import Attempt, DefinitionRow, ProcessRow, StateCount
from flowstone.store.results import ResultRow
from flowstone.store.rows import FlowRunRow, InputRow, RunRow, StateEntry, TaskRunRow
from flowstone.store.usage import UsageRow


class StateShown(msgspec.Struct, frozen=True, kw_only=True):
    """The state that a run is in. Its name is what people read, its type decides what follows."""

    type: StateTypeText
    name: str
    message: str | None


class StatePassed(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a run was in, from `at` on."""

    type: StateTypeText
    name: str
    at: Time
    message: str | None


class StateRuns(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs are in a state."""

    type: StateTypeText
    name: str
    runs: int


class RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """What flow runs and task runs have in common.

    `verdict` says why a run is shown in a state that its process did not say: Crashed because it
    `died` or the flow run `closed` it, Cancelling because somebody `asked`. `seconds` is from start
    to end, null while the run is open.
    """

    id: Id
    name: str
    state: StateShown
    created: Time
    started: Time | None
    ended: Time | None
    seconds: Seconds | None
    attempt: int
    tags: tuple[str, ...]
    scheduled: Time | None
    verdict: str | None


class FlowRunItem(RunItem, frozen=True, kw_only=True):
    """A flow run in a list, with how many task runs it has in each state.

    `parameters` are in lists only where they are asked for.
    """

    flow: str
    flow_version: str | None
    parent_flow_run: Id | None
    parent_task_run: Id | None
    task_runs: tuple[StateRuns, ...]
    parameters: dict[str, Any] | None = None


class TaskRunItem(RunItem, frozen=True, kw_only=True):
    """A task run in a list; `parent` is the task run that called it."""

    task: str
    task_key: str
    task_version: str | None
    flow_run: Id | None
    flow_run_name: str | None
    flow: str | None
    parent: Id | None


class FlowRunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some flow runs. `searched_to` is set where the page is not full though more may follow."""

    items: list[FlowRunItem]
    next: str | None
    searched_to: Time | None


class TaskRunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some task runs. `searched_to` is set where the page is not full though more may follow."""

    items: list[TaskRunItem]
    next: str | None
    searched_to: Time | None


class RunProcess(msgspec.Struct, frozen=True, kw_only=True):
    """The process that a run was in. `ended` is null as long as it is not known to be dead.

    `lost_records` and `lost_lines` are what it could not write.
    """

    pid: int
    host: str
    python: str
    flowstone: str
    started: Time
    ended: Time | None
    lost_records: int
    lost_lines: int


class ProgressShown(msgspec.Struct, frozen=True, kw_only=True):
    """How far a loop of a run is; `total` is null where it is not known."""

    description: str
    done: int
    total: int | None
    updated: Time


class ResultShown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's result is: the storage, and the name in it.

    `is_hit`: it was there before the run. `is_kept`: it can be loaded. `seconds` is what the call
    took that made it. `reason` says why a look under the key found nothing to use.
    """

    at: Time
    place: str
    key: str | None
    is_hit: bool
    is_kept: bool
    seconds: Seconds
    reason: str | None


class UsageShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the last attempt of a run used: seconds of processors, and bytes where it is known."""

    cpu_seconds: Seconds
    peak_memory: int | None


class CallGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one task that a flow run called. `group` unfolds them in the graph."""

    group: str
    task: str
    runs: int
    states: tuple[StateRuns, ...]


class FlowRunShown(FlowRunItem, frozen=True, kw_only=True):
    """A flow run with what belongs to it.

    `subflow_runs` and `artifacts` are how many there are, 1000 at most. `parent_name` is the name
    of the flow run that called it.
    """

    parameters: dict[str, Any]
    description: str | None
    retries: int
    entrypoint: str | None
    parent_name: str | None
    is_open: bool
    is_seen: bool
    states: tuple[StatePassed, ...]
    calls: tuple[CallGroup, ...]
    process: RunProcess | None
    progress: tuple[ProgressShown, ...]
    result: ResultShown | None
    subflow_runs: int
    artifacts: int


class AttemptShown(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a run was tried: the state that ended it, null while it goes on."""

    number: int
    started: Time
    ended: Time | None
    state: StatePassed | None


class InputShown(msgspec.Struct, frozen=True, kw_only=True):
    """One end of an edge: the result of one run is a parameter (`name`) of the other.

    `kind` is `task` or `flow`, null where nothing but the id is known of the run.
    """

    name: str
    run: Id
    run_name: str
    kind: str | None
    of: str | None
    state: StateShown | None


class TaskRunShown(TaskRunItem, frozen=True, kw_only=True):
    """A task run with what belongs to it.

    `upstream` and `downstream` hold 100 each at most, the counts beside them are of all.
    """

    description: str | None
    retries: int
    parent_name: str | None
    is_open: bool
    states: tuple[StatePassed, ...]
    attempts: tuple[AttemptShown, ...]
    upstream: tuple[InputShown, ...]
    upstream_count: int
    downstream: tuple[InputShown, ...]
    downstream_count: int
    process: RunProcess | None
    progress: tuple[ProgressShown, ...]
    result: ResultShown | None
    usage: UsageShown | None


def flow_run_item(
    row: FlowRunRow, counts: Sequence[StateCount], *, with_parameters: bool = False
) -> FlowRunItem:
    """Return a flow run as lists show it."""
    given = parameters_of(row) if with_parameters else None
    return FlowRunItem(**flow_run_fields(row, counts), parameters=given)


def task_run_item(row: TaskRunRow) -> TaskRunItem:
    """Return a task run as lists show it."""
    return TaskRunItem(**task_run_fields(row))


def flow_run_fields(row: FlowRunRow, counts: Sequence[StateCount]) -> dict[str, Any]:
    """Return the fields of `FlowRunItem`."""
    return _fields(row) | {
        "flow": row.flow_name,
        "flow_version": row.flow_version,
        "parent_flow_run": id_or_none(row.parent_flow_run),
        "parent_task_run": id_or_none(row.parent_task_run),
        "task_runs": state_runs(counts),
    }


def parameters_of(row: FlowRunRow) -> dict[str, Any]:
    """Return parameters as an object; what is none stands under the name of nothing."""
    try:
        return msgspec.json.decode(row.parameters, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"": row.parameters}


def task_run_fields(row: TaskRunRow) -> dict[str, Any]:
    """Return the fields of `TaskRunItem`."""
    return _fields(row) | {
        "task": row.task_name,
        "task_key": row.task_key,
        "task_version": row.task_version,
        "flow_run": id_or_none(row.flow_run),
        "flow_run_name": row.flow_run_name,
        "flow": row.flow_name,
        "parent": id_or_none(row.parent),
    }


def state_runs(counts: Sequence[StateCount]) -> tuple[StateRuns, ...]:
    """Return counts by state as they travel."""
    return tuple(StateRuns(type=one.type, name=one.name, runs=one.runs) for one in counts)


def state_passed(entry: StateEntry) -> StatePassed:
    """Return a state of a run's history as it travels."""
    return StatePassed(
        type=entry.type, name=entry.name, at=time_text(entry.at), message=entry.message
    )


def attempt_shown(attempt: Attempt) -> AttemptShown:
    """Return an attempt as it travels."""
    return AttemptShown(
        number=attempt.number,
        started=time_text(attempt.started),
        ended=time_or_none(attempt.ended),
        state=None if attempt.state is None else state_passed(attempt.state),
    )


def input_shown(row: InputRow) -> InputShown:
    """Return one end of an edge as it travels."""
    state = None
    if row.state_type is not None:
        state = StateShown(type=row.state_type, name=row.state_name, message=None)
    kind = "task" if row.task_name is not None else "flow" if row.flow_name is not None else None
    return InputShown(
        name=row.name,
        run=id_text(row.run),
        run_name=row.run_name,
        kind=kind,
        of=row.task_name or row.flow_name,
        state=state,
    )


def process_shown(row: ProcessRow | None) -> RunProcess | None:
    """Return a process as it travels."""
    if row is None:
        return None
    return RunProcess(
        pid=row.pid,
        host=row.host,
        python=row.python,
        flowstone=row.version,
        started=time_text(row.started),
        ended=time_or_none(row.ended),
        lost_records=row.lost_records,
        lost_lines=row.lost_lines,
    )


def result_shown(row: ResultRow | None) -> ResultShown | None:
    """Return where a result is, as it travels."""
    if row is None:
        return None
    return ResultShown(
        at=time_text(row.at),
        place=row.place,
        key=row.key,
        is_hit=row.is_hit,
        is_kept=row.is_kept,
        seconds=row.seconds,
        reason=row.reason,
    )


def usage_shown(row: UsageRow | None) -> UsageShown | None:
    """Return what a run used, as it travels."""
    return None if row is None else UsageShown(cpu_seconds=row.cpu, peak_memory=row.memory)


def definition_fields(row: DefinitionRow) -> dict[str, Any]:
    """Return what a run's definition says of itself, as fields of `FlowRunShown`."""
    return {
        "description": row.description,
        "retries": row.retries,
        "entrypoint": row.entrypoint,
    }


def _fields(row: RunRow) -> dict[str, Any]:
    over = row.end is not None and row.start is not None
    return {
        "id": id_text(row.id),
        "name": row.name,
        "state": StateShown(type=row.state_type, name=row.state_name, message=row.message),
        "created": time_text(row.created),
        "started": time_or_none(row.start),
        "ended": time_or_none(row.end),
        "seconds": seconds((row.end or 0) - (row.start or 0)) if over else None,
        "attempt": row.attempt,
        "tags": row.tags,
        "scheduled": time_or_none(row.scheduled),
        "verdict": row.verdict,
    }
