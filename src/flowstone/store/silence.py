"""Judges the processes that send their logs by their silence: no lock of theirs is seen here."""

from __future__ import annotations

import time
from collections.abc import Callable

from flowstone.store import shipped
from flowstone.store.connection import Connection
from flowstone.store.databases import Database
from flowstone.store.names import Names

LEASE_SECONDS = 30.0
_AT_ONCE = 200
_SILENT = (
    "SELECT log.ref, log.last_at FROM shipped JOIN log ON log.ref = shipped.log "
    "WHERE shipped.lapsed IS NULL AND shipped.received < ? AND log.ended IS NULL "
    "ORDER BY shipped.received LIMIT ?"
)
_LAPSE = (
    "UPDATE shipped SET lapsed = ? WHERE log = ? AND received < ? AND lapsed IS NULL RETURNING log"
)


class LeaseJudge:
    """Marks the open runs of logs that were not heard of for `seconds` as Crashed.

    That is a suspicion: what is heard of the process later takes it back. Those that somebody
    asked to cancel are Cancelled. Times are those of receipt, so no clock of a client matters.

    While nobody listened nobody could be heard: after a start, and after a pause between two
    judgements (the database was away, the machine slept), it waits for twice the time.
    """

    def __init__(
        self,
        database: Database,
        seconds: float = LEASE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._seconds = seconds
        self._now = now
        self._listening_since: float | None = None
        self._last = 0.0

    def judge(self) -> int:
        """Judge once, as is to be done every few seconds; return how many runs were marked."""
        now = self._now()
        if self._listening_since is None or now - self._last > self._seconds / 2:
            self._listening_since = now
        is_time = now - self._listening_since >= 2 * self._seconds
        marked = judge_leases(self._database, self._seconds) if is_time else 0
        self._last = self._now()
        return marked


def judge_leases(database: Database, seconds: float = LEASE_SECONDS) -> int:
    """Mark the open runs of the logs that were silent for so long; return how many there were."""
    with database.transaction() as connection:
        now = shipped.clock(connection)
        before = now - int(seconds * 1e9)
        silent = connection.execute(_SILENT, (before, _AT_ONCE)).fetchall()
        return sum(
            _lapse(connection, log, last_at, before, now, seconds) for log, last_at in silent
        )


def _lapse(
    connection: Connection, log: int, last_at: int, before: int, now: int, seconds: float
) -> int:
    if not connection.execute(_LAPSE, (now, log, before)).fetchall():
        return 0  # it was heard of just now, or another server was quicker
    why = f"Nothing was heard of the process that ran it {{}} for {seconds:g} s."
    return shipped.close(connection, log, last_at, Names(connection), why)
