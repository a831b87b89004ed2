"""Finds what is older than it is to be kept; all times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator

from flowstone.store.connection import Connection

_AT_ONCE = 1000
_ENDED = "coalesce(run.mark_at, run.at)"
_OPEN_BELOW = "SELECT flow_run FROM task_run WHERE is_open = 1 AND flow_run IS NOT NULL AND id < ?"
# Those that are open or young, or have such a task run; then what called them; then, of all of
# these, what they called.
_KEPT = f"""
    WITH RECURSIVE held (id, parent_flow_run) AS (
        SELECT id, parent_flow_run FROM flow_run run
        WHERE id >= ? OR is_open = 1 OR {_ENDED} >= ? OR id IN ({_OPEN_BELOW})
        UNION SELECT up.id, up.parent_flow_run FROM held JOIN flow_run up
            ON up.id = held.parent_flow_run
    ), whole (id) AS (
        SELECT id FROM held
        UNION SELECT run.id FROM whole JOIN flow_run run ON run.parent_flow_run = whole.id
    )
    SELECT id FROM whole WHERE id < ?
"""  # noqa: S608 - our own names
_FLOW_RUNS = "SELECT id FROM flow_run WHERE id < ? ORDER BY id DESC LIMIT ?"
# Those that no flow run that is here called. One that another task run called goes after that one.
_LOOSE = f"""
    FROM task_run run WHERE run.id > ? AND run.id < ? AND run.is_open = 0 AND {_ENDED} < ?
    AND NOT EXISTS (SELECT 1 FROM flow_run up WHERE up.id = run.flow_run)
    AND NOT EXISTS (SELECT 1 FROM task_run up WHERE up.id = run.parent)
"""  # noqa: S608 - our own names
_LOOSE_TASK_RUNS = f"SELECT run.id {_LOOSE} ORDER BY run.id LIMIT ?"
_LINES_OF_LOG = (
    "SELECT log, position, at FROM log_line WHERE log = ? AND position > ? "
    "ORDER BY position LIMIT ?"
)
_LINES = "SELECT log, position, at FROM log_line WHERE at < ? LIMIT ?"
_LOGS = """
    SELECT ref, id FROM log LEFT JOIN shipped ON shipped.log = log.ref
    WHERE id < ? AND last_at < ? AND (ended < ? OR lapsed < ?)
    AND NOT EXISTS (SELECT 1 FROM log_line WHERE log_line.log = log.ref)
"""
_OF_LOGS = (
    "SELECT DISTINCT log FROM task_run WHERE id < ?",
    "SELECT DISTINCT log FROM flow_run WHERE id < ?",
    "SELECT DISTINCT log FROM artifact WHERE id < ?",
)
_LOOSE_ARTIFACTS = """
    SELECT id FROM artifact one WHERE id < ? AND flow_run IS NULL AND task_run IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM task_run WHERE task_run.id = one.task_run)
"""
DELETE_LOOSE = """
    DELETE FROM {table} WHERE run < ?
    AND NOT EXISTS (SELECT 1 FROM task_run WHERE task_run.id = {table}.run)
    AND NOT EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = {table}.run)
"""
"""Deletes the rows of runs that went with a week which had no partition of this table; an id."""
DELETE_LOOSE_LINES = """
    DELETE FROM log_line WHERE at < ? AND coalesce(task_run, flow_run) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM task_run WHERE task_run.id = log_line.task_run)
    AND NOT EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = log_line.flow_run)
"""
"""Deletes the lines of runs that went with a whole week, where lines are kept longer; a time."""
ROLL_UPS = {
    "task_minute": ("minute", "minute"),
    "task_hour": ("hour", "hour, state"),
    "task_day": ("day", "day, task, state"),
    "flow_hour": ("hour", "hour, state"),
    "flow_day": ("day", "day, flow, state"),
}
"""By table, the column that is a time, in units of its name, and its key."""
UNITS = {"minute": 60_000_000_000, "hour": 3_600_000_000_000, "day": 86_400_000_000_000}
"""Nanoseconds."""


def id_at(time: int) -> bytes:
    """Return what the ids of a time begin with: those of earlier ones are less."""
    return (max(time, 0) // 1_000_000).to_bytes(6, "big")


def kept_flow_runs(connection: Connection, before: int) -> set[bytes]:
    """Return the flow runs that began before a time and are to be kept."""
    border = id_at(before)
    rows = connection.execute(_KEPT, (border, before, border, border))
    return {bytes(run) for (run,) in rows}


def flow_runs(connection: Connection, before: int) -> Iterator[bytes]:
    """Give the flow runs that are not to be kept, those that were called before their callers."""
    kept, border = kept_flow_runs(connection, before), id_at(before)
    while rows := connection.execute(_FLOW_RUNS, (border, _AT_ONCE)).fetchall():
        border = rows[-1][0]
        yield from (run for (run,) in rows if run not in kept)


def loose_task_runs(connection: Connection, before: int) -> Iterator[bytes]:
    """Give the task runs without a flow run that are not to be kept, callers first."""
    border, last = id_at(before), b""
    while rows := connection.execute(_LOOSE_TASK_RUNS, (last, border, before, _AT_ONCE)).fetchall():
        last = rows[-1][0]
        yield from (run for (run,) in rows)


def lines_of_logs(connection: Connection, before: int) -> Iterator[tuple[int, int, int]]:
    """Give the keys of the lines before a time, log by log: as they lie in an embedded database.

    Lines of a log are nearly in the order of time, so its first young thousand ends the search.
    """
    logs = connection.execute("SELECT ref FROM log WHERE id < ? ORDER BY ref", (id_at(before),))
    for (log,) in logs.fetchall():
        position = -1
        while rows := connection.execute(_LINES_OF_LOG, (log, position, _AT_ONCE)).fetchall():
            old = [row for row in rows if row[2] < before]
            yield from old
            if not old:
                break
            position = rows[-1][1]


def lines_of_weeks(connection: Connection, before: int) -> Iterator[tuple[int, int, int]]:
    """Give the keys of some lines before a time: as they lie on Postgres."""
    yield from connection.execute(_LINES, (before, _AT_ONCE))


def artifacts(connection: Connection, before: int) -> list[bytes]:
    """Return the artifacts that were changed last before a time."""
    query = "SELECT id FROM artifact WHERE id < ? AND updated < ?"
    return [one for (one,) in connection.execute(query, (id_at(before), before))]


def loose_artifacts(connection: Connection, before: int) -> list[bytes]:
    """Return the artifacts made before a time, of task runs that are gone."""
    return [one for (one,) in connection.execute(_LOOSE_ARTIFACTS, (id_at(before),))]


def logs(connection: Connection, before: int) -> list[tuple[int, bytes]]:
    """Return the logs that ended before a time and have nothing here any more."""
    border = id_at(before)
    rows = connection.execute(_LOGS, (border, before, before, before)).fetchall()
    used = {log for query in _OF_LOGS for (log,) in connection.execute(query, (border,))}
    return [(ref, bytes(identity)) for ref, identity in rows if ref not in used]


def empty_counts(connection: Connection, table: str, before: int) -> list[tuple[int, ...]]:
    """Return the keys of the counts of nothing before a time."""
    unit, key = ROLL_UPS[table]
    query = f"SELECT {key} FROM {table} WHERE runs = 0 AND {unit} < ?"  # noqa: S608 - our names
    return connection.execute(query, (before // UNITS[unit],)).fetchall()


def is_week_spent(
    connection: Connection, week: tuple[int, int], before: int, kept: set[bytes]
) -> bool:
    """Whether no task run that was created from one time to another is to be kept."""
    first, last = map(id_at, week)
    called = connection.execute(
        "SELECT DISTINCT flow_run FROM task_run WHERE id >= ? AND id < ?", (first, last)
    )
    if any(run is not None and bytes(run) in kept for (run,) in called.fetchall()):
        return False
    alone = connection.execute(
        f"SELECT 1 FROM task_run run WHERE id >= ? AND id < ? AND (is_open = 1 OR {_ENDED} >= ? "  # noqa: S608
        "OR EXISTS (SELECT 1 FROM task_run up WHERE up.id = run.parent "
        "AND run.flow_run IS NULL AND (up.is_open = 1 OR coalesce(up.mark_at, up.at) >= ?))) "
        "LIMIT 1",
        (first, last, before, before),
    )
    return alone.fetchone() is None


def count_task_runs(connection: Connection, runs: list[bytes], before: int) -> int:
    """Return how many task runs go with flow runs, or alone, before a time."""
    below = 0
    for first in range(0, len(runs), _AT_ONCE):
        some = runs[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        query = f"SELECT coalesce(sum(runs), 0) FROM task_count WHERE flow_run IN ({marks})"  # noqa: S608
        below += int(connection.execute(query, some).fetchone()[0])
    loose = f"SELECT count(*) {_LOOSE}"
    return below + int(connection.execute(loose, (b"", id_at(before), before)).fetchone()[0])
