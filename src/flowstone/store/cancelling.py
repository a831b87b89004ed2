"""Cancels a run from elsewhere: its living owner is asked to, a dead one is replaced."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from flowstone.core.ids import id_text
from flowstone.core.states import CANCELLED, CRASHED, DEFAULT_NAMES
from flowstone.log.control import CancelAsked, ask, control_path
from flowstone.store.collector import collect
from flowstone.store.connection import Connection
from flowstone.store.database import logs_path
from flowstone.store.deleting import Transact
from flowstone.store.errors import RunEnded, RunNotFound
from flowstone.store.lives import CLOSED, is_end
from flowstone.store.names import Names
from flowstone.store.requests import Table, take_over
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.segments import survey
from flowstone.store.shipped import is_shipped, request

if TYPE_CHECKING:
    from pathlib import Path


def cancel(home: Path, transact: Transact, row: FlowRunRow | TaskRunRow, message: str) -> bool:
    """Ask a run's owner to cancel it; return whether it is Cancelled already, the owner being dead.

    `transact` gives a connection in a transaction; `message` says who asks. Raises `RunEnded` where
    the run is over, and `OSError` where the request cannot be written.
    """
    if row.end is not None and row.verdict != "died":
        raise _ended(row, row.state_name)
    now = time.time_ns()
    with transact() as connection:
        if is_shipped(connection, row.log_id):
            if row.verdict != "died":
                request(connection, row.log_id, CancelAsked(row.id, now, message))
                return False
            _cancel_dead(connection, row, now, message)
            request(connection, row.log_id, CancelAsked(row.id, now, message))  # it may come back
            return True
    if row.verdict != "died" and _ask_owner(home, row, CancelAsked(row.id, now, message)):
        return False
    collect(home)
    with transact() as connection:
        _cancel_dead(connection, row, now, message)
    return True


def _ask_owner(home: Path, row: FlowRunRow | TaskRunRow, request: CancelAsked) -> bool:
    """Leave a request for a process of this home; return False where it is dead."""
    # Asked first and looked at then: an owner that dies in between leaves the request to
    # whoever finds it dead.
    ask(logs_path(home), row.log_id, request)
    log = next((one for one in survey(home).logs if one.id == row.log_id), None)
    if log is None:  # all of it is in the database, and nobody is left to read the request
        with contextlib.suppress(FileNotFoundError):
            os.unlink(control_path(logs_path(home), row.log_id))
    return log is not None and log.is_alive is not False


def _cancel_dead(
    connection: Connection, row: FlowRunRow | TaskRunRow, at: int, message: str
) -> None:
    """Cancel a run whose owner is dead, unless it is Cancelled: by its own word, or as it asked."""
    table: Table = "flow_run" if isinstance(row, FlowRunRow) else "task_run"
    found = connection.execute(
        "SELECT state.type, state.name, mark "  # noqa: S608 - our own names
        f"FROM {table} run JOIN state ON state.ref = run.state WHERE run.id = ?",
        (row.id,),
    ).fetchone()
    if found is None:
        raise RunNotFound(f"Run '{row.name}' ({id_text(row.id)}) was deleted just now.")
    number, name, mark = found
    if number == CANCELLED:
        return
    if is_end(number, name):
        raise _ended(row, name)
    if mark == CLOSED:
        raise _ended(row, DEFAULT_NAMES[CRASHED])
    take_over(connection, table, row.id, at, message, Names(connection))


def _ended(row: FlowRunRow | TaskRunRow, state: str) -> RunEnded:
    noun = "Flow run" if isinstance(row, FlowRunRow) else "Task run"
    return RunEnded(
        f"{noun} '{row.name}' ({id_text(row.id)}) has ended already: it is {state}. "
        "Only a run that has not ended can be cancelled."
    )
