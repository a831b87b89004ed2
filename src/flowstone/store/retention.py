"""Deletes what is older than it is to be kept, a little at a time.

A run is kept for a time after its end, and with it all that it called and all that called it: a
tree of flow runs goes as a whole, and none in which something is open. On Postgres the weeks in
which nothing is to be kept are dropped; what is left is deleted row by row, on both.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from flowstone.drive.long_lines import FOLDER as LONG_LINES
from flowstone.drive.long_lines import forget as forget_long_lines
from flowstone.log.files import remove_unnamed
from flowstone.settings import RetentionSettings, load
from flowstone.store import partitions, spent
from flowstone.store.artifacts import delete_artifacts
from flowstone.store.connection import ALONE, Connection
from flowstone.store.database import database_path, logs_path, shrink
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.deleting import delete_lines, delete_part, delete_task_runs
from flowstone.store.errors import WriterBusy
from flowstone.store.segments import survey

PERIOD = 3600 * 1_000_000_000
"""How often it is looked for what is too old (nanoseconds)."""
_DAY = 86_400 * 1_000_000_000
_HOLD_SECONDS = 0.015  # and the commit: together at most 50 ms
_LET_OTHERS = 0.006  # a process that waits for the lock looks every 5 ms
_A_BIT = 100  # rows of a kind, between two looks at the clock
_A_MOMENT = 0.2  # seconds that a process which ends gives to it
_TRIES = 20
# The runs first: of one that is gone nothing is shown.
_TABLES_OF_RUNS = ("task_run", "task_run_tag", "edge", "result", "usage")
_OF_RUN = ("progress", "task_run_tag", "edge", "result", "usage")
_OF_LOG = ("gap", "damage", "rejected", "shipped", "request", "definition", "tombstone")
_RUN = ("SELECT 1 FROM flow_run WHERE id = ?", "SELECT 1 FROM task_run WHERE id = ?")
_Item = TypeVar("_Item")


class Borders(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when what ended is not kept (nanoseconds since 1970); None keeps all of it."""

    runs: int | None = None
    log_lines: int | None = None
    artifacts: int | None = None


class Pruned(msgspec.Struct, kw_only=True):
    """What was deleted; `is_done` is false where time was up before."""

    flow_runs: int = 0
    task_runs: int = 0
    log_lines: int = 0
    artifacts: int = 0
    logs: int = 0
    weeks: int = 0
    is_done: bool = False


def borders(retention: RetentionSettings, now: int) -> Borders:
    """Return what the settings mean at a time."""

    def before(days: float) -> int | None:
        return now - int(days * _DAY) if days else None

    return Borders(
        runs=before(retention.runs_days),
        log_lines=before(retention.log_lines_days),
        artifacts=before(retention.artifacts_days),
    )


def prune(
    database: Database,
    before: Borders,
    *,
    seconds: float | None = None,
    said: Callable[[Pruned], None] = lambda _: None,
) -> Pruned:
    """Delete what ended before these times, for so many seconds at most.

    `said` is told of what is done after each step.
    """
    return _Pruning(database, before, seconds, said).run()


def prune_when_due(
    database: Database, retention: RetentionSettings, now: int, seconds: float | None = None
) -> Pruned | None:
    """Delete what the settings do not keep, if nobody did in the last hour; None where one did.

    A database that is new here has its first hour left in peace. Where whole weeks can be dropped,
    nothing is deleted that a week later goes with its own.
    """
    if not _claim(database, now):
        return None
    before = borders(retention, now)
    if not isinstance(database, EmbeddedDatabase):
        before = Borders(
            runs=_whole_weeks(before.runs),
            log_lines=_whole_weeks(before.log_lines),
            artifacts=before.artifacts,
        )
    done = prune(database, before, seconds=seconds)
    if not done.is_done:  # the rest is due at once again
        with database.transaction() as connection:
            connection.execute("UPDATE pruned SET at = ?", (now - _DAY,))
    return done


def prune_lightly(home: Path | str) -> None:
    """Delete a little of what the settings do not keep, where no server does it: once a day."""
    home, now = Path(home), time.time_ns()
    if not os.path.exists(database_path(home)):
        return
    database = EmbeddedDatabase(home)
    with database.store() as store:
        (at,) = store.connection.execute("SELECT at FROM pruned").fetchone()
    if at <= now - _DAY:
        prune_when_due(database, load(os.environ).retention, now, _A_MOMENT)


def would_prune(database: Database, before: Borders) -> Pruned:
    """Return what `prune` would delete; logs without runs and lines are not counted."""
    found = Pruned(is_done=True)
    with database.store() as store:
        connection = store.connection
        if before.runs is not None:
            runs = list(spent.flow_runs(connection, before.runs))
            found.flow_runs = len(runs)
            found.task_runs = spent.count_task_runs(connection, runs, before.runs)
        if before.log_lines is not None:
            query = "SELECT count(*) FROM log_line WHERE at < ?"
            found.log_lines = int(connection.execute(query, (before.log_lines,)).fetchone()[0])
        if before.artifacts is not None:
            found.artifacts = len(spent.artifacts(connection, before.artifacts))
    return found


class _Pruning:
    """One pass, in transactions that hold nobody up for long."""

    def __init__(
        self,
        database: Database,
        before: Borders,
        seconds: float | None,
        said: Callable[[Pruned], None],
    ) -> None:
        self.database = database
        self.before = before
        self.until = None if seconds is None else time.monotonic() + seconds
        self.said = said
        self.done = Pruned()
        self.tables = 0

    def run(self) -> Pruned:
        """Do all of it, or as much as there is time for."""
        if self.before.runs is not None:
            self._drop_weeks(self.before.runs, _TABLES_OF_RUNS)
            self._flow_runs(self.before.runs)
            self._task_runs(self.before.runs)
        if self.before.log_lines is not None:
            self._drop_weeks(self.before.log_lines, ("log_line",))
            self._lines(self.before.log_lines)
        if self.before.artifacts is not None:
            self._artifacts(spent.artifacts, self.before.artifacts)
        if self.before.runs is not None:
            self._artifacts(spent.loose_artifacts, self.before.runs)
            self._logs(self.before.runs)
            self._leavings(self.before.runs)
        if isinstance(self.database, EmbeddedDatabase):
            self._give_back_disk(self.database)
        self.done.is_done = not self._is_late()
        return self.done

    def _is_late(self) -> bool:
        return self.until is not None and time.monotonic() > self.until

    def _in_turns(self, items: Iterator[_Item], do: Callable[[Connection, _Item], bool]) -> None:
        """Do something with each item until it says that it is done, a while a transaction."""
        item = next(items, None)
        while item is not None and not self._is_late():
            with self.database.transaction() as connection:
                until = time.monotonic() + _HOLD_SECONDS
                while item is not None and time.monotonic() < until:
                    if do(connection, item):
                        item = next(items, None)
            self.said(self.done)
            time.sleep(_LET_OTHERS)

    def _drop_weeks(self, before: int, tables: Sequence[str]) -> None:
        """Drop the weeks of Postgres in which nothing is to be kept."""
        if isinstance(self.database, EmbeddedDatabase):
            return
        with self.database.store() as store:
            weeks = partitions.weeks_before(store.connection, before)
        for week in weeks:
            tables_before = self.tables
            for table in tables:
                if self._is_late() or not self._drop_week(table, week, before):
                    break
            self.done.weeks += self.tables > tables_before
            self.said(self.done)

    def _drop_week(self, table: str, week: int, before: int) -> bool:
        """Drop a week of a table, and return whether it is gone.

        It stays where something in it is to be kept, or somebody holds it for long.
        """
        for _ in range(_TRIES):
            with contextlib.suppress(WriterBusy), self.database.transaction() as connection:
                if not partitions.hold(connection, table, week):
                    return True
                if table != "log_line" and not _is_spent(connection, week, before):
                    return False
                # Not all that is of a week need lie in its partition: the rest goes row by row.
                rows = partitions.drop(connection, table, week)
                self.done.task_runs += rows if table == "task_run" else 0
                self.done.log_lines += rows if table == "log_line" else 0
                self.tables += 1
                return True
            time.sleep(_LET_OTHERS)
        return False

    def _flow_runs(self, before: int) -> None:
        def delete(connection: Connection, run: bytes) -> bool:
            task_runs, is_gone = delete_part(connection, self.database.home, run, _A_BIT)
            self.done.task_runs += task_runs
            self.done.flow_runs += is_gone
            return is_gone

        with self.database.store() as store:
            self._in_turns(spent.flow_runs(store.connection, before), delete)

    def _task_runs(self, before: int) -> None:
        def delete(connection: Connection, runs: list[bytes]) -> bool:
            self.done.task_runs += delete_task_runs(connection, self.database.home, runs)
            return True

        found = True
        while found and not self._is_late():  # those that they called are loose afterwards
            with self.database.store() as store:
                ids = spent.loose_task_runs(store.connection, before)
                at_first = self.done.task_runs
                self._in_turns(_in_lots(ids), delete)
            found = self.done.task_runs > at_first

    def _lines(self, before: int) -> None:
        def delete(connection: Connection, keys: list[tuple[int, int, int]]) -> bool:
            self.done.log_lines += delete_lines(connection, keys)
            return True

        is_embedded = isinstance(self.database, EmbeddedDatabase)
        find = spent.lines_of_logs if is_embedded else spent.lines_of_weeks
        found = True
        while found and not self._is_late():
            with self.database.store() as store:
                at_first = self.done.log_lines
                self._in_turns(_in_lots(find(store.connection, before)), delete)
            found = self.done.log_lines > at_first

    def _artifacts(self, find: Callable[[Connection, int], list[bytes]], before: int) -> None:
        def delete(connection: Connection, ids: list[bytes]) -> bool:
            self.done.artifacts += delete_artifacts(connection, ids)
            return True

        with self.database.store() as store:
            ids = find(store.connection, before)
        self._in_turns(_in_lots(iter(ids), 20), delete)  # each may be long

    def _logs(self, before: int) -> None:
        """Delete the rows of logs that have nothing here any more, and whose files are gone."""
        with self.database.store() as store:
            found = spent.logs(store.connection, before)
        there = {log.id for log in survey(self.database.home).logs} if found else set()

        def delete(connection: Connection, log: int) -> bool:
            for table in _OF_LOG:
                connection.execute(f"DELETE FROM {table} WHERE log = ?", (log,))  # noqa: S608 - ours
            self.done.logs += connection.execute("DELETE FROM log WHERE ref = ?", (log,)).rowcount
            return True

        self._in_turns((ref for ref, identity in found if identity not in there), delete)

    def _leavings(self, before: int) -> None:
        """Delete what is left of runs that are gone."""
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM undo WHERE flow_run IS NULL AND at < ?", (before,))
            for table in _OF_RUN if self.done.weeks else ():
                statement = spent.DELETE_LOOSE.format(table=table)
                connection.execute(statement, (spent.id_at(before),))
            if self.done.weeks and (self.before.log_lines or 0) < before:
                lines = connection.execute(spent.DELETE_LOOSE_LINES, (before,))
                self.done.log_lines += lines.rowcount
        for table, (_, key) in spent.ROLL_UPS.items():
            self._empty_counts(table, key, before)
        if os.path.isdir(logs := logs_path(self.database.home)):
            remove_unnamed(logs, before)
        with self.database.store() as store:
            for run in _old_long_lines(self.database.home, before):
                if not any(store.connection.execute(query, (run,)).fetchone() for query in _RUN):
                    forget_long_lines(str(self.database.home), run)

    def _empty_counts(self, table: str, key: str, before: int) -> None:
        where = " AND ".join(f"{column} = ?" for column in key.split(", "))
        statement = f"DELETE FROM {table} WHERE {where} AND runs = 0"  # noqa: S608 - our own names

        def delete(connection: Connection, rows: list[tuple[int, ...]]) -> bool:
            connection.execute(ALONE)
            connection.executemany(statement, rows)
            return True

        with self.database.store() as store:
            rows = spent.empty_counts(store.connection, table, before)
        self._in_turns(_in_lots(iter(rows), 2000), delete)

    def _give_back_disk(self, database: EmbeddedDatabase) -> None:
        """Cut the file of the database to what is used; one of an older version has to be told."""
        is_more = True
        while is_more and not self._is_late():
            is_more = shrink(database.home, _HOLD_SECONDS)
            time.sleep(_LET_OTHERS)


def _claim(database: Database, now: int) -> bool:
    """Whether it is time, and nobody else does it."""
    with database.store() as store:
        (at,) = store.connection.execute("SELECT at FROM pruned").fetchone()
    if at > now - PERIOD:
        return False
    with database.transaction() as connection:
        changed = connection.execute("UPDATE pruned SET at = ? WHERE at = ?", (now, at)).rowcount
    return changed == 1 and at > 0


def _whole_weeks(before: int | None) -> int | None:
    return None if before is None else before - before % partitions.WEEK


def _is_spent(connection: Connection, week: int, before: int) -> bool:
    kept = spent.kept_flow_runs(connection, before)
    times = week * partitions.WEEK, (week + 1) * partitions.WEEK
    return spent.is_week_spent(connection, times, before, kept)


def _in_lots(items: Iterator[_Item], most: int = _A_BIT) -> Iterator[list[_Item]]:
    while lot := list(islice(items, most)):
        yield lot


def _old_long_lines(home: Path, before: int) -> list[bytes]:
    """Return the runs that began before a time and have files of long lines."""
    try:
        names = os.listdir(home / LONG_LINES)
    except FileNotFoundError:
        return []
    border = spent.id_at(before)
    return [run for run in map(_run_of, names) if run is not None and run < border]


def _run_of(name: str) -> bytes | None:
    try:
        return uuid.UUID(name).bytes
    except ValueError:  # nothing of ours
        return None
