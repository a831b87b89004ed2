"""The rows of logs that are sent here: when they were heard of, and what is asked of them."""

from __future__ import annotations

import sqlite3
import time

import msgspec

from flowstone.core.states import CRASHED
from flowstone.log.control import CancelAsked
from flowstone.store import logs
from flowstone.store.connection import Connection
from flowstone.store.counts import Counts
from flowstone.store.names import Names
from flowstone.store.requests import cancel_asked
from flowstone.store.verdicts import mark_asked, mark_died

_DATABASE_TIME = "SELECT cast(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint)"
_TOUCH = (
    "INSERT INTO shipped (log, received, segment, base) VALUES (?, ?, 0, 0) "
    "ON CONFLICT (log) DO UPDATE SET received = excluded.received "
    "RETURNING log, received, segment, base, lapsed"
)
_DEAD = "SELECT id, {of}, created, started, mark_at, state FROM {table} WHERE log = ? AND mark = 1"
_REVIVE = (
    "UPDATE {table} SET shown = state, is_open = 1, mark = NULL, mark_at = NULL, "
    "mark_message = NULL WHERE log = ? AND mark = 1"
)


class Command(msgspec.Struct, frozen=True):
    """What a process is asked: to cancel a run of its own. `message` says who asks."""

    run: bytes
    message: str


class ShippedRow(msgspec.Struct):
    """How a log comes here: heard of last at `received`, in the segment that begins at `base`.

    `lapsed` is when its runs were marked because it was silent.
    """

    log: int
    received: int
    segment: int
    base: int
    lapsed: int | None


def clock(connection: Connection) -> int:
    """Return the time by which silence is judged: the database's own, where several write it."""
    if isinstance(connection, sqlite3.Connection):
        return time.time_ns()
    (now,) = connection.execute(_DATABASE_TIME).fetchone()
    return int(now)


def touch(connection: Connection, log: int, now: int) -> ShippedRow:
    """Note that a log was heard of; its row is made when it is sent here for the first time."""
    return ShippedRow(*connection.execute(_TOUCH, (log, now)).fetchall()[0])


def save(connection: Connection, row: ShippedRow) -> None:
    """Keep which segment of a log is received, and whether it is silent."""
    connection.execute(
        "UPDATE shipped SET segment = ?, base = ?, lapsed = ? WHERE log = ?",
        (row.segment, row.base, row.lapsed, row.log),
    )


def is_shipped(connection: Connection, log: bytes) -> bool:
    """Whether a log is sent here by its process."""
    query = "SELECT 1 FROM shipped JOIN log ON log.ref = shipped.log WHERE log.id = ?"
    return connection.execute(query, (log,)).fetchone() is not None


def request(connection: Connection, log: bytes, asked: CancelAsked) -> None:
    """Leave a request for the process that sends a log, if none is there, and mark the run."""
    row = logs.hold(connection, log)
    assert row is not None
    connection.execute(
        "INSERT INTO request (log, run, at, message) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (row.ref, asked.run, asked.at, asked.message),
    )
    mark_asked(connection, row.ref, asked)


def commands(connection: Connection, log: int) -> tuple[Command, ...]:
    """Return what is asked of a log's process, and forget of it what has happened.

    What is over is told once more: its end may be one that the store gave it, while the process
    could not be heard.
    """
    asked = connection.execute("SELECT run, message FROM request WHERE log = ?", (log,)).fetchall()
    for run, _ in asked:
        if not _is_open(connection, run):
            connection.execute("DELETE FROM request WHERE log = ? AND run = ?", (log, run))
    return tuple(Command(bytes(run), message) for run, message in asked)


def _is_open(connection: Connection, run: bytes) -> bool:
    query = (
        "SELECT 1 FROM flow_run WHERE id = ? AND is_open = 1 "
        "UNION ALL SELECT 1 FROM task_run WHERE id = ? AND is_open = 1"
    )
    return connection.execute(query, (run, run)).fetchone() is not None


def version_of(connection: Connection, log: int) -> str:
    """Return the version of Flowstone that writes a log."""
    (version,) = connection.execute("SELECT version FROM log WHERE ref = ?", (log,)).fetchone()
    return str(version)


def close(connection: Connection, log: int, last_at: int, names: Names, why: str) -> int:
    """Mark the open runs of a log, and cancel those that were to be; return how many there were.

    They end at the log's last sign of life, the time `last_at` of its last record.
    """
    pid, host = connection.execute("SELECT pid, host FROM log WHERE ref = ?", (log,)).fetchone()
    cancel_asked(connection, log, names)
    return mark_died(connection, log, last_at, why.format(f"(pid {pid} on {host})"))


def revive(connection: Connection, log: int) -> None:
    """Take the marks away from the runs of a log whose process was taken for dead, and is not."""
    counts = Counts()
    tasks = connection.execute(_DEAD.format(of="flow_run, task", table="task_run"), (log,))
    for _, flow_run, task, created, started, ended, state in tasks.fetchall():
        counts.add(flow_run, task, created, started, ended, CRASHED, runs=-1)
        counts.add(flow_run, task, created, started, None, state)
    flows = connection.execute(_DEAD.format(of="parent_flow_run, flow", table="flow_run"), (log,))
    for run, caller, flow, created, started, ended, state in flows.fetchall():
        counts.add_flow((run, caller), flow, created, started, ended, CRASHED, runs=-1)
        counts.add_flow((run, caller), flow, created, started, None, state)
    for table in ("task_run", "flow_run"):
        connection.execute(_REVIVE.format(table=table), (log,))
    counts.write(connection)


class LogState(msgspec.Struct, frozen=True):
    """How it stands with a log; `received` is None where it was not sent here."""

    id: bytes
    pid: int
    host: str
    python: str
    version: str
    created: int
    applied: int
    ended: int | None
    blocked: int | None
    received: int | None
    lapsed: int | None
    damages: int
    lost_records: int


_STATES = """
    SELECT log.id, pid, host, python, version, created, applied, ended, blocked, received, lapsed,
        (SELECT count(*) FROM damage WHERE damage.log = log.ref),
        (SELECT cast(coalesce(sum(records), 0) AS BIGINT) FROM gap WHERE gap.log = log.ref)
    FROM log LEFT JOIN shipped ON shipped.log = log.ref WHERE log.id < ?
    ORDER BY log.id DESC LIMIT ?
"""


def list_logs(connection: Connection, limit: int, before: bytes | None = None) -> list[LogState]:
    """Return how it stands with logs, the newest first; `before` goes on behind an id."""
    rows = connection.execute(_STATES, (before or b"\xff" * 17, limit)).fetchall()
    return [LogState(*row) for row in rows]
