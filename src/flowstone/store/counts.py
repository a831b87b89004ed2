"""The roll-ups: how many task runs a flow run has in each state, and how many an hour has.

They change in the transaction that changes the rows, so every count shown equals the rows.
"""

from __future__ import annotations

import sqlite3

from flowstone.store.statements import ADD_TASK_COUNT, ADD_TASK_HOUR

HOUR = 3_600_000_000_000


class Counts:
    """Changes of the roll-ups that are not written yet."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[tuple[bytes | None, int, int], int] = {}

    def add(self, flow_run: bytes | None, created: int, state: int, runs: int = 1) -> None:
        """Count `runs` more task runs that are shown in a state."""
        key = (flow_run, created // HOUR, state)
        self._changes[key] = self._changes.get(key, 0) + runs

    def move(self, flow_run: bytes | None, created: int, shown: int, state: int) -> None:
        """Count a task run that was shown in one state in another."""
        self.add(flow_run, created, shown, -1)
        self.add(flow_run, created, state)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the changes, in the order of their keys, and begin anew."""
        by_flow_run: dict[tuple[bytes, int], int] = {}
        by_hour: dict[tuple[int, int], int] = {}
        for (flow_run, hour, state), runs in self._changes.items():
            by_hour[hour, state] = by_hour.get((hour, state), 0) + runs
            if flow_run is not None:
                by_flow_run[flow_run, state] = by_flow_run.get((flow_run, state), 0) + runs
        changes = [(*key, runs) for key, runs in sorted(by_flow_run.items()) if runs]
        if changes:
            connection.executemany(ADD_TASK_COUNT, changes)
        hours = [(*key, runs) for key, runs in sorted(by_hour.items()) if runs]
        if hours:
            connection.executemany(ADD_TASK_HOUR, hours)
        self._changes = {}
