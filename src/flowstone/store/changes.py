"""What changed lately: a short list in the database, written by the transactions that change it.

Whoever shows runs live reads it, whichever process wrote: a collector, another server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from flowstone.store.connection import ALONE, Connection

FLOW_RUN, TASK_RUNS, LINES, LIMITS, ARTIFACTS = range(1, 6)
"""The topics: a flow run, its task runs, its lines; limits and artifacts are no run's."""
KEPT = 10_000
"""The rows that are kept: who was away for longer reads everything anew."""


class Change(msgspec.Struct, frozen=True):
    """One change. Numbers become visible in their order."""

    ref: int
    topic: int
    run: bytes | None


def note_changes(connection: Connection, changes: Iterable[tuple[int, bytes | None]]) -> None:
    """Write what the open transaction changes: pairs of a topic and a flow run."""
    rows = sorted(changes, key=_order)
    if not rows:
        return
    connection.execute(ALONE)  # so that numbers become visible in their order
    connection.executemany("INSERT INTO change (topic, run) VALUES (?, ?)", rows)
    if isinstance(connection, sqlite3.Connection):  # its one writer; elsewhere a server does it
        forget_changes(connection)


def forget_changes(connection: Connection) -> None:
    """Delete the changes that are not kept any longer."""
    connection.execute("DELETE FROM change WHERE ref <= (SELECT max(ref) FROM change) - ?", (KEPT,))


def newest_change(connection: Connection) -> int:
    """Return the number of the newest change, 0 where there was none."""
    row = connection.execute("SELECT max(ref) FROM change").fetchone()
    return int(row[0] or 0)


def changes_since(connection: Connection, ref: int) -> list[Change]:
    """Return the changes behind a number, in the order of their numbers."""
    rows = connection.execute(
        "SELECT ref, topic, run FROM change WHERE ref > ? ORDER BY ref", (ref,)
    )
    return [Change(*row) for row in rows]


def _order(change: tuple[int, bytes | None]) -> tuple[int, bytes]:
    return change[0], change[1] or b""
