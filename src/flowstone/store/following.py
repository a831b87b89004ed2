"""The log lines that came since one last looked, whichever process wrote them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.reading.lines import Line, LinesWanted, newer_lines

_OVERLAP = 5_000_000_000
"""How much longer a line may take from one process than from another (nanoseconds)."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What a follower has seen: the newest time, and of each log the last place."""

    at: int = 0
    places: dict[int, int] = {}

    def with_lines(self, lines: Iterable[Line]) -> Seen:
        """Return what is seen with these lines too."""
        at, places = self.at, dict(self.places)
        for line in lines:
            at = max(at, line.place.at)
            places[line.place.log] = max(places.get(line.place.log, -1), line.place.position)
        return Seen(at, places)


def newer(
    connection: Connection, seen: Seen, wanted: LinesWanted, limit: int = 1000
) -> tuple[list[Line], Seen]:
    """Return so many lines that were not seen, few more at most, and what is seen with them."""
    lines = newer_lines(connection, wanted, seen.places, seen.at - _OVERLAP, limit)
    return lines, seen.with_lines(lines)
