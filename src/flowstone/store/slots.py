"""Slots of limits that servers share: asked for, held on leases, given back, in their database.

A slot is a row with an end; how many are in use is how many of these rows are not over: there is no
second count. Whoever asks, gives back or finds something over decides in the same transaction who
is next, whichever server that one's process waits at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from flowstone.drive.limits.definitions import reason
from flowstone.drive.limits.messages import SILENT, Acquire, Ask, Client, Settled, Waiting
from flowstone.drive.limits.notes import FIRST
from flowstone.store.connection import Connection
from flowstone.store.slot_limits import now, rooms, take_gate, use_up
from flowstone.store.slot_queue import PATIENCE, Room, Wanting, decide

_SECOND = 1_000_000_000
_REMEMBERED = 60 * _SECOND
"""For how long a decision is known that no lease goes with; then a process has heard of it."""
_SILENT = int(SILENT * _SECOND)
_HEADS = 20
"""How many of a queue are looked at at once."""


class Told(msgspec.Struct, kw_only=True):
    """What there is to tell a process, and what it waits for.

    `number` is how many of its requests were decided, `waiting` how many were not, `rates` how many
    of those are for rates.
    """

    registration: UUID
    settled: tuple[Settled, ...]
    number: int
    waiting: int
    rates: int


def exchange(connection: Connection, message: Acquire, away: int) -> set[UUID]:
    """Take what a process gives back and ask for what it wants; return whose requests were decided.

    Processes that were not heard of for `away` nanoseconds are passed over.
    """
    asks = {ask.id: ask for ask in message.asks}
    ticket, moment = take_gate(connection, len(asks))
    register(connection, message.client, moment)
    names = _give_up(connection, message.release)
    known = _known(connection, list(asks))
    over = [key for key, (_, until) in known.items() if until is not None and until <= moment]
    names.update(_give_up(connection, over))
    for number, ask in enumerate(asks.values(), 1):
        is_new = ask.id not in known or ask.id in over
        if is_new:
            names.update(_enter(connection, message.client, ask, ticket + number, moment))
        if ask.is_running and (is_new or known[ask.id][0] is None):
            _resume(connection, message.client, ask, moment)
    return decide_on(connection, names, moment, away)


def register(connection: Connection, client: Client, moment: int) -> None:
    """Note that a process was heard of."""
    connection.execute(
        "INSERT INTO slot_process (id, registration, host, pid, seen, settled) "
        "VALUES (?, ?, ?, ?, ?, "
        "coalesce((SELECT max(number) FROM slot_request WHERE process = ?), 0)) "
        "ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, owed = NULL",
        (client.id.bytes, uuid4().bytes, client.host, client.pid, moment, client.id.bytes),
    )


def seen(connection: Connection, processes: Sequence[UUID], moment: int) -> None:
    """Note that these processes are still there."""
    keys = sorted(key.bytes for key in processes)
    connection.execute(
        f"UPDATE slot_process SET seen = ? WHERE id IN ({_marks(keys)})",  # noqa: S608 - marks
        (moment, *keys),
    )


def left(connection: Connection, process: UUID) -> None:
    """Note that a process is not there any more, until it is heard of again."""
    connection.execute("UPDATE slot_process SET seen = 0 WHERE id = ?", (process.bytes,))


def told_since(connection: Connection, known: Mapping[UUID, int]) -> set[UUID]:
    """Return the processes of which more was decided than these numbers say."""
    keys = [key.bytes for key in known]
    rows = connection.execute(
        f"SELECT id, settled FROM slot_process WHERE id IN ({_marks(keys)})",  # noqa: S608 - marks
        keys,
    )
    found = {UUID(bytes=bytes(key)): settled for key, settled in rows}
    return {key for key, number in known.items() if found.get(key, number) != number}


def rates(connection: Connection) -> set[str]:
    """Return the rates that somebody waits for."""
    rows = connection.execute(
        "SELECT DISTINCT c.limit_name FROM slot_claim c JOIN slot_request r ON r.id = c.request "
        "WHERE c.until IS NULL AND r.is_rate = 1"
    )
    return {name for (name,) in rows}


def tell(connection: Connection, message: Acquire) -> Told | None:
    """Return what a process was not told yet; None where it is not known."""
    client, known = message.client.id, message.settled
    row = connection.execute(
        "SELECT p.registration, p.settled, p.owed, count(r.id), coalesce(sum(r.is_rate), 0) "
        "FROM slot_process p "
        "LEFT JOIN slot_request r ON r.process = p.id AND r.number IS NULL "
        "WHERE p.id = ? GROUP BY p.registration, p.settled, p.owed",
        (client.bytes,),
    ).fetchone()
    if row is None:
        return None
    registration = UUID(bytes=bytes(row[0]))
    if message.registration != registration:
        known = 0
    elif row[2] is not None and known >= row[1]:
        connection.execute("UPDATE slot_process SET owed = NULL WHERE id = ?", (client.bytes,))
    settled = connection.execute(
        "SELECT id, number, error, missing, is_over FROM slot_request "
        "WHERE process = ? AND number > ? ORDER BY number LIMIT 1000",
        (client.bytes, known),
    )
    return Told(
        registration=registration,
        settled=tuple(
            Settled(
                id=UUID(bytes=bytes(key)),
                number=number,
                error=error,
                missing=msgspec.json.decode(missing, type=tuple[str, ...]),
                is_over=bool(is_over),
            )
            for key, number, error, missing, is_over in settled
        ),
        number=row[1],
        waiting=int(row[3]),
        rates=int(row[4]),
    )


def reasons(connection: Connection, asks: Sequence[Ask]) -> tuple[Waiting, ...]:
    """Return what each of these waits for that does."""
    asked = {ask.id.bytes: ask for ask in asks}
    if not asked:
        return ()
    rows = connection.execute(
        "SELECT request, limit_name, (SELECT count(*) FROM slot_claim o "  # noqa: S608 - marks
        "WHERE o.limit_name = c.limit_name AND o.until IS NULL AND o.ticket <= c.ticket) "
        f"FROM slot_claim c WHERE c.until IS NULL AND c.request IN ({_marks(list(asked))})",
        list(asked),
    ).fetchall()
    places: dict[bytes, list[tuple[str, int]]] = {}
    for request, name, position in rows:
        places.setdefault(bytes(request), []).append((name, position))
    names = {name for _, name, _ in rows}
    found = rooms(connection, names, now(connection)) if names else {}
    return tuple(_reason(asked[key], sorted(where), found) for key, where in places.items())


def release(connection: Connection, ids: Sequence[UUID], away: int) -> set[UUID]:
    """Free these slots, or give up these places; return whose requests were decided."""
    _, moment = take_gate(connection)
    return decide_on(connection, _give_up(connection, ids), moment, away)


def renew(connection: Connection, client: Client, ids: Sequence[UUID]) -> list[UUID]:
    """Let these leases go on; return those that are over."""
    _, moment = take_gate(connection)
    register(connection, client, moment)
    if not ids:
        return []
    keys = [key.bytes for key in ids]
    rows = connection.execute(
        "SELECT id, length FROM slot_request WHERE until > ? AND error IS NULL "  # noqa: S608 - marks
        f"AND id IN ({_marks(keys)})",
        (moment, *keys),
    ).fetchall()
    ends = [(moment + length, bytes(key)) for key, length in rows]
    connection.executemany("UPDATE slot_request SET until = ? WHERE id = ?", ends)
    connection.executemany("UPDATE slot_claim SET until = ? WHERE request = ?", ends)
    living = {bytes(key) for key, _ in rows}
    return [key for key in ids if key.bytes not in living]


def end_leases(connection: Connection, name: str, away: int) -> tuple[int, set[UUID]]:
    """End all leases of a limit; return how many, and whose requests were decided."""
    _, moment = take_gate(connection)
    rows = connection.execute(
        "SELECT request FROM slot_claim WHERE limit_name = ? AND until IS NOT NULL", (name,)
    ).fetchall()
    names = _give_up(connection, [UUID(bytes=bytes(key)) for (key,) in rows])
    return len(rows), decide_on(connection, names, moment, away)


def clean(connection: Connection, forget: int, away: int) -> set[UUID]:
    """Delete what is over, and processes not heard of for `forget` ns; let in who is next."""
    _, moment = take_gate(connection)
    _ask_anew(connection, moment)
    ended = connection.execute("SELECT id FROM slot_request WHERE until <= ?", (moment,)).fetchall()
    lost = connection.execute(
        "SELECT id FROM slot_request WHERE number IS NULL AND process IN "
        "(SELECT id FROM slot_process WHERE seen <= ?)",
        (moment - forget,),
    ).fetchall()
    _give_up(connection, [UUID(bytes=bytes(key)) for (key,) in (*ended, *lost)])
    connection.execute("DELETE FROM slot_process WHERE seen <= ?", (moment - forget,))
    waiting = connection.execute("SELECT DISTINCT limit_name FROM slot_claim WHERE until IS NULL")
    return decide_on(connection, {name for (name,) in waiting}, moment, away)


def _ask_anew(connection: Connection, moment: int) -> None:
    """Let those wait again whose lease is over and who never said a word since they had it.

    Others pass them until they do.
    """
    rows = connection.execute(
        "SELECT DISTINCT r.id, r.process FROM slot_request r "
        "JOIN slot_process p ON p.id = r.process "
        "JOIN slot_claim c ON c.request = r.id "
        "WHERE r.until <= ? AND p.owed IS NOT NULL AND c.since >= p.owed",
        (moment,),
    ).fetchall()
    keys = [(key,) for key, _ in rows]
    silent = [(process,) for process in sorted({bytes(process) for _, process in rows})]
    connection.executemany("UPDATE slot_process SET owed = 0 WHERE id = ?", silent)
    connection.executemany("UPDATE slot_request SET number = NULL, until = NULL WHERE id = ?", keys)
    connection.executemany(
        "UPDATE slot_claim SET since = NULL, until = NULL WHERE request = ?", keys
    )


def decide_on(connection: Connection, names: set[str], moment: int, away: int) -> set[UUID]:
    """Let in who can be, of those who wait for these limits; return their processes.

    The gate is taken.
    """
    told: set[UUID] = set()
    while names:
        queue, is_whole = _queue(connection, names, moment, away)
        found = rooms(connection, {name for one in queue for name in one.idle}, moment)
        decide(found, queue, moment)
        for one in queue:
            if one.is_changed:
                _note(connection, one)
        settled = [one for one in queue if one.is_let_in or one.error is not None]
        _settle(connection, settled, moment)
        for room in found.values():
            if room.is_used_up:
                use_up(connection, room, moment)
        told.update(UUID(bytes=one.process) for one in settled)
        names = set() if is_whole else {name for one in settled for name in one.idle}
    return told


def _queue(
    connection: Connection, names: set[str], moment: int, away: int
) -> tuple[list[Wanting], bool]:
    """Return the first ones in these queues, and in those in which they stand too, in order.

    And whether these are all.
    """
    found: dict[bytes, Wanting] = {}
    looked: set[str] = set()
    is_whole = True
    while more := sorted(names - looked):
        new = []
        for name in more:
            heads = connection.execute(
                "SELECT r.id, r.process, r.ticket, r.occupy, r.is_rate, r.length, r.patience "
                "FROM slot_claim c JOIN slot_request r ON r.id = c.request "
                "JOIN slot_process p ON p.id = r.process WHERE c.limit_name = ? "
                "AND c.until IS NULL AND p.seen > ? AND (p.owed IS NULL OR p.owed > ?) "
                "ORDER BY c.ticket LIMIT ?",
                (name, moment - away, moment - _SILENT, _HEADS),
            ).fetchall()
            is_whole = is_whole and len(heads) < _HEADS
            new += [one for one in map(_wanting, heads) if one.id not in found]
        found.update((one.id, one) for one in new)
        looked.update(more)
        for key, name, idle in _claims(connection, sorted({one.id for one in new})):
            found[key].idle[name] = idle
            names = names | {name}
    return sorted(found.values(), key=lambda one: one.ticket), is_whole


def _claims(connection: Connection, keys: list[bytes]) -> list[tuple[bytes, str, int | None]]:
    if not keys:
        return []
    rows = connection.execute(
        "SELECT request, limit_name, idle FROM slot_claim "  # noqa: S608 - marks
        f"WHERE request IN ({_marks(keys)}) ORDER BY limit_name",
        keys,
    )
    return [(bytes(key), name, idle) for key, name, idle in rows]


def _wanting(row: Any) -> Wanting:
    key, process, ticket, occupy, is_rate, length, patience = row
    return Wanting(
        id=bytes(key),
        process=bytes(process),
        ticket=ticket,
        occupy=occupy,
        is_rate=bool(is_rate),
        length=length,
        patience=patience,
        idle={},
    )


def _enter(
    connection: Connection, client: Client, ask: Ask, ticket: int, moment: int
) -> Iterable[str]:
    """Let a request stand in its queues; return the limits. One that has none is let in."""
    found = rooms(connection, ask.names, moment)
    missing = sorted(set(ask.names) - found.keys())
    length = int(ask.lease_seconds * _SECOND)
    connection.execute(
        "INSERT INTO slot_request (id, process, ticket, occupy, is_rate, length, patience, label, "
        "run, number, until, is_over, error, missing) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0, NULL, ?)",
        (
            ask.id.bytes,
            client.id.bytes,
            ticket,
            ask.occupy,
            int(ask.is_rate),
            length,
            PATIENCE,
            ask.label,
            None if ask.run is None else ask.run.bytes,
            msgspec.json.encode(missing).decode(),
        ),
    )
    claims = [(name, ticket, ask.id.bytes, 0 if ask.is_rate else ask.occupy) for name in found]
    connection.executemany(
        "INSERT INTO slot_claim (limit_name, ticket, request, slots) VALUES (?, ?, ?, ?)", claims
    )
    if not found:
        _tell(connection, client.id.bytes, ask.id.bytes, moment, moment + _REMEMBERED)
    return found


def _resume(connection: Connection, client: Client, ask: Ask, moment: int) -> None:
    """Give slots to what runs already, also above the limit; count where that is above."""
    found = rooms(connection, ask.names, moment)
    if not found:
        return  # it was let in as it entered
    over = [
        name
        for name, room in found.items()
        if room.limit.active and room.used + ask.occupy > room.limit.limit
    ]
    for name in over:
        connection.execute(
            "UPDATE slot_limit SET overlapped = overlapped + 1 WHERE name = ?", (name,)
        )
    until = moment + int(ask.lease_seconds * _SECOND)
    _tell(connection, client.id.bytes, ask.id.bytes, moment, until, is_over=bool(over))
    connection.execute(
        "UPDATE slot_claim SET since = ?, until = ? WHERE request = ?",
        (moment, until, ask.id.bytes),
    )


def _settle(connection: Connection, settled: list[Wanting], moment: int) -> None:
    """Note what was decided; what is refused, or used up at once, holds no slot."""
    for one in settled:
        holds = one.is_let_in and not one.is_rate
        until = moment + (min(one.length, int(FIRST * _SECOND)) if holds else _REMEMBERED)
        _tell(connection, one.process, one.id, moment, until, error=one.error)
        if not holds:
            connection.execute("DELETE FROM slot_claim WHERE request = ?", (one.id,))
            continue
        connection.execute(
            "UPDATE slot_claim SET since = ?, until = ?, idle = NULL WHERE request = ?",
            (moment, until, one.id),
        )
        for name in one.idle.keys() - one.enforced:
            connection.execute(
                "DELETE FROM slot_claim WHERE limit_name = ? AND ticket = ?", (name, one.ticket)
            )


def _tell(
    connection: Connection,
    process: bytes,
    request: bytes,
    moment: int,
    until: int,
    *,
    error: str | None = None,
    is_over: bool = False,
) -> None:
    """Note that a request was decided, as the next one of its process."""
    row = connection.execute(
        "UPDATE slot_process SET settled = settled + 1, owed = coalesce(owed, ?) WHERE id = ? "
        "RETURNING settled",
        (moment, process),
    ).fetchone()
    connection.execute(
        "UPDATE slot_request SET number = ?, until = ?, error = ?, is_over = ? WHERE id = ?",
        (row[0] if row is not None else 0, until, error, int(is_over), request),
    )


def _note(connection: Connection, one: Wanting) -> None:
    connection.execute("UPDATE slot_request SET patience = ? WHERE id = ?", (one.patience, one.id))
    for name, idle in one.idle.items():
        connection.execute(
            "UPDATE slot_claim SET idle = ? WHERE limit_name = ? AND ticket = ?",
            (idle, name, one.ticket),
        )


def _give_up(connection: Connection, ids: Sequence[UUID]) -> set[str]:
    """Delete these requests with all that they hold; return the limits that they were about."""
    if not ids:
        return set()
    keys = [key.bytes for key in ids]
    marks = _marks(keys)
    rows = connection.execute(
        f"DELETE FROM slot_claim WHERE request IN ({marks}) RETURNING limit_name",  # noqa: S608 - marks
        keys,
    )
    names = {name for (name,) in rows}
    connection.execute(f"DELETE FROM slot_request WHERE id IN ({marks})", keys)  # noqa: S608 - marks
    return names


def _known(connection: Connection, ids: list[UUID]) -> dict[UUID, tuple[int | None, int | None]]:
    """Return which of these requests are there: its number and its end, None where it waits."""
    if not ids:
        return {}
    keys = [key.bytes for key in ids]
    rows = connection.execute(
        f"SELECT id, number, until FROM slot_request WHERE id IN ({_marks(keys)})",  # noqa: S608 - marks
        keys,
    )
    return {UUID(bytes=bytes(key)): (number, until) for key, number, until in rows}


def _reason(ask: Ask, places: list[tuple[str, int]], found: dict[str, Room]) -> Waiting:
    there = [(found[name], position) for name, position in places if name in found]
    missing = tuple(sorted(set(ask.names) - {name for name, _ in places}))
    if not there:
        return Waiting(id=ask.id, reason=f"limit {', '.join(ask.names)}", missing=missing)
    full = [one for one in there if one[1] > 1 or not one[0].has(ask.occupy, is_rate=ask.is_rate)]
    room, position = (full or there)[0]
    used = room.level if ask.is_rate else room.used
    words = reason(room.limit, used, position, is_rate=ask.is_rate)
    return Waiting(id=ask.id, reason=words, missing=missing)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
