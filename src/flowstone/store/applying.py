"""Moves one log forward: reads what its segments hold from where the database is, and applies it.

The writer's lock is held and a transaction is open. Rows and offset change in it together, so a
collector that dies anywhere leaves nothing half done, and the next one goes on.
"""

from __future__ import annotations

import os
import time

import msgspec

from flowstone.log.frames import Damage, seed_of
from flowstone.log.reader import Reading, read
from flowstone.log.records import Record
from flowstone.store import logs
from flowstone.store.connection import Connection
from flowstone.store.ingest import apply
from flowstone.store.logs import LogRow
from flowstone.store.names import Names
from flowstone.store.requests import cancel_asked, take_requests
from flowstone.store.segments import LogSeen, Seen
from flowstone.store.shipped import revive
from flowstone.store.verdicts import mark_died

_CHUNK = 96 << 10  # about 800 task runs, 12 ms: small beside the 50 ms that a batch may hold a lock


class Step(msgspec.Struct):
    """What one step came to: whether the log is done, and the records that it applied."""

    is_done: bool
    records: int


def advance(
    connection: Connection,
    log: LogSeen,
    names: Names,
    boot: str,
    until: float,
    target: int | None,
) -> Step:
    """Apply what a log holds, until nothing more is there or the clock (monotonic) says `until`.

    A log that grows is done when it is applied up to the offset `target`.
    """
    row = logs.begin(connection, log.newest.header)
    was_ended = row.ended is not None
    row.ended = None  # whoever is not known to the end is not known to be dead
    _note_missing(connection, log, row)
    records = 0
    is_done = False
    while not is_done:
        index = _index_of(log, row.applied)
        seen = log.segments[index]
        row.applied = max(row.applied, seen.header.base)
        if row.stopped is not None:
            is_done = True
            break
        reading = _read(log, index, row.applied - seen.header.base)
        if reading is None:  # another collector had applied it to its end and deleted it
            return Step(is_done=True, records=records)
        records += len(reading.records)
        _take(connection, log, seen, row, reading, names, boot)
        if reading.ended:
            is_done = not _goes_on(log, index, row)
        is_done = is_done or (target is not None and row.applied >= target)
        if time.monotonic() > until:
            break
    if is_done and log.asked > row.asked:
        take_requests(connection, log, row)
    if was_ended and log.is_alive is not False and not log.is_silent:
        revive(connection, row.ref)
    if is_done and row.blocked is None:
        _judge(connection, log, row, names)
    logs.save(connection, row)
    return Step(is_done, records)


def _read(log: LogSeen, index: int, at: int) -> Reading | None:
    seen = log.segments[index]
    try:
        fd = os.open(seen.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return read(fd, at, seed_of(log.id), free=_is_over(log, index), size=_CHUNK)
    finally:
        os.close(fd)


def _take(
    connection: Connection,
    log: LogSeen,
    seen: Seen,
    row: LogRow,
    reading: Reading,
    names: Names,
    boot: str,
) -> None:
    """Apply one stretch of a segment and note what is wrong with it."""
    base, records = seen.header.base, reading.records
    damages = [*reading.damages, reading.cut] if reading.cut else reading.damages
    row.applied = base + reading.next
    if reading.cut:
        row.applied += reading.cut.length  # noted below, and nobody will look there again
    row.blocked = reading.blocked.kind if reading.blocked else None
    if damages and log.is_alive is False and seen.header.boot != boot:
        # A loss of power takes what was written last: behind the first damage nothing is certain.
        first = min(damages, key=_offset_of)
        records = [one for one in records if one[0] < first.offset]
        damages = [Damage(first.offset, seen.size - first.offset, first.reason)]
        row.stopped = base + first.offset
        row.blocked = None
        reading.ended = True
    for damage in damages:
        logs.note_damage(connection, row.ref, seen.number, damage)
    row.last_at = max(row.last_at, last_time(records))
    if records:
        apply(connection, row.ref, base, records, names)


def _goes_on(log: LogSeen, index: int, row: LogRow) -> bool:
    """Step into the next segment where this one is over; False where there is nothing more."""
    if row.blocked is not None or row.stopped is not None or index + 1 == len(log.segments):
        return False
    if not _is_over(log, index):
        return False
    row.applied = log.segments[index + 1].header.base
    return True


def _judge(connection: Connection, log: LogSeen, row: LogRow, names: Names) -> None:
    """Conclude that the owner is dead: what it was to cancel is Cancelled, the rest is marked.

    Silence is no proof: should the owner give a sign of life, the marks are taken back.
    """
    if log.is_alive is not False and not log.is_silent:
        return
    cancel_asked(connection, row.ref, names)
    header = log.newest.header
    how = "gave no sign of life for long" if log.is_silent else "died"
    message = f"The process that ran it (pid {header.pid} on {header.host}) {how}."
    # Nobody knows when it died: the runs end at its last sign of life.
    mark_died(connection, row.ref, row.last_at, message)
    row.ended = time.time_ns()
    if log.is_alive is False:
        logs.forget_deleted(connection, row.ref)


def last_time(records: list[tuple[int, Record]]) -> int:
    """Return the time of the last record that has one, 0 where none has."""
    times = (getattr(record, "at", 0) for _, record in reversed(records))
    return next((at for at in times if isinstance(at, int) and at), 0)


def _is_over(log: LogSeen, index: int) -> bool:
    """Whether nothing more could be written to a segment when it was looked at."""
    if index + 1 == len(log.segments):
        return log.is_alive is False
    return log.segments[index].is_free or log.segments[index + 1].is_begun


def _index_of(log: LogSeen, position: int) -> int:
    index = 0
    while index + 1 < len(log.segments) and log.segments[index + 1].header.base <= position:
        index += 1
    return index


def _note_missing(connection: Connection, log: LogSeen, row: LogRow) -> None:
    """Note segments that should be there: some were deleted that this database has not read."""
    expected = 0 if row.applied == 0 else None
    for seen in log.segments:
        if expected is not None and seen.number > expected and seen.header.base > row.applied:
            reason = "the segments before this one are not there"
            logs.note_damage(connection, row.ref, expected, Damage(0, 0, reason))
        expected = seen.number + 1


def _offset_of(damage: Damage) -> int:
    return damage.offset
