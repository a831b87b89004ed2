"""Builds the queries that list runs, newest first, and makes rows of what they find.

A query walks one index from its newest end. Where several values of a column will do (two states,
a task name of two tasks), each is walked by a query of its own and the answers are merged, because
one query over all of them would sort everything that it finds.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from flowstone.core.states import COMPLETED, TYPES
from flowstone.store.connection import EVERYTHING, Connection
from flowstone.store.lives import ASKED, CLOSED, DIED, is_end
from flowstone.store.rows import FlowRunRow, RunFilter, RunRow, TaskRunRow

Row = TypeVar("Row", bound=RunRow)
UNKNOWN = "(unknown)"
"""Stands for a name that was in a record which is lost."""
_VERDICTS = {DIED: "died", CLOSED: "closed", ASKED: "asked"}
_COMMON = """
    run.id, run.name, state.type, state.name, run.message, run.created, run.started, run.at,
    run.attempt, run.tags, run.parent, run.scheduled, log.id, run.mark, run.mark_at,
    run.mark_message"""
_COMMON_JOINS = """
    LEFT JOIN state ON state.ref = run.shown
    LEFT JOIN log ON log.ref = run.log"""
_tags = msgspec.json.Decoder(tuple[str, ...]).decode


class Kind(msgspec.Struct, Generic[Row], frozen=True):
    """A kind of run: its tables, and how a row is made of what `columns` select."""

    table: str
    noun: str
    columns: str
    joins: str
    make: Callable[[tuple[Any, ...]], Row]


def select(
    connection: Connection,
    kind: Kind[Row],
    wanted: RunFilter,
    limit: int,
    before: bytes | None,
) -> list[Row]:
    """Return the runs that fit, newest first; `limit` 0 is all, `before` goes on behind an id."""
    conditions, values = _conditions(connection, kind, wanted, before)
    ways = _ways(connection, kind, wanted)
    found: list[Iterable[tuple[Any, ...]]] = []
    for condition, value in ways:
        where = " AND ".join([condition, *conditions]) if conditions else condition
        found.append(_run(connection, kind, where, [*value, *values], limit))
    merged = heapq.merge(*found, key=lambda row: row[0], reverse=True)
    rows = [kind.make(row) for row in merged]
    return rows[:limit] if limit else rows


def select_where(
    connection: Connection, kind: Kind[Row], where: str, values: list[Any], limit: int
) -> list[Row]:
    """Return the runs that fit a condition, newest first."""
    return [kind.make(row) for row in _run(connection, kind, where, values, limit)]


def _run(
    connection: Connection, kind: Kind[Row], where: str, values: list[Any], limit: int
) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {kind.columns} FROM {kind.table} run {kind.joins} "  # noqa: S608 - our own names
        f"WHERE {where} ORDER BY run.id DESC LIMIT ?",
        [*values, limit or EVERYTHING],
    ).fetchall()


def _ways(
    connection: Connection, kind: Kind[Row], wanted: RunFilter
) -> list[tuple[str, list[Any]]]:
    """Return the conditions that each name one stretch of an index; together all that may fit."""
    parent = "parent_flow_run" if kind.table == "flow_run" else "flow_run"
    if wanted.flow_run is not None and kind.table == "task_run" and wanted.states:
        return _unusual_ways(connection, wanted.flow_run, _states(connection, wanted.states))
    if wanted.flow_run is not None:
        return [(f"run.{parent} = ?", [wanted.flow_run])]
    if kind.table == "task_run" and wanted.task is not None:
        return [("run.task = ?", [ref]) for ref in _refs(connection, "task", wanted.task)]
    if kind.table == "flow_run" and wanted.flow is not None:
        return [("run.flow = ?", [ref]) for ref in _refs(connection, "flow", wanted.flow)]
    states = _states(connection, wanted.states)
    if wanted.states and not (kind.table == "task_run" and COMPLETED in states):
        return [(unusual(kind.table, "run.shown = ?"), [ref]) for ref in states]
    return [("1 = 1", [])]


def unusual(table: str, condition: str) -> str:
    """Return a condition on the state (not Completed) of runs so that its index is used.

    Most task runs are Completed: their indexes by state have only the others.
    """
    return f"{condition} AND run.shown <> 3" if table == "task_run" else condition


def _unusual_ways(
    connection: Connection, flow_run: bytes, wanted: list[int]
) -> list[tuple[str, list[Any]]]:
    """Return one way for each state that the flow run has task runs in, as far as it is wanted."""
    counts = connection.execute(
        "SELECT state FROM task_count WHERE flow_run = ? AND runs > 0", (flow_run,)
    )
    here = {ref for (ref,) in counts}.intersection(wanted)
    ways: list[tuple[str, list[Any]]] = [
        (unusual("task_run", "run.flow_run = ? AND run.shown = ?"), [flow_run, ref])
        for ref in sorted(here - {COMPLETED})
    ]
    if COMPLETED in here:
        ways.append(("run.flow_run = ? AND +run.shown = 3", [flow_run]))
    return ways


def _conditions(
    connection: Connection, kind: Kind[Row], wanted: RunFilter, before: bytes | None
) -> tuple[list[str], list[Any]]:
    found: list[str] = []
    values: list[Any] = []

    def add(condition: str, *more: Any) -> None:
        found.append(condition)
        values.extend(more)

    if before is not None:
        add("run.id < ?", before)
    if wanted.since is not None:
        # Ids begin with the milliseconds of their time: the index ends where the time does.
        add("run.id >= ?", (wanted.since // 1_000_000 << 80).to_bytes(16, "big"))
        add("run.created >= ?", wanted.since)
    if wanted.states:
        states = _states(connection, wanted.states)
        add(_any_of("+run.shown", states), *states)
    if wanted.flow is not None:
        flows = _refs(connection, "flow", wanted.flow)
        add(_any_of("+run.flow" if kind.table == "flow_run" else "+owner.flow", flows), *flows)
    if wanted.task is not None and kind.table == "task_run":
        tasks = _refs(connection, "task", wanted.task)
        add(_any_of("+run.task", tasks), *tasks)
    for tag in wanted.tags:
        add(f"run.id IN (SELECT run FROM {kind.table}_tag WHERE tag = ?)", tag)  # noqa: S608
    return found, values


def _any_of(column: str, refs: list[int]) -> str:
    if not refs:
        return "1 = 0"
    # The + keeps the planner from walking this column's index instead of the one that was chosen.
    return f"{column} IN ({', '.join('?' * len(refs))})"


def _refs(connection: Connection, table: str, name: str) -> list[int]:
    rows = connection.execute(f"SELECT ref FROM {table} WHERE name = ?", (name,))  # noqa: S608
    return [ref for (ref,) in rows]


def _states(connection: Connection, wanted: tuple[str, ...]) -> list[int]:
    folded = {text.casefold() for text in wanted}
    return [
        ref
        for ref, number, name in connection.execute("SELECT ref, type, name FROM state")
        if name.casefold() in folded or TYPES[number].casefold() in folded
    ]


def _common(row: tuple[Any, ...]) -> dict[str, Any]:
    (run, name, type_, state, message, created, started, at, attempt, tags, parent) = row[:11]
    (scheduled, log, mark, mark_at, mark_message) = row[11:16]
    ended = (at if mark is None else mark_at) if is_end(type_, state) else None
    return {
        "id": run,
        "name": UNKNOWN if name is None else name,
        "state_type": TYPES[type_].value,
        "state_name": state,
        "message": message if mark is None else mark_message,
        "created": created,
        "start": started,
        "end": ended,
        "attempt": attempt,
        "tags": _tags(tags) if tags else (),
        "parent": parent,
        "scheduled": scheduled,
        "log_id": log,
        "verdict": _VERDICTS.get(mark),
    }


def _task_run(row: tuple[Any, ...]) -> TaskRunRow:
    task, key, version, flow_run, flow_run_name, flow = row[16:]
    return TaskRunRow(
        **_common(row),
        task_name=UNKNOWN if task is None else task,
        task_key=key or "",
        task_version=version or None,
        flow_run=flow_run,
        flow_run_name=flow_run_name,
        flow_name=flow,
    )


def _flow_run(row: tuple[Any, ...]) -> FlowRunRow:
    flow, version, parameters, parent = row[16:]
    return FlowRunRow(
        **_common(row),
        flow_name=UNKNOWN if flow is None else flow,
        flow_version=version or None,
        parameters=parameters or "{}",
        parent_flow_run=parent,
    )


TASK_RUNS: Kind[TaskRunRow] = Kind(
    "task_run",
    "task run",
    f"{_COMMON}, task.name, task.key, task.version, run.flow_run, owner.name, flow.name",
    f"""{_COMMON_JOINS}
    LEFT JOIN task ON task.ref = run.task
    LEFT JOIN flow_run owner ON owner.id = run.flow_run
    LEFT JOIN flow ON flow.ref = owner.flow""",
    _task_run,
)
FLOW_RUNS: Kind[FlowRunRow] = Kind(
    "flow_run",
    "flow run",
    f"{_COMMON}, flow.name, flow.version, run.parameters, run.parent_flow_run",
    f"""{_COMMON_JOINS}
    LEFT JOIN flow ON flow.ref = run.flow""",
    _flow_run,
)
