"""The roll-ups: how many runs there are of each kind, in each state, in each stretch of time.

They change in the transaction that changes the rows, so every count shown equals the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flowstone.core.states import COMPLETED, DEFAULT_NAMES
from flowstone.store.buckets import OPEN, bucket_of, from_blob, packed, to_blob, took
from flowstone.store.changes import FLOW_RUN, LINES, TASK_RUNS, note_changes
from flowstone.store.connection import ALONE, Connection
from flowstone.store.days import stretch_of
from flowstone.store.folds import Folding
from flowstone.store.statements import (
    ADD_FLOW_DAY,
    ADD_FLOW_HOUR,
    ADD_TASK_COUNT,
    ADD_TASK_DAY,
    ADD_TASK_HOUR,
    ADD_TASK_MINUTE,
)

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
_MINUTES_A_DAY = 24 * 60
_TOOK = {"task_took": ("day", "task"), "flow_took": ("day", "flow"), "late_hour": ("hour",)}
"""The tables of packed durations, with their keys."""


class Counts:
    """Changes of the roll-ups that are not written yet. Unknown tasks and flows count as row 0."""

    __slots__ = ("_flows", "_summed", "_tasks", "_touched", "folds")

    def __init__(self) -> None:
        self.folds = Folding()
        self._summed = _Summed()
        self._tasks: dict[tuple[bytes | None, int, int, int, int, int], int] = {}
        self._flows: dict[tuple[int, int, int, int], int] = {}
        self._touched: set[tuple[int, bytes | None]] = set()

    def add(
        self,
        flow_run: bytes | None,
        task: int | None,
        created: int,
        started: int | None,
        ended: int | None,
        state: int,
        *,
        runs: int = 1,
    ) -> None:
        """Count `runs` more task runs that are shown in a state."""
        key = (
            flow_run,
            task or 0,
            created // MINUTE,
            state,
            OPEN if started is None or ended is None else bucket_of(ended - started),
            OPEN if started is None else bucket_of(started - created),
        )
        self._tasks[key] = self._tasks.get(key, 0) + runs
        if flow_run is not None and runs > 0:
            self.folds.see(flow_run, task or 0, created, started, ended)

    def add_completed(self, runs: Iterable[tuple[bytes | None, int | None, int, int, int]]) -> None:
        """Count more task runs that are Completed: as `add`, for many at once."""
        tasks, see = self._tasks, self.folds.see
        for flow_run, task, created, started, ended in runs:
            late = 0 if started == created else bucket_of(started - created)
            bucket = bucket_of(ended - started)
            key = (flow_run, task or 0, created // MINUTE, COMPLETED, bucket, late)
            tasks[key] = tasks.get(key, 0) + 1
            if flow_run is not None:
                see(flow_run, task or 0, created, started, ended)

    def add_flow(
        self,
        run: bytes | tuple[bytes, bytes | None],
        flow: int | None,
        created: int,
        started: int | None,
        ended: int | None,
        state: int,
        *,
        runs: int = 1,
    ) -> None:
        """Count a flow run that is shown in a state, or with `runs` of −1 is so no more.

        With the flow run that called it, which is told of the change too.
        """
        key = (flow or 0, created // MINUTE, state, took(started, ended))
        self._flows[key] = self._flows.get(key, 0) + runs
        run, caller = (run, None) if isinstance(run, bytes) else run
        self._touched.add((FLOW_RUN, run))
        if caller is not None:
            self._touched.add((TASK_RUNS, caller))

    def lined(self, flow_runs: set[bytes | None]) -> None:
        """Say that lines of flow runs came."""
        self._touched.update((LINES, run) for run in flow_runs if run is not None)

    def write(self, connection: Connection) -> None:
        """Write the changes, in the order of their keys, say what changed, and begin anew."""
        self.sum_up(connection)
        if not (self._summed.by_minute or self._flows or self._touched or self.folds.is_changed):
            return
        if self._touched:
            note_changes(connection, self._touched)  # alone from here on
        else:
            connection.execute(ALONE)
        if self._summed.by_minute:
            self._write_tasks(connection)
        if self._flows:
            self._write_flows(connection)
        self.folds.write(connection)
        self._flows, self._touched = {}, set()

    def sum_up(self, connection: Connection) -> None:
        """Add up the task runs that were counted: those of a week then need little room."""
        summed, folds = self._summed, self.folds
        hits = _hits(connection, (key[3] for key in self._tasks))
        for (flow_run, task, minute, state, bucket, late), runs in self._tasks.items():
            summed.by_minute[(minute,)] += runs
            summed.by_hour[minute // 60, state] += runs
            summed.by_day[minute // _MINUTES_A_DAY, task, state] += runs
            if bucket != OPEN and state != hits:
                summed.by_took[minute // _MINUTES_A_DAY, task] += packed(bucket, runs)
            if late != OPEN:
                summed.by_late[(minute // 60,)] += packed(late, runs)
            if flow_run is not None:
                summed.by_flow_run[flow_run, state] += runs
                folds.count(flow_run, task, state, runs)
                self._touched.add((TASK_RUNS, flow_run))
        self._tasks = {}

    def _write_tasks(self, connection: Connection) -> None:
        summed, self._summed = self._summed, _Summed()
        _write(connection, ADD_TASK_COUNT, summed.by_flow_run)
        _write(connection, ADD_TASK_MINUTE, summed.by_minute)
        _write(connection, ADD_TASK_HOUR, summed.by_hour)
        _write(connection, ADD_TASK_DAY, _with_stretches(summed.by_day))
        _write_took(connection, "task_took", _with_stretches(summed.by_took))
        _write_took(connection, "late_hour", summed.by_late)

    def _write_flows(self, connection: Connection) -> None:
        by_hour: Counter[tuple[int, int]] = Counter()
        by_day: Counter[tuple[int, ...]] = Counter()
        by_took: Counter[tuple[int, ...]] = Counter()
        for (flow, minute, state, bucket), runs in self._flows.items():
            by_hour[minute // 60, state] += runs
            by_day[minute // _MINUTES_A_DAY, flow, state] += runs
            if bucket != OPEN:
                by_took[minute // _MINUTES_A_DAY, flow] += packed(bucket, runs)
        _write(connection, ADD_FLOW_HOUR, by_hour)
        _write(connection, ADD_FLOW_DAY, _with_stretches(by_day))
        _write_took(connection, "flow_took", _with_stretches(by_took))


class _Summed:
    """How many more task runs there are, by the keys of the tables."""

    def __init__(self) -> None:
        self.by_flow_run: Counter[tuple[bytes, int]] = Counter()
        self.by_minute: Counter[tuple[int]] = Counter()
        self.by_hour: Counter[tuple[int, int]] = Counter()
        self.by_day: Counter[tuple[int, ...]] = Counter()
        self.by_took: Counter[tuple[int, ...]] = Counter()
        self.by_late: Counter[tuple[int, ...]] = Counter()


def _hits(connection: Connection, states: Iterable[int]) -> int | None:
    """Return the row of the state of runs that took a kept result, if it may be one of these."""
    if max(states, default=0) < len(DEFAULT_NAMES):
        return None
    query = "SELECT ref FROM state WHERE type = ? AND name = 'Cached'"
    found = connection.execute(query, (COMPLETED,)).fetchone()
    return None if found is None else int(found[0])


def _with_stretches(changes: Mapping[tuple[int, ...], int]) -> Counter[tuple[int, ...]]:
    """Return changes of days with those of the stretches that the days lie in."""
    found = Counter(changes)
    for (day, *rest), change in changes.items():
        found[stretch_of(day), *rest] += change
    return found


def _write(
    connection: Connection,
    statement: str,
    changes: Mapping[tuple[bytes, int], int]
    | Mapping[tuple[int], int]
    | Mapping[tuple[int, int], int]
    | Mapping[tuple[int, ...], int],
) -> None:
    rows: list[Sequence[bytes | int]] = [
        (*key, runs) for key, runs in sorted(changes.items()) if runs
    ]
    if rows:
        connection.executemany(statement, rows)


def _write_took(connection: Connection, table: str, changes: Mapping[tuple[int, ...], int]) -> None:
    """Add durations to those that are stored; what comes to none has no row."""
    changed = {key: counts for key, counts in changes.items() if counts}
    if not changed:
        return
    columns = _TOOK[table]
    parts = [sorted({key[place] for key in changed}) for place in range(len(columns))]
    where = " AND ".join(
        f"{column} IN ({', '.join('?' * len(part))})"
        for column, part in zip(columns, parts, strict=True)
    )
    keys = ", ".join(columns)
    stored = connection.execute(
        f"SELECT {keys}, took FROM {table} WHERE {where}",  # noqa: S608 - our own names
        [value for part in parts for value in part],
    )
    for *key, blob in stored.fetchall():
        if tuple(key) in changed:
            changed[tuple(key)] += from_blob(blob)
    full = [(*key, to_blob(counts)) for key, counts in sorted(changed.items()) if counts]
    none = [key for key, counts in sorted(changed.items()) if not counts]
    if full:
        marks = ", ".join("?" * (len(columns) + 1))
        connection.executemany(
            f"INSERT INTO {table} ({keys}, took) VALUES ({marks}) "  # noqa: S608 - our own names
            f"ON CONFLICT ({keys}) DO UPDATE SET took = excluded.took",
            full,
        )
    if none:
        same = " AND ".join(f"{column} = ?" for column in columns)
        connection.executemany(f"DELETE FROM {table} WHERE {same}", none)  # noqa: S608 - ours
