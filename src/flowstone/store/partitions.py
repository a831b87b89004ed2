"""The tables on Postgres that grow with every run, cut into weeks: a week goes as a whole.

A deleted row leaves a hole that later rows may fill, and the table keeps its size; a dropped week
gives its disk back at once. Ids begin with their time, so rows of a time are next to each other
under their usual key. What belongs to no week that was made (a clock that is wrong, history that
comes late) is in a partition of its own, and moves when its week is made.
"""

from __future__ import annotations

import datetime as dt

from flowstone.store.connection import Connection
from flowstone.store.counts import HOUR, Counts

CUT_BY = {
    "task_run": "id",
    "task_run_tag": "run",
    "edge": "run",
    "result": "run",
    "usage": "run",
    "log_line": "at",
}
"""By table, the column whose time says which week a row belongs to."""
WEEK = 7 * 24 * HOUR
_AHEAD = 3 * WEEK
MOST_WEEKS = 520
"""So far back a clock is believed."""
_FURTHEST = MOST_WEEKS * WEEK
_AT_ONCE = 50_000
_DROPPING = 0x464C_5357
_PATIENCE = "300ms"
"""Less than the second after which Postgres looks for deadlocks, and ends one who waits."""


def make_weeks(connection: Connection, since: int, until: int) -> int:
    """Make the partitions of a time (nanoseconds) that are not there; return how many."""
    there = _names(connection)
    made = 0
    for week in range(since // WEEK, until // WEEK + 1):
        for table, column in CUT_BY.items():
            if _name(table, week) not in there:
                _make(connection, table, column, week)
                made += 1
    return made


def tend(connection: Connection, now: int) -> int:
    """Make the weeks that come next, and those of rows that have none; return how many."""
    made = 0
    while tend_one(connection, now):
        made += 1
    return made


def tend_one(connection: Connection, now: int) -> bool:
    """Make one of the weeks that come next, or of rows that have none; return whether one was due.

    One a transaction: with several tables locked, who reads them in another order would wait for
    this and be waited for.
    """
    there = _names(connection)
    due = [*range(now // WEEK, (now + _AHEAD) // WEEK + 1)]
    for table, column in CUT_BY.items():
        due += _weeks_of_rest(connection, table, column, now)
    for week in due:
        for table, column in CUT_BY.items():
            if _name(table, week) not in there:
                _make(connection, table, column, week)
                return True
    return False


def weeks_before(connection: Connection, before: int) -> list[int]:
    """Return the weeks that end at a time or earlier and have a partition of some table."""
    there = _names(connection)
    weeks = range((before - _FURTHEST) // WEEK, before // WEEK)
    return [week for week in weeks if any(_name(table, week) in there for table in CUT_BY)]


def tables_before(connection: Connection, before: int) -> list[str]:
    """Return the partitions of all weeks that end at a time or earlier."""
    weeks = range((before - _FURTHEST) // WEEK, before // WEEK)
    return sorted(_names(connection) & {_name(table, week) for week in weeks for table in CUT_BY})


def hold(connection: Connection, table: str, week: int) -> bool:
    """Keep others from writing a week of a table, to drop it; False where there is none.

    The transaction gives up (`WriterBusy`) where it would have to wait for long, at this and at all
    that follows: whoever else waits for it in turn must not.
    """
    connection.execute("SELECT pg_advisory_xact_lock(?)", (_DROPPING,))
    connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    if _name(table, week) not in _names(connection):
        return False
    connection.execute(f"LOCK TABLE {_name(table, week)} IN SHARE ROW EXCLUSIVE MODE")
    return True


def drop(connection: Connection, table: str, week: int) -> int:
    """Drop a week of a table that is held, and return how many rows it had.

    Counts change with the task runs that go; what comes of those later is refused. Nothing else of
    them is shown from then on, so their other tables go after this one, each in a transaction of
    its own: with several of them locked, who reads them in another order would wait for this and be
    waited for.
    """
    name, counts = _name(table, week), Counts()
    rows = int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - ours
    if table == "task_run":
        _uncount(connection, name, counts)
    # Before the row that all writers of counts meet in: those who have it wait for no table.
    connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    counts.write(connection)
    connection.execute(f"DROP TABLE {name}")
    return rows


def _uncount(connection: Connection, name: str, counts: Counts) -> None:
    """Take the task runs of a partition out of the counts, and see to it that none comes back."""
    connection.execute(
        f"INSERT INTO tombstone (log, run) SELECT run.log, run.id FROM {name} run "  # noqa: S608
        "JOIN log ON log.ref = run.log WHERE log.ended IS NULL ON CONFLICT DO NOTHING"
    )
    query = (
        "SELECT id, flow_run, task, created, started, "  # noqa: S608 - our own names
        f"CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown FROM {name} "
        "WHERE id > ? ORDER BY id LIMIT ?"
    )
    last = b""
    while rows := connection.execute(query, (last, _AT_ONCE)).fetchall():
        last = rows[-1][0]
        for _, *row in rows:
            counts.add(*row, runs=-1)
        counts.sum_up(connection)


def _make(connection: Connection, table: str, column: str, week: int) -> None:
    name, low, high = _name(table, week), _bound(column, week), _bound(column, week + 1)
    # Who reads looks at the list of partitions first and waits for each then: without this lock it
    # would not see what moved meanwhile.
    connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)")
    connection.execute(
        f"WITH moved AS (DELETE FROM {table}_rest WHERE {column} >= {low} AND {column} < {high} "  # noqa: S608
        f"RETURNING *) INSERT INTO {name} SELECT * FROM moved"
    )
    connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})"
    )


def _weeks_of_rest(connection: Connection, table: str, column: str, now: int) -> list[int]:
    """Return the weeks of rows without a partition, as far as they may be right."""
    time = (
        "at"
        if column == "at"
        else f"('x' || encode(substr({column}, 1, 6), 'hex'))::bit(48)::bigint * 1000000"
    )
    rows = connection.execute(
        f"SELECT DISTINCT {time} / {WEEK} FROM {table}_rest "  # noqa: S608 - our own names
        f"WHERE {column} >= {_bound(column, (now - _FURTHEST) // WEEK)} "
        f"AND {column} < {_bound(column, (now + _AHEAD) // WEEK)}"
    )
    return sorted(week for (week,) in rows)


def _bound(column: str, week: int) -> str:
    time = max(week, 0) * WEEK
    return str(time) if column == "at" else f"'\\x{time // 1_000_000:012x}'::bytea"


def _name(table: str, week: int) -> str:
    monday = dt.datetime.fromtimestamp(week * WEEK / 1e9, dt.UTC)
    return f"{table}_{monday:%Y%m%d}"


def _names(connection: Connection) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' "
        "AND relnamespace = current_schema()::regnamespace"
    )
    return {name for (name,) in rows}
