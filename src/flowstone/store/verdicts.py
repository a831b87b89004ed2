"""The marks beside runs: what is known of a run that its owner did not say.

A mark shows the run as Crashed, or as Cancelling. It is no entry in the run's states, and the
owner's next record of the run takes it away; that somebody asked to cancel it holds until it ends.
"""

from __future__ import annotations

from typing import Any

from flowstone.core.states import CANCELLING, CRASHED
from flowstone.log.control import CancelAsked
from flowstone.store.connection import Connection
from flowstone.store.counts import Counts
from flowstone.store.lives import ASKED, CLOSED, DIED
from flowstone.store.statements import (
    ASK_FLOW_RUN,
    ASK_TASK_RUN,
    CRASH_FLOW_RUN,
    CRASH_TASK_RUN,
    OPEN_FLOW_RUNS_OF_FLOW_RUN,
    OPEN_FLOW_RUNS_OF_LOG,
    OPEN_TASK_RUNS_OF_FLOW_RUN,
    OPEN_TASK_RUNS_OF_LOG,
    UNASKED_FLOW_RUN,
    UNASKED_TASK_RUN,
)

_CLOSED_MESSAGE = "Its flow run ended while it was open."


def mark_died(connection: Connection, log: int, at: int, message: str) -> int:
    """Mark the open runs of a log whose owner is dead, and return how many there were."""
    tasks = connection.execute(OPEN_TASK_RUNS_OF_LOG, (log,)).fetchall()
    flows = connection.execute(OPEN_FLOW_RUNS_OF_LOG, (log,)).fetchall()
    _mark(connection, tasks, flows, (DIED, at, message))
    return len(tasks) + len(flows)


def close_children(connection: Connection, log: int, flow_run: bytes, at: int) -> None:
    """Mark what is open below a flow run that ended, as far as it belongs to the same log."""
    waiting = [flow_run]
    while waiting:
        parent = waiting.pop()
        tasks = connection.execute(OPEN_TASK_RUNS_OF_FLOW_RUN, (log, parent)).fetchall()
        flows = connection.execute(OPEN_FLOW_RUNS_OF_FLOW_RUN, (log, parent)).fetchall()
        _mark(connection, tasks, flows, (CLOSED, at, _CLOSED_MESSAGE))
        waiting += [run for run, *_ in flows]


def mark_asked(connection: Connection, log: int, request: CancelAsked) -> None:
    """Mark a run that somebody asked to cancel, where it is open and nobody had asked before."""
    tasks = connection.execute(UNASKED_TASK_RUN, (log, request.run)).fetchall()
    flows = connection.execute(UNASKED_FLOW_RUN, (log, request.run)).fetchall()
    _mark(connection, tasks, flows, (ASKED, request.at, request.message))


def _mark(
    connection: Connection,
    tasks: list[tuple[Any, ...]],
    flows: list[tuple[Any, ...]],
    mark: tuple[int, int, str],
) -> None:
    is_asked = mark[0] == ASKED
    state = CANCELLING if is_asked else CRASHED
    counts = Counts()
    if tasks:
        for _run, at, flow_run, task, created, started, shown in tasks:
            ended = None if is_asked else max(at, mark[1])
            counts.add(flow_run, task, created, started, None, shown, runs=-1)
            counts.add(flow_run, task, created, started, ended, state)
        statement = ASK_TASK_RUN if is_asked else CRASH_TASK_RUN
        connection.executemany(statement, [(*mark, run) for run, *_ in tasks])
    if flows:
        for run, at, flow, created, started, shown, caller in flows:
            ended = None if is_asked else max(at, mark[1])
            counts.add_flow((run, caller), flow, created, started, None, shown, runs=-1)
            counts.add_flow((run, caller), flow, created, started, ended, state)
        statement = ASK_FLOW_RUN if is_asked else CRASH_FLOW_RUN
        connection.executemany(statement, [(*mark, run) for run, *_ in flows])
    counts.write(connection)
