"""The marks beside runs: what is concluded about a run that its owner did not say.

A mark shows the run as Crashed. It is no entry in the run's states, and the owner's next record of
the run takes it away.
"""

from __future__ import annotations

import sqlite3

from flowstone.store.counts import Counts
from flowstone.store.lives import CLOSED, DIED
from flowstone.store.statements import (
    MARK_FLOW_RUN,
    MARK_TASK_RUN,
    OPEN_FLOW_RUNS_OF_FLOW_RUN,
    OPEN_FLOW_RUNS_OF_LOG,
    OPEN_TASK_RUNS_OF_FLOW_RUN,
    OPEN_TASK_RUNS_OF_LOG,
)

_CLOSED_MESSAGE = "Its flow run ended while it was open."


def mark_died(connection: sqlite3.Connection, log: int, at: int, message: str) -> int:
    """Mark the open runs of a log whose owner is dead, and return how many there were."""
    tasks = connection.execute(OPEN_TASK_RUNS_OF_LOG, (log,)).fetchall()
    flows = connection.execute(OPEN_FLOW_RUNS_OF_LOG, (log,)).fetchall()
    _mark(connection, tasks, flows, (DIED, at, message))
    return len(tasks) + len(flows)


def close_children(connection: sqlite3.Connection, log: int, flow_run: bytes, at: int) -> None:
    """Mark what is open below a flow run that ended, as far as it belongs to the same log."""
    waiting = [flow_run]
    while waiting:
        parent = waiting.pop()
        tasks = connection.execute(OPEN_TASK_RUNS_OF_FLOW_RUN, (log, parent)).fetchall()
        flows = connection.execute(OPEN_FLOW_RUNS_OF_FLOW_RUN, (log, parent)).fetchall()
        _mark(connection, tasks, flows, (CLOSED, at, _CLOSED_MESSAGE))
        waiting += [run for (run,) in flows]


def _mark(
    connection: sqlite3.Connection,
    tasks: list[tuple[bytes, bytes | None, int, int]],
    flows: list[tuple[bytes]],
    mark: tuple[int, int, str],
) -> None:
    if tasks:
        counts = Counts()
        for _run, flow_run, created, shown in tasks:
            counts.crash(flow_run, created, shown)
        connection.executemany(MARK_TASK_RUN, [(*mark, run) for run, *_ in tasks])
        counts.write(connection)
    if flows:
        connection.executemany(MARK_FLOW_RUN, [(*mark, run) for (run,) in flows])
