"""The rows of logs: how much of each log is in the database."""

from __future__ import annotations

import msgspec

from flowstone.log.decoding import UnknownKind, decode
from flowstone.log.frames import Damage
from flowstone.log.records import Header, Record
from flowstone.store.connection import Connection

_payload_of = msgspec.msgpack.Encoder().encode
_COLUMNS = "ref, id, applied, last_at, ended, stopped, blocked, asked"


class LogRow(msgspec.Struct):
    """How much of a log is applied: up to the logical offset `applied`, the time `last_at`.

    Behind `stopped` nothing may be applied; `blocked` is the kind of a record that this version
    does not know. `asked` is how much of the log's control file is.
    """

    ref: int
    id: bytes
    applied: int = 0
    last_at: int = 0
    ended: int | None = None
    stopped: int | None = None
    blocked: int | None = None
    asked: int = 0

    @property
    def is_blocked(self) -> bool:
        """Whether the log goes on with a record that this version does not know either."""
        if self.blocked is None:
            return False
        return isinstance(decode(msgspec.msgpack.encode([self.blocked])), UnknownKind)


def row_of(connection: Connection, log: bytes) -> LogRow | None:
    """Return the row of a log, None where nothing of it was applied."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM log WHERE id = ?",  # noqa: S608 - our own names
        (log,),
    ).fetchone()
    return LogRow(*row) if row else None


def hold(connection: Connection, log: bytes) -> LogRow | None:
    """Return the row of a log, which no other transaction changes until this one ends."""
    row = connection.execute(
        f"UPDATE log SET applied = applied WHERE id = ? RETURNING {_COLUMNS}",  # noqa: S608 - ours
        (log,),
    ).fetchone()
    return LogRow(*row) if row else None


def begin(connection: Connection, header: Header) -> LogRow:
    """Make the row of a log from one of its headers, or `hold` the one that is there."""
    found = hold(connection, header.log)
    if found is not None:
        return found
    columns = "id, pid, host, boot, process_start, python, version, judged, destination, created"
    made = connection.execute(
        f"INSERT INTO log ({columns}) "  # noqa: S608 - our own names
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING ref",
        (
            header.log,
            header.pid,
            header.host,
            header.boot,
            header.process_start,
            header.python,
            header.version,
            header.judged,
            header.destination,
            header.created,
        ),
    ).fetchone()
    if made is None:  # another transaction has made it meanwhile
        return begin(connection, header)
    return LogRow(made[0], header.log)


def save(connection: Connection, row: LogRow) -> None:
    """Keep how far a log is applied."""
    connection.execute(
        "UPDATE log SET applied = ?, last_at = ?, ended = ?, stopped = ?, blocked = ?, asked = ? "
        "WHERE ref = ?",
        (row.applied, row.last_at, row.ended, row.stopped, row.blocked, row.asked, row.ref),
    )


def note_damage(connection: Connection, log: int, segment: int, damage: Damage) -> None:
    """Keep what is wrong in a segment, once."""
    connection.execute(
        "INSERT INTO damage (log, segment, position, length, reason) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (log, segment, damage.offset, damage.length, damage.reason),
    )


def reject(connection: Connection, log: int, position: int, reason: str, record: Record) -> None:
    """Put a record aside that the store cannot keep."""
    connection.execute(
        "INSERT INTO rejected (log, position, reason, payload) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (log, position, reason, _payload_of(record)),
    )


def damaged_segments(connection: Connection, log: int) -> set[int]:
    """Return the numbers of the segments of a log in which something is wrong."""
    rows = connection.execute("SELECT DISTINCT segment FROM damage WHERE log = ?", (log,))
    return {number for (number,) in rows}


def forget_deleted(connection: Connection, log: int) -> None:
    """Drop the tombstones and definitions of a log of which nothing more will be applied."""
    connection.execute("DELETE FROM tombstone WHERE log = ?", (log,))
    connection.execute("DELETE FROM definition WHERE log = ?", (log,))
