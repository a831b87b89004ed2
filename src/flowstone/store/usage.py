"""What task runs used of their machines: what records say of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flowstone.core.facts import UsageMeasured
from flowstone.store.connection import Connection

_NOTE = """
    INSERT INTO usage (run, at, cpu, memory) VALUES (?, ?, ?, ?)
    ON CONFLICT (run) DO UPDATE SET at = excluded.at, cpu = excluded.cpu, memory = excluded.memory
    WHERE excluded.at >= usage.at
"""


class UsageRow(msgspec.Struct, frozen=True):
    """What the last attempt of a run used: seconds of processors, and bytes where it is known."""

    cpu: float
    memory: int | None


def note(connection: Connection, records: Iterable[UsageMeasured]) -> None:
    """Write what records say; of a run the latest holds."""
    latest: dict[bytes, UsageMeasured] = {}
    for record in records:
        before = latest.get(record.run)
        if before is None or record.at >= before.at:
            latest[record.run] = record
    connection.executemany(_NOTE, [msgspec.structs.astuple(one) for one in latest.values()])


def forget(connection: Connection, runs: list[bytes]) -> None:
    """Delete what is known of runs."""
    connection.executemany("DELETE FROM usage WHERE run = ?", [(run,) for run in runs])


def usage_of(connection: Connection, run: bytes) -> UsageRow | None:
    """Return what a run used, None where nothing was said of it."""
    found = connection.execute("SELECT cpu, memory FROM usage WHERE run = ?", (run,)).fetchone()
    return None if found is None else UsageRow(*found)
