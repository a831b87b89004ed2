"""What people say of runs: that they looked at them, and in which state a run is to be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from flowstone.core.facts import FlowRunChanged, TaskRunChanged
from flowstone.core.ids import id_text
from flowstone.core.states import DEFAULT_NAMES
from flowstone.store.changes import FLOW_RUN, note_changes
from flowstone.store.connection import Connection
from flowstone.store.errors import RunNotFound, RunStillOpen
from flowstone.store.ingest import apply
from flowstone.store.lives import CLOSED, DIED, is_end
from flowstone.store.names import Names

Table = Literal["flow_run", "task_run"]
_LIFE = """
    SELECT run.name, run.log, run.fence, run.sequence, run.at, run.mark, state.type, state.name,
        log.pid, log.host, log.ended
    FROM {table} run JOIN state ON state.ref = run.state JOIN log ON log.ref = run.log
    WHERE run.id = ?
"""


def set_state(
    connection: Connection,
    table: Table,
    run: bytes,
    state: int,
    name: str | None,
    message: str | None,
) -> None:
    """Take a run over and put it into a terminal state (the number of its type), under a new fence.

    Raises `RunNotFound`, and `RunStillOpen` where the run is open and its process not proven dead.
    """
    found = connection.execute(_LIFE.format(table=table), (run,)).fetchone()
    noun = table.replace("_", " ")
    if found is None:
        raise RunNotFound(f"There is no {noun} with the id {id_text(run)}.")
    title, log, fence, sequence, last, mark, number, own, pid, host, ended = found
    if not is_end(number, own) and mark != DIED and ended is None:
        raise RunStillOpen(
            f"{noun.capitalize()} '{title}' ({id_text(run)}) is {own or DEFAULT_NAMES[number]}"
            f"{', closed by its flow run' if mark == CLOSED else ''}, and the process that runs it "
            f"(pid {pid} on {host}) is not known to be dead: only that process may say how it goes "
            "on."
        )
    made = FlowRunChanged if table == "flow_run" else TaskRunChanged
    at = max(time.time_ns(), last)
    fact = made(run, sequence + 1, state, name, at, message, None, fence + 1)
    apply(connection, log, 0, [(0, fact)], Names(connection))


def mark_seen(connection: Connection, runs: Sequence[bytes], *, is_seen: bool) -> int:
    """Say that somebody looked at how flow runs ended, or did not; return how many there are."""
    at = time.time_ns() if is_seen else None
    done = 0
    for run in runs:
        query = "UPDATE flow_run SET seen = ? WHERE id = ?"
        done += connection.execute(query, (at, run)).rowcount
    note_changes(connection, {(FLOW_RUN, run) for run in runs})
    return done
