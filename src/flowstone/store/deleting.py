"""Deletes a flow run with all that belongs to it, and sees to it that it stays deleted."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from flowstone.core.ids import id_text
from flowstone.drive.long_lines import forget as forget_long_lines
from flowstone.store.artifacts import delete_artifacts
from flowstone.store.counts import Counts
from flowstone.store.database import transaction
from flowstone.store.errors import RunNotFound, RunStillOpen
from flowstone.store.results import forget as forget_results
from flowstone.store.segments import survey
from flowstone.store.undo import forget as forget_transactions

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE = 1000  # task runs a transaction: about 20 ms
_OPEN = (
    "SELECT log.id, log.pid, log.host FROM flow_run run JOIN log ON log.ref = run.log "
    "WHERE run.id = ? AND run.is_open = 1"
)


def delete_flow_run(home: Path, flow_run: bytes) -> int:
    """Delete a flow run, what ran below it, their lines and artifacts; return how many runs.

    Raises `RunNotFound`, and `RunStillOpen` while one of them is open and its owner alive.
    """
    deleted = 0
    while True:
        with transaction(home) as connection:
            runs = _below(connection, flow_run)
            if not deleted:
                _refuse_open(connection, home, runs)
            done = sum(_delete_task_runs(connection, run) for run in runs)
            deleted += done
            if not done:
                for run in runs:
                    _delete_one(connection, run)
                    forget_long_lines(str(home), run)
                return deleted + len(runs)


def _below(connection: sqlite3.Connection, flow_run: bytes) -> list[bytes]:
    """Return a flow run and the flow runs below it."""
    if not connection.execute("SELECT 1 FROM flow_run WHERE id = ?", (flow_run,)).fetchone():
        raise RunNotFound(f"There is no flow run with the id {id_text(flow_run)}.")
    found = [flow_run]
    for run in found:
        query = "SELECT id FROM flow_run WHERE parent_flow_run = ?"
        found += [child for (child,) in connection.execute(query, (run,))]
    return found


def _refuse_open(connection: sqlite3.Connection, home: Path, runs: list[bytes]) -> None:
    alive = {log.id for log in survey(home).logs if log.is_alive is not False}
    for run in runs:
        owner = connection.execute(_OPEN, (run,)).fetchone()
        if owner is not None and owner[0] in alive:
            raise RunStillOpen(
                f"Flow run {id_text(run)} has not ended, and the process that runs it is alive "
                f"(pid {owner[1]} on {owner[2]}). End it first, then delete it."
            )


def _delete_task_runs(connection: sqlite3.Connection, flow_run: bytes) -> int:
    rows = connection.execute(
        "SELECT id, log, created, shown, tags FROM task_run WHERE flow_run = ? LIMIT ?",
        (flow_run, _AT_ONCE),
    ).fetchall()
    counts = Counts()
    for run, log, created, shown, tags in rows:
        counts.add(flow_run, created, shown, -1)
        if tags:
            connection.execute("DELETE FROM task_run_tag WHERE run = ?", (run,))
        _bury(connection, log, run)
    ids = [(run,) for run, *_ in rows]
    connection.executemany("DELETE FROM log_line WHERE task_run = ?", ids)
    connection.executemany("DELETE FROM progress WHERE run = ?", ids)
    connection.executemany("DELETE FROM edge WHERE run = ?", ids)
    forget_results(connection, [run for run, *_ in rows])
    connection.executemany("DELETE FROM task_run WHERE id = ?", ids)
    counts.write(connection)
    return len(rows)


def _delete_one(connection: sqlite3.Connection, run: bytes) -> None:
    (log,) = connection.execute("SELECT log FROM flow_run WHERE id = ?", (run,)).fetchone()
    _bury(connection, log, run)
    connection.execute("DELETE FROM log_line WHERE flow_run = ?", (run,))
    made = connection.execute("SELECT id FROM artifact WHERE flow_run = ?", (run,)).fetchall()
    delete_artifacts(connection, [artifact for (artifact,) in made])
    connection.execute("DELETE FROM progress WHERE run = ?", (run,))
    connection.execute("DELETE FROM task_count WHERE flow_run = ?", (run,))
    connection.execute("DELETE FROM flow_run_tag WHERE run = ?", (run,))
    connection.execute("DELETE FROM edge WHERE run = ?", (run,))
    forget_results(connection, [run])
    forget_transactions(connection, run)
    connection.execute("DELETE FROM flow_run WHERE id = ?", (run,))


def _bury(connection: sqlite3.Connection, log: int, run: bytes) -> None:
    """Leave a tombstone where records of the run may still come."""
    connection.execute(
        "INSERT OR IGNORE INTO tombstone (log, run) "
        "SELECT ref, ? FROM log WHERE ref = ? AND ended IS NULL",
        (run, log),
    )
