"""Where the results of runs are, and how often they were used again: what records say of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from flowstone.core.facts import ResultNoted
from flowstone.store.connection import Connection

_NOTE = """
    INSERT INTO result (run, at, place, key, is_hit, is_kept, seconds, reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run) DO UPDATE SET at = excluded.at, place = excluded.place, key = excluded.key,
        is_hit = excluded.is_hit, is_kept = excluded.is_kept, seconds = excluded.seconds,
        reason = excluded.reason
    WHERE excluded.at >= result.at
"""
_SELECT = "SELECT result.run, at, place, key, is_hit, is_kept, seconds, reason FROM result "
_KEPT_BEFORE = """
    SELECT result.run, result.at, place, key, is_hit, is_kept, seconds, reason
    FROM task_run other JOIN result ON result.run = other.id
    WHERE other.task IN (SELECT ref FROM task WHERE name = ?) AND other.id < ? AND is_kept = 1
    ORDER BY other.id DESC LIMIT ?
"""
_HITS = """
    SELECT task.name, count(*), sum(seconds)
    FROM result JOIN task_run run ON run.id = result.run JOIN task ON task.ref = run.task
    WHERE is_hit = 1 GROUP BY task.name
"""


class ResultRow(msgspec.Struct, frozen=True):
    """Where the result of a run is; fields as in the record `ResultNoted`."""

    run: bytes
    at: int
    place: str
    key: str | None
    is_hit: bool
    is_kept: bool
    seconds: float
    reason: str | None


class Hits(msgspec.Struct, frozen=True):
    """How often results of a task were used again, and the seconds that this saved."""

    task: str
    count: int
    seconds: float


def note(connection: Connection, records: Iterable[ResultNoted]) -> None:
    """Write what records say of results; of a run the latest holds."""
    latest: dict[bytes, ResultNoted] = {}
    for record in records:
        before = latest.get(record.run)
        if before is None or record.at >= before.at:
            latest[record.run] = record
    connection.executemany(_NOTE, [msgspec.structs.astuple(one) for one in latest.values()])


def forget(connection: Connection, runs: list[bytes]) -> None:
    """Delete what is known of the results of runs; the results themselves stay."""
    connection.executemany("DELETE FROM result WHERE run = ?", [(run,) for run in runs])


def result_of(connection: Connection, run: bytes) -> ResultRow | None:
    """Return where the result of a run is, None where nothing was said of it."""
    found = connection.execute(f"{_SELECT} WHERE run = ?", (run,)).fetchone()
    return None if found is None else _row(found)


def results_before(connection: Connection, task: str, run: bytes, limit: int) -> list[ResultRow]:
    """Return the kept results of runs of a task that began before a run, the newest first."""
    return [_row(found) for found in connection.execute(_KEPT_BEFORE, (task, run, limit))]


def hits(connection: Connection) -> list[Hits]:
    """Return what results that were used again saved, by the names of their tasks."""
    return [Hits(*found) for found in connection.execute(_HITS)]


def places(connection: Connection) -> list[str]:
    """Return the storages in which results of runs are."""
    rows = connection.execute("SELECT DISTINCT place FROM result WHERE is_kept = 1 ORDER BY place")
    return [place for (place,) in rows]


def _row(found: tuple[Any, ...]) -> ResultRow:
    run, at, place, key, is_hit, is_kept, seconds, reason = found
    return ResultRow(run, at, place, key, bool(is_hit), bool(is_kept), seconds, reason)
