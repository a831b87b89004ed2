"""Deletes runs with all that belongs to them, and sees to it that it stays deleted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import msgspec

from flowstone.core.ids import id_text
from flowstone.drive.long_lines import forget as forget_long_lines
from flowstone.store.artifacts import delete_artifacts
from flowstone.store.connection import Connection
from flowstone.store.counts import Counts
from flowstone.store.errors import RunNotFound, RunStillOpen
from flowstone.store.results import forget as forget_results
from flowstone.store.segments import survey
from flowstone.store.shipped import is_shipped
from flowstone.store.undo import forget as forget_transactions
from flowstone.store.usage import forget as forget_usage

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE = 1000  # task runs a transaction: about 20 ms
_COLUMNS = (
    "id, log, flow_run, task, created, started, "
    "CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown, tags"
)
_OF_FLOW_RUN = f"SELECT {_COLUMNS} FROM task_run WHERE flow_run = ? ORDER BY id LIMIT ?"  # noqa: S608
_BY_ID = f"SELECT {_COLUMNS} FROM task_run WHERE id = ?"  # noqa: S608 - our own names
_LINES = "SELECT log, position, at FROM log_line WHERE flow_run = ? LIMIT ?"
_tags = msgspec.json.Decoder(list[str]).decode
Transact = Callable[[], AbstractContextManager[Connection]]
_OPEN = (
    "SELECT log.id, log.pid, log.host FROM flow_run run JOIN log ON log.ref = run.log "
    "WHERE run.id = ? AND run.is_open = 1"
)


def delete_flow_run(transact: Transact, home: Path, flow_run: bytes) -> int:
    """Delete a flow run, what ran below it, their lines and artifacts; return how many runs.

    `transact` gives a connection in a transaction; `home` is where logs may still be written.
    Raises `RunNotFound`, and `RunStillOpen` while one of them is open and its owner alive.
    """
    deleted = 0
    while True:
        with transact() as connection:
            runs = _below(connection, flow_run)
            if not deleted:
                _refuse_open(connection, home, runs)
            done = sum(_delete_below(connection, run, _AT_ONCE) for run in runs)
            deleted += done
            if not done and not any(_delete_lines(connection, run, _AT_ONCE) for run in runs):
                for run in runs:
                    _delete_one(connection, run)
                    forget_long_lines(str(home), run)
                return deleted + len(runs)


def delete_part(connection: Connection, home: Path, flow_run: bytes, most: int) -> tuple[int, bool]:
    """Delete at most so many task runs or lines of a flow run, or it alone where none are left.

    Returns how many task runs went, and whether the flow run is gone. Those below it stay.
    """
    done = _delete_below(connection, flow_run, most)
    if done or _delete_lines(connection, flow_run, most):
        return done, False
    if connection.execute("SELECT 1 FROM flow_run WHERE id = ?", (flow_run,)).fetchone():
        _delete_one(connection, flow_run)
    forget_long_lines(str(home), flow_run)
    return 0, True


def delete_task_runs(connection: Connection, home: Path, runs: list[bytes]) -> int:
    """Delete task runs that no flow run called, those that are there; return how many."""
    rows = [row for run in runs for row in _held(connection, _BY_ID, (run,))]
    made = "SELECT id FROM artifact WHERE task_run = ?"
    found = [one for run, *_ in rows for one in connection.execute(made, (run,)).fetchall()]
    delete_artifacts(connection, [artifact for (artifact,) in found])
    _delete_rows(connection, rows)
    for run, *_ in rows:
        forget_long_lines(str(home), run)
    return len(rows)


def delete_lines(connection: Connection, keys: list[tuple[int, int, int]]) -> int:
    """Delete lines by log, position and time; return how many were there."""
    statement = "DELETE FROM log_line WHERE log = ? AND position = ? AND at = ?"
    return connection.executemany(statement, keys).rowcount


def _below(connection: Connection, flow_run: bytes) -> list[bytes]:
    """Return a flow run and the flow runs below it."""
    if not connection.execute("SELECT 1 FROM flow_run WHERE id = ?", (flow_run,)).fetchone():
        raise RunNotFound(f"There is no flow run with the id {id_text(flow_run)}.")
    found = [flow_run]
    for run in found:
        query = "SELECT id FROM flow_run WHERE parent_flow_run = ?"
        found += [child for (child,) in connection.execute(query, (run,))]
    return found


def _refuse_open(connection: Connection, home: Path, runs: list[bytes]) -> None:
    alive = {log.id for log in survey(home).logs if log.is_alive is not False}
    for run in runs:
        owner = connection.execute(_OPEN, (run,)).fetchone()
        if owner is not None and (owner[0] in alive or is_shipped(connection, owner[0])):
            raise RunStillOpen(
                f"Flow run {id_text(run)} has not ended, and the process that runs it is alive "
                f"(pid {owner[1]} on {owner[2]}). End it first, then delete it."
            )


def _delete_below(connection: Connection, flow_run: bytes, most: int) -> int:
    rows = _held(connection, _OF_FLOW_RUN, (flow_run, most))
    _delete_rows(connection, rows)
    return len(rows)


def _delete_lines(connection: Connection, flow_run: bytes, most: int) -> int:
    return delete_lines(connection, connection.execute(_LINES, (flow_run, most)).fetchall())


def _delete_rows(connection: Connection, rows: list[Any]) -> None:
    counts = Counts()
    tagged: list[tuple[str, bytes]] = []
    for run, log, flow_run, task, created, started, ended, shown, tags in rows:
        counts.add(flow_run, task, created, started, ended, shown, runs=-1)
        tagged += [(tag, run) for tag in _tags(tags or "[]")]
        _bury(connection, log, run)
    ids = [(run,) for run, *_ in rows]
    # By both: the table is in the order of the tags.
    connection.executemany("DELETE FROM task_run_tag WHERE tag = ? AND run = ?", tagged)
    connection.executemany("DELETE FROM log_line WHERE task_run = ?", ids)
    connection.executemany("DELETE FROM progress WHERE run = ?", ids)
    connection.executemany("DELETE FROM edge WHERE run = ?", ids)
    forget_results(connection, [run for run, *_ in rows])
    forget_usage(connection, [run for run, *_ in rows])
    connection.executemany("DELETE FROM task_run WHERE id = ?", ids)
    counts.write(connection)


def _held(connection: Connection, query: str, values: tuple[bytes | int, ...]) -> list[Any]:
    """Return the task runs that a query finds, whose records are not applied meanwhile."""
    _hold_logs(connection, {log for _, log, *_ in connection.execute(query, values)})
    return connection.execute(query, values).fetchall()


def _hold_logs(connection: Connection, logs: set[int]) -> None:
    """Keep records of these logs from being applied meanwhile."""
    for log in sorted(logs):
        connection.execute("UPDATE log SET applied = applied WHERE ref = ?", (log,))


def _delete_one(connection: Connection, run: bytes) -> None:
    query = "SELECT log FROM flow_run WHERE id = ?"
    _hold_logs(connection, {log for (log,) in connection.execute(query, (run,))})
    found = connection.execute(
        "SELECT log, tags, parent_flow_run, flow, created, started, "
        "CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown FROM flow_run WHERE id = ?",
        (run,),
    ).fetchone()
    if found is None:  # another transaction has deleted it while this one waited for its log
        return
    log, tags, caller, *counted = found
    _bury(connection, log, run)
    counts = Counts()
    counts.add_flow((run, caller), *counted, runs=-1)
    counts.write(connection)
    connection.execute("DELETE FROM log_line WHERE flow_run = ?", (run,))
    made = connection.execute("SELECT id FROM artifact WHERE flow_run = ?", (run,)).fetchall()
    delete_artifacts(connection, [artifact for (artifact,) in made])
    connection.execute("DELETE FROM progress WHERE run = ?", (run,))
    connection.execute("DELETE FROM task_count WHERE flow_run = ?", (run,))
    connection.execute("DELETE FROM fold WHERE flow_run = ?", (run,))
    tagged = [(tag, run) for tag in _tags(tags or "[]")]
    connection.executemany("DELETE FROM flow_run_tag WHERE tag = ? AND run = ?", tagged)
    connection.execute("DELETE FROM edge WHERE run = ?", (run,))
    forget_results(connection, [run])
    forget_transactions(connection, run)
    connection.execute("DELETE FROM flow_run WHERE id = ?", (run,))


def _bury(connection: Connection, log: int, run: bytes) -> None:
    """Leave a tombstone where records of the run may still come."""
    connection.execute(
        "INSERT INTO tombstone (log, run) "
        "SELECT ref, ? FROM log WHERE ref = ? AND ended IS NULL ON CONFLICT DO NOTHING",
        (run, log),
    )
