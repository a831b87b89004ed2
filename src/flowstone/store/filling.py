"""Fills what a migration made, from the rows that are there, where SQL alone cannot."""

from __future__ import annotations

from flowstone.store.connection import Connection
from flowstone.store.counts import Counts

_COUNTED = 11
"""The migration that leaves the roll-ups empty."""
_AT_ONCE = 50_000
_TASK_RUNS = (
    "SELECT id, flow_run, task, created, started, "
    "CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown FROM task_run "
    "WHERE id > ? ORDER BY id LIMIT ?"
)
_FLOW_RUNS = (
    "SELECT id, flow, created, started, CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, "
    "shown FROM flow_run WHERE id > ? ORDER BY id LIMIT ?"
)
_TAKES = """
    SELECT run.flow_run, coalesce(run.task, 0), coalesce(up.task, 0), count(*) FROM task_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE run.id > ? AND run.id <= ? AND up.flow_run = run.flow_run
    GROUP BY run.flow_run, coalesce(run.task, 0), coalesce(up.task, 0)
"""


def fill(connection: Connection, version: int) -> None:
    """Fill what was made by the migrations after `version`, in their transaction."""
    if version < _COUNTED:
        _count_task_runs(connection)
        _count_flow_runs(connection)


def _count_task_runs(connection: Connection) -> None:
    last = b""
    while rows := connection.execute(_TASK_RUNS, (last, _AT_ONCE)).fetchall():
        counts = Counts()
        for _, *row in rows:
            counts.add(*row)
        before, last = last, rows[-1][0]
        for flow_run, task, upstream, runs in connection.execute(_TAKES, (before, last)).fetchall():
            counts.folds.take(flow_run, task, upstream, int(runs))
        counts.write(connection)


def _count_flow_runs(connection: Connection) -> None:
    last = b""
    while rows := connection.execute(_FLOW_RUNS, (last, _AT_ONCE)).fetchall():
        counts = Counts()
        for row in rows:
            counts.add_flow(*row)
        last = rows[-1][0]
        counts.write(connection)
