"""How it stands with the logs of a home."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowstone.log.files import DAMAGED, segment_name
from flowstone.log.frames import seed_of
from flowstone.log.reader import read
from flowstone.store import logs
from flowstone.store.collector import Collected
from flowstone.store.connection import Connection
from flowstone.store.database import logs_path
from flowstone.store.rows import DamageRow, ForeignRow, LogFacts, LogStatus, RejectedRow
from flowstone.store.segments import LogSeen, Seen, survey

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20
_MOST_REJECTED = 1000


def status_of(connection: Connection, home: Path, collected: Collected | None) -> LogStatus:
    """Return which logs are there, what of them is not collected, and what went wrong."""
    seen = survey(home)
    return LogStatus(
        logs=tuple(_facts(connection, log) for log in seen.logs),
        damages=_damages(connection, home),
        foreign=tuple(ForeignRow(one.path, one.reason) for one in seen.foreign),
        rejected=tuple(
            RejectedRow(*row)
            for row in connection.execute(
                "SELECT log.id, position, reason FROM rejected "
                "JOIN log ON log.ref = rejected.log ORDER BY rejected.log, position LIMIT ?",
                (_MOST_REJECTED,),
            )
        ),
        as_of=collected.as_of if collected else None,
        reason=collected.reason if collected else "",
    )


def _facts(connection: Connection, log: LogSeen) -> LogFacts:
    row = logs.row_of(connection, log.id)
    header = log.newest.header
    lost = (0, 0)
    if row is not None:
        lost = connection.execute(
            "SELECT coalesce(sum(records), 0), coalesce(sum(lines), 0) FROM gap WHERE log = ?",
            (row.ref,),
        ).fetchone()
    applied = row.applied if row else 0
    return LogFacts(
        id=log.id,
        pid=header.pid,
        host=header.host,
        alive=log.is_alive,
        segments=tuple(os.path.basename(one.path) for one in log.segments),
        applied=applied,
        uncollected=sum(_written(log, one, applied) for one in log.segments),
        lost_records=lost[0],
        lost_lines=lost[1],
        needs=header.version if row is not None and row.is_blocked else None,
    )


def _written(log: LogSeen, seen: Seen, applied: int) -> int:
    """Return how many bytes of a segment are written and not applied."""
    begin = max(applied - seen.header.base, 0)
    if begin >= seen.size:
        return 0
    try:
        fd = os.open(seen.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        at, ended = begin, False
        while not ended:
            reading = read(fd, at, seed_of(log.id), free=False, size=_CHUNK)
            ended = reading.ended or reading.next == at
            at = reading.next
    finally:
        os.close(fd)
    return at - begin


def _damages(connection: Connection, home: Path) -> tuple[DamageRow, ...]:
    found = []
    rows = connection.execute(
        "SELECT log.id, segment, position, length, reason FROM damage "
        "JOIN log ON log.ref = damage.log ORDER BY damage.log, segment, position"
    )
    for log, segment, position, length, reason in rows:
        path = os.path.join(logs_path(home), segment_name(log, segment))
        path = path if os.path.exists(path) else path + DAMAGED
        found.append(DamageRow(path, position, length, reason))
    return tuple(found)
