"""The limits that servers share: made, changed, deleted, listed, in their database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flowstone.drive.limits.definitions import Usage, already_there, check, new_limit
from flowstone.drive.limits.files import Limit
from flowstone.drive.limits.notes import Holder, Waiter
from flowstone.exceptions import LimitNotFound
from flowstone.store.connection import Connection
from flowstone.store.databases import Database
from flowstone.store.slot_queue import Room

_COLUMNS = "name, slots, is_active, decay, id, created, updated, level, level_at, overlapped"
_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint)"
_MOST_WAITERS = 10_000


class SharedBook:
    """The limits of a database. A change is seen by every server within half a second."""

    def __init__(self, database: Database, changed: Callable[[Iterable[str]], object]) -> None:
        """Take where they are, and who is called with the names of those that changed."""
        self._database = database
        self._changed = changed

    def all(self, prefix: str = "") -> list[Limit]:
        """Return the limits, by name; only those whose name begins so."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM slot_limit WHERE name >= ? ORDER BY name",  # noqa: S608 - ours
                (prefix,),
            ).fetchall()
        return [_limit(row) for row in rows if row[0].startswith(prefix)]

    def usage(self, name: str) -> Usage:
        """Return how a limit is used now. Raises `LimitNotFound`."""
        with self._database.transaction() as connection:
            moment = now(connection)
            row = _row(connection, name)
            holders = connection.execute(
                "SELECT r.label, r.run, p.host, p.pid, c.slots, c.since, c.until, r.id "
                "FROM slot_claim c JOIN slot_request r ON r.id = c.request "
                "LEFT JOIN slot_process p ON p.id = r.process "
                "WHERE c.limit_name = ? AND c.until > ? ORDER BY c.since, c.ticket",
                (name, moment),
            ).fetchall()
            waiters = connection.execute(
                "SELECT r.label, r.run, p.host, p.pid FROM slot_claim c "
                "JOIN slot_request r ON r.id = c.request JOIN slot_process p ON p.id = r.process "
                "WHERE c.limit_name = ? AND c.until IS NULL ORDER BY c.ticket LIMIT ?",
                (name, _MOST_WAITERS),
            ).fetchall()
        limit = _limit(row)
        level = level_of(row, moment) if limit.slot_decay_per_second > 0 else 0.0
        held = tuple(_holders(holders))
        waits = tuple(_waiter(*one) for one in waiters)
        return Usage(limit, len(held), level, len(waits), held, waits, int(row[9]))

    def create(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> Limit:
        """Make a limit. Raises `LimitExists`, and `ValueError` for what cannot be one."""
        made = new_limit(name, limit, is_active=active, decay=slot_decay_per_second)
        with self._database.transaction() as connection:
            is_new = connection.execute(
                f"INSERT INTO slot_limit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, 0.0, 0, 0) "  # noqa: S608 - ours
                "ON CONFLICT DO NOTHING",
                _values(made),
            ).rowcount
        if not is_new:
            raise already_there(name)
        self._changed([name])
        return made

    def change(
        self,
        name: str,
        *,
        limit: int | None = None,
        active: bool | None = None,
        slot_decay_per_second: float | None = None,
        level: float | None = None,
    ) -> Limit:
        """Change what is given. Raises `LimitNotFound`, and `ValueError`."""
        given = {
            "limit": limit,
            "active": active,
            "slot_decay_per_second": slot_decay_per_second,
            "updated": time.time_ns(),
        }
        with self._database.transaction() as connection:
            _, moment = take_gate(connection)
            row = _row(connection, name)
            after = msgspec.structs.replace(
                _limit(row), **{field: value for field, value in given.items() if value is not None}
            )
            check(after)
            at = level_of(row, moment) if level is None else level  # until now at the old pace
            connection.execute(
                "UPDATE slot_limit SET slots = ?, is_active = ?, decay = ?, level = ?, "
                "level_at = ?, updated = ? WHERE name = ?",
                (
                    after.limit,
                    int(after.active),
                    after.slot_decay_per_second,
                    float(at),
                    moment,
                    after.updated,
                    name,
                ),
            )
        self._changed([name])
        return after

    def delete(self, name: str) -> Limit:
        """Delete a limit; who waits for it goes on. Raises `LimitNotFound`."""
        with self._database.transaction() as connection:
            take_gate(connection)
            row = _row(connection, name)
            connection.execute("DELETE FROM slot_limit WHERE name = ?", (name,))
        self._changed([name])
        return _limit(row)


def take_gate(connection: Connection, tickets: int = 0) -> tuple[int, int]:
    """Decide alone until the end of the transaction.

    Returns the last ticket drawn before these, and the time.
    """
    last, moment = connection.execute(
        f"UPDATE slot_gate SET ticket = ticket + ? RETURNING ticket, {_NOW}",  # noqa: S608 - ours
        (tickets,),
    ).fetchone()
    return int(last) - tickets, int(moment)


def now(connection: Connection) -> int:
    """Return the time of the database, in nanoseconds since 1970."""
    (moment,) = connection.execute(f"SELECT {_NOW}").fetchone()
    return int(moment)


def rooms(connection: Connection, names: Iterable[str], moment: int) -> dict[str, Room]:
    """Return these limits, as far as they are there, and how much room each has."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    rows = connection.execute(
        f"SELECT {_COLUMNS}, (SELECT coalesce(sum(c.slots), 0) FROM slot_claim c "  # noqa: S608 - marks
        "WHERE c.limit_name = slot_limit.name AND c.until > ?) "
        f"FROM slot_limit WHERE name IN ({_marks(wanted)})",
        (moment, *wanted),
    )
    found = {}
    for row in rows:
        limit = _limit(row)
        level = level_of(row, moment) if limit.slot_decay_per_second > 0 else 0.0
        found[limit.name] = Room(limit=limit, used=int(row[-1]), level=level)
    return found


def use_up(connection: Connection, room: Room, moment: int) -> None:
    """Note how far a rate is used up now. The gate is taken."""
    connection.execute(
        "UPDATE slot_limit SET level = ?, level_at = ? WHERE name = ?",
        (float(room.level), moment, room.limit.name),
    )


def level_of(row: Any, moment: int) -> float:
    """Return how many slots of a rate are used up at a time; `row` is one of `slot_limit`."""
    passed = max(0, moment - row[8])
    return float(max(0.0, row[7] - row[3] * passed / 1e9))


def _row(connection: Connection, name: str) -> Any:
    query = f"SELECT {_COLUMNS} FROM slot_limit WHERE name = ?"  # noqa: S608 - ours
    row = connection.execute(query, (name,)).fetchone()
    if row is None:
        message = f"There is no limit {name!r} on this server."
        raise LimitNotFound(message)
    return row


def _limit(row: Any) -> Limit:
    name, slots, is_active, decay, key, created, updated, *_ = row
    return Limit(
        name=name,
        limit=slots,
        active=bool(is_active),
        slot_decay_per_second=decay,
        id=bytes(key),
        created=created,
        updated=updated,
    )


def _values(limit: Limit) -> tuple[Any, ...]:
    return (
        limit.name,
        limit.limit,
        int(limit.active),
        float(limit.slot_decay_per_second),
        limit.id,
        limit.created,
        limit.updated,
    )


def _holders(rows: Iterable[Any]) -> Iterable[Holder]:
    """Give a holder for each slot, numbered in the order in which they were had."""
    slot = 0
    for label, run, host, pid, slots, since, until, lease in rows:
        for _ in range(slots):
            yield Holder(
                slot=slot,
                pid=pid or 0,
                since=since,
                label=label,
                host=host or "",
                run=run,
                lease=lease,
                until=until,
            )
            slot += 1


def _waiter(label: str, run: bytes | None, host: str, pid: int) -> Waiter:
    return Waiter(pid=pid, label=label, host=host, run=run)


def _marks(values: list[str]) -> str:
    return ", ".join("?" * len(values))
