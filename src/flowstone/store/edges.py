"""Whose results a run takes, and who takes its own."""

from __future__ import annotations

from typing import Any

from flowstone.core.states import TYPES
from flowstone.store.connection import EVERYTHING, Connection
from flowstone.store.rows import InputRow
from flowstone.store.selecting import UNKNOWN

_QUERY = """
    SELECT edge.name, edge.{other}, coalesce(task_run.name, flow_run.name), task.name, flow.name,
        state.type, state.name
    FROM edge
    LEFT JOIN task_run ON task_run.id = edge.{other}
    LEFT JOIN flow_run ON flow_run.id = edge.{other}
    LEFT JOIN task ON task.ref = task_run.task
    LEFT JOIN flow ON flow.ref = flow_run.flow
    LEFT JOIN state ON state.ref = coalesce(task_run.shown, flow_run.shown)
    WHERE edge.{one} = ? ORDER BY {order} LIMIT ?
"""
# Each in the order of the index that it walks.
_UPSTREAM = _QUERY.format(other="upstream", one="run", order="edge.name, edge.upstream")
_DOWNSTREAM = _QUERY.format(other="run", one="upstream", order="edge.run, edge.name")
_WITHIN = """
    SELECT edge.run, edge.upstream FROM task_run JOIN edge ON edge.run = task_run.id
    WHERE task_run.flow_run = ?
    UNION ALL
    SELECT edge.run, edge.upstream FROM flow_run JOIN edge ON edge.run = flow_run.id
    WHERE flow_run.parent_flow_run = ?
    LIMIT ?
"""


def upstream(connection: Connection, run: bytes, limit: int) -> list[InputRow]:
    """Return the runs whose results a run takes; `limit` 0 is all."""
    return [_row(found) for found in connection.execute(_UPSTREAM, (run, limit or EVERYTHING))]


def downstream(connection: Connection, run: bytes, limit: int) -> list[InputRow]:
    """Return the runs that take a run's result; `limit` 0 is all."""
    return [_row(found) for found in connection.execute(_DOWNSTREAM, (run, limit or EVERYTHING))]


def within(connection: Connection, flow_run: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Return each run that a flow run called with each run whose result it takes.

    A run that takes one result as several parameters is there as often; `limit` 0 is all.
    """
    return connection.execute(_WITHIN, (flow_run, flow_run, limit or EVERYTHING)).fetchall()


def counts(connection: Connection, run: bytes) -> tuple[int, int]:
    """Return how many rows `upstream` and `downstream` have for a run."""
    found = connection.execute(
        "SELECT (SELECT count(*) FROM edge WHERE run = ?), "
        "(SELECT count(*) FROM edge WHERE upstream = ?)",
        (run, run),
    ).fetchone()
    return int(found[0]), int(found[1])


def _row(found: tuple[Any, ...]) -> InputRow:
    name, run, run_name, task, flow, type_, state = found
    return InputRow(
        name=name,
        run=run,
        run_name=UNKNOWN if run_name is None else run_name,
        task_name=task,
        flow_name=flow,
        state_type=None if type_ is None else TYPES[type_].value,
        state_name=UNKNOWN if state is None else state,
    )
