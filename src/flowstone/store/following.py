"""The log lines that came since one last looked, whichever process wrote them."""

from __future__ import annotations

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.reading.lines import LinesWanted, newer_lines
from flowstone.store.rows import LineRow

_OVERLAP = 5_000_000_000
"""How much longer a line may take from one process than from another (nanoseconds)."""
_AT_ONCE = 1000


class Seen(msgspec.Struct, frozen=True):
    """What a follower has seen: the newest time, and of each log the last place."""

    at: int = 0
    places: dict[int, int] = {}


def newer(
    connection: Connection, since: Seen | None, wanted: LinesWanted
) -> tuple[list[LineRow], Seen]:
    """Return the lines that were not seen, at most a thousand, and what is seen with them."""
    seen = since or Seen()
    lines = newer_lines(connection, wanted, seen.places, seen.at - _OVERLAP, _AT_ONCE)
    at, places = seen.at, dict(seen.places)
    for line in lines:
        at = max(at, line.place.at)
        places[line.place.log] = max(places.get(line.place.log, -1), line.place.position)
    rows = [
        LineRow(
            at=line.place.at,
            level=line.level,
            logger=line.logger,
            message=line.message,
            flow_run=line.flow_run,
            task_run=line.task_run,
            flow_run_name=line.flow_run_name,
            task_run_name=line.task_run_name,
        )
        for line in lines
    ]
    return rows, Seen(at, places)
