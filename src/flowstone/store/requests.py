"""What others ask of runs: taken from a log's control file, shown as marks, kept where it can be.

A request is a mark beside the run, so lists, filters and counts know it as they know any state, and
one that reaches a server by another way than a file would be the same mark.
"""

from __future__ import annotations

import os
from typing import Literal

from flowstone.core.facts import FlowRunChanged, TaskRunChanged
from flowstone.core.states import CANCELLED
from flowstone.log.control import read_requests
from flowstone.store.connection import Connection
from flowstone.store.ingest import apply
from flowstone.store.lives import ASKED
from flowstone.store.logs import LogRow
from flowstone.store.names import Names
from flowstone.store.segments import LogSeen
from flowstone.store.verdicts import mark_asked

Table = Literal["task_run", "flow_run"]


def take_requests(connection: Connection, log: LogSeen, row: LogRow) -> None:
    """Mark the runs that somebody asked to cancel; the log must be applied, for they are in it."""
    try:
        requests = read_requests(os.path.dirname(log.newest.path), log.id, row.asked)
    except OSError:  # the log's owner cannot read them either, and says so
        row.asked = log.asked
        return
    for request in requests.found:
        mark_asked(connection, row.ref, request)
    # What lies behind the last whole request is none: each comes in one write.
    row.asked = max(requests.next, log.asked)


def cancel_asked(connection: Connection, log: int, names: Names) -> None:
    """Cancel the runs that the owner of a log, who is dead, was asked to cancel."""
    tables: tuple[Table, ...] = ("task_run", "flow_run")  # a flow run closes what is open below it
    for table in tables:
        asked = connection.execute(
            f"SELECT id, mark_at, mark_message FROM {table} "  # noqa: S608 - our own names
            "WHERE log = ? AND is_open = 1 AND mark = ?",
            (log, ASKED),
        ).fetchall()
        for run, at, message in asked:
            take_over(connection, table, run, at, message, names)


def take_over(
    connection: Connection, table: Table, run: bytes, at: int, message: str, names: Names
) -> None:
    """End a run whose owner is dead as Cancelled, under a new fence, in the open transaction."""
    log, fence, sequence, last, pid, host = connection.execute(
        "SELECT run.log, fence, sequence, run.at, log.pid, log.host "  # noqa: S608 - our own names
        f"FROM {table} run JOIN log ON log.ref = run.log WHERE run.id = ?",
        (run,),
    ).fetchone()
    text = f"{message} The process that ran it (pid {pid} on {host}) died."
    made = FlowRunChanged if table == "flow_run" else TaskRunChanged
    fact = made(run, sequence + 1, CANCELLED, None, max(at, last), text, None, fence + 1)
    apply(connection, log, 0, [(0, fact)], names)
