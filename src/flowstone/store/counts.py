"""The roll-ups: how many runs there are of each kind, in each state, in each stretch of time.

They change in the transaction that changes the rows, so every count shown equals the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flowstone.store.buckets import OPEN, bucket_of, took
from flowstone.store.changes import FLOW_RUN, LINES, TASK_RUNS, note_changes
from flowstone.store.connection import ALONE, Connection
from flowstone.store.statements import (
    ADD_FLOW_DAY,
    ADD_FLOW_HOUR,
    ADD_LATE_HOUR,
    ADD_TASK_COUNT,
    ADD_TASK_DAY,
    ADD_TASK_HOUR,
    ADD_TASK_MINUTE,
)

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
_MINUTES_A_DAY = 24 * 60


class Counts:
    """Changes of the roll-ups that are not written yet. Unknown tasks and flows count as row 0."""

    __slots__ = ("_flows", "_tasks", "_touched")

    def __init__(self) -> None:
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
        if not (self._tasks or self._flows or self._touched):
            return
        connection.execute(ALONE)
        if self._tasks:
            self._write_tasks(connection)
        if self._flows:
            self._write_flows(connection)
        note_changes(connection, self._touched)
        self._tasks, self._flows, self._touched = {}, {}, set()

    def _write_tasks(self, connection: Connection) -> None:
        by_flow_run: Counter[tuple[bytes, int, int]] = Counter()
        by_minute: Counter[tuple[int]] = Counter()
        by_hour: Counter[tuple[int, int]] = Counter()
        by_day: Counter[tuple[int, int, int, int]] = Counter()
        by_late: Counter[tuple[int, int]] = Counter()
        for (flow_run, task, minute, state, bucket, late), runs in self._tasks.items():
            by_minute[(minute,)] += runs
            by_hour[minute // 60, state] += runs
            by_day[task, minute // _MINUTES_A_DAY, state, bucket] += runs
            if late != OPEN:
                by_late[minute // 60, late] += runs
            if flow_run is not None:
                by_flow_run[flow_run, task, state] += runs
                self._touched.add((TASK_RUNS, flow_run))
        _write(connection, ADD_TASK_COUNT, by_flow_run)
        _write(connection, ADD_TASK_MINUTE, by_minute)
        _write(connection, ADD_TASK_HOUR, by_hour)
        _write(connection, ADD_TASK_DAY, by_day)
        _write(connection, ADD_LATE_HOUR, by_late)

    def _write_flows(self, connection: Connection) -> None:
        by_hour: Counter[tuple[int, int]] = Counter()
        by_day: Counter[tuple[int, int, int, int]] = Counter()
        for (flow, minute, state, bucket), runs in self._flows.items():
            by_hour[minute // 60, state] += runs
            by_day[flow, minute // _MINUTES_A_DAY, state, bucket] += runs
        _write(connection, ADD_FLOW_HOUR, by_hour)
        _write(connection, ADD_FLOW_DAY, by_day)


def _write(
    connection: Connection,
    statement: str,
    changes: Counter[tuple[bytes, int, int]]
    | Counter[tuple[int]]
    | Counter[tuple[int, int]]
    | Counter[tuple[int, int, int, int]],
) -> None:
    rows: list[Sequence[bytes | int]] = [
        (*key, runs) for key, runs in sorted(changes.items()) if runs
    ]
    if rows:
        connection.executemany(statement, rows)
