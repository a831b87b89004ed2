"""Takes in logs that processes send: the bytes of a log, by the offset at which they lie in it.

What is here already is passed over, so sending twice is harmless; rows and offset change in one
transaction, so whoever sends goes on from the offset that is answered, whatever was lost on the
way. Bytes that are no record are believed to be damaged once they are sent at the beginning: a
frame may have been looked at while it was copied.
"""

from __future__ import annotations

import time
from bisect import bisect_left

import msgspec

from flowstone.core.ids import id_text
from flowstone.log.decoding import decode
from flowstone.log.frames import HEADER, MAX_PAYLOAD, Damage, Scan, scan, seed_of
from flowstone.log.reader import Reading, decoded
from flowstone.log.records import FORMAT, Header
from flowstone.store import logs, shipped
from flowstone.store.applying import last_time
from flowstone.store.connection import Connection
from flowstone.store.errors import NotALog, WrongOffset
from flowstone.store.ingest import apply
from flowstone.store.logs import LogRow
from flowstone.store.names import Names
from flowstone.store.shipped import Command, ShippedRow

MOST_BYTES = 64 << 20
"""Bytes of a log that may be sent at once; a record that does not fit into them is given up."""
_AT_ONCE = 1000
_DIED = "The process that ran it {} died."
_LONGEST_FRAME = HEADER.size + MAX_PAYLOAD


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a log from `offset` on.

    `has_gap`: what lies before them does not exist any more. `is_dead`: somebody else sends them,
    because the log's owner is dead; `is_over`: and nothing follows. `is_torn`: the machine that
    wrote them went down after that, so that nothing behind the first damage is certain.
    """

    log: bytes
    offset: int
    data: bytes
    has_gap: bool = False
    is_dead: bool = False
    is_over: bool = False
    is_torn: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log is here, and what its process is asked to do.

    `needs` is the version of Flowstone that wrote a record that this one does not know: the log
    stays before it.
    """

    offset: int
    commands: tuple[Command, ...] = ()
    needs: str | None = None


class Arrival:
    """A shipment on its way into the database, in as many transactions as it takes.

    `is_done` says that all was taken that can be; `receipt` is the answer then.
    """

    def __init__(self, shipment: Shipment) -> None:
        self.shipment = shipment
        self.receipt: Receipt | None = None
        self.error: Exception | None = None
        self.records = 0
        self._found: Scan | None = None
        self._from = 0

    @property
    def is_done(self) -> bool:
        """Whether there is an answer."""
        return self.receipt is not None or self.error is not None

    def proceed(self, connection: Connection, until: float) -> None:
        """Apply what there is, or what there is time for until the clock (monotonic) says `until`.

        A transaction is open. Raises `NotALog` and `WrongOffset`.
        """
        shipment = self.shipment
        row = logs.hold(connection, shipment.log) or self._begin(connection)
        if row is None:
            self.receipt = Receipt(offset=0)
            return
        now = shipped.clock(connection)
        way = shipped.touch(connection, row.ref, now)
        is_silent = way.lapsed is not None or row.ended is not None
        if is_silent and not (shipment.is_dead or shipment.is_over):
            row.ended = way.lapsed = None
            shipped.revive(connection, row.ref)
        names = Names(connection)
        is_done = self._advance(connection, row, way, names, until)
        if is_done and shipment.is_over and row.blocked is None and row.ended is None:
            shipped.close(connection, row.ref, row.last_at, names, _DIED)
            logs.forget_deleted(connection, row.ref)
            row.ended = now
        logs.save(connection, row)
        shipped.save(connection, way)
        if is_done:
            self.receipt = Receipt(
                offset=row.applied,
                commands=shipped.commands(connection, row.ref),
                needs=None if row.blocked is None else shipped.version_of(connection, row.ref),
            )

    def _begin(self, connection: Connection) -> LogRow | None:
        """Make the row of a log from the header in the shipment; None where nothing was sent."""
        shipment = self.shipment
        if shipment.offset and not shipment.has_gap:
            message = (
                f"Bytes of the log {id_text(shipment.log)} came from offset {shipment.offset} on, "
                "and nothing of it is here. Send it from its beginning."
            )
            raise WrongOffset(message, 0)
        return logs.begin(connection, _header_of(shipment)) if shipment.data else None

    def _advance(
        self,
        connection: Connection,
        row: LogRow,
        way: ShippedRow,
        names: Names,
        until: float,
    ) -> bool:
        """Apply records; return whether nothing is left to do."""
        if row.stopped is not None:  # nothing behind that is wanted
            row.applied = max(row.applied, self.shipment.offset + len(self.shipment.data))
            return True
        self._step_over(connection, row, way)
        if row.applied >= self.shipment.offset + len(self.shipment.data):
            return True
        found = self._scanned(row)
        while row.applied < found.stop and self._take(connection, row, way, names, found):
            if time.monotonic() > until and row.applied < found.stop:
                return False
        is_held_up = row.blocked is not None or row.stopped is not None
        if not is_held_up and _next_damage(found, row.applied) is None:
            self._pass_tail(connection, row, way, found)
        return True

    def _take(
        self, connection: Connection, row: LogRow, way: ShippedRow, names: Names, found: Scan
    ) -> bool:
        """Apply some records, or step over damage; return False where neither may be done."""
        damage = _next_damage(found, row.applied)
        if damage is not None and damage.offset == row.applied:
            return self._pass(connection, row, way, damage)
        reading = self._next_reading(found, row.applied, damage)
        if reading.next == row.applied and reading.blocked is None:
            if damage is None:  # a long record whose end is not there yet
                return False
            long = damage.offset - row.applied
            pieces = Damage(row.applied, long, "a long record without its end")
            return self._pass(connection, row, way, pieces)
        self._apply(connection, row, way, reading, names)
        return row.blocked is None

    def _step_over(self, connection: Connection, row: LogRow, way: ShippedRow) -> None:
        """Go on where the shipment begins, when what lies before it cannot be had any more."""
        shipment = self.shipment
        if shipment.offset <= row.applied:
            return
        missing = shipment.offset - row.applied
        if not shipment.has_gap:
            message = (
                f"Bytes of the log {id_text(shipment.log)} came from offset {shipment.offset} on, "
                f"and it is here up to {row.applied}. Send it from there on."
            )
            raise WrongOffset(message, row.applied)
        reason = "these bytes were not there any more when the log was sent"
        _note(connection, row, way, Damage(row.applied, missing, reason))
        row.applied = shipment.offset
        row.blocked = None

    def _scanned(self, row: LogRow) -> Scan:
        """Return the frames of what is new in the shipment; what held the log up may be known."""
        at, row.blocked = row.applied, None
        if self._found is None or at < self._from:
            data = self.shipment.data[at - self.shipment.offset :]
            self._found, self._from = scan(data, seed_of(self.shipment.log), at), at
        return self._found

    def _next_reading(self, found: Scan, at: int, damage: Damage | None) -> Reading:
        """Return the records from offset `at` on: some, or all pieces of a long one."""
        first = bisect_left(found.payloads, at, key=_offset_of)
        end = len(found.payloads)
        if damage is not None:
            end = bisect_left(found.payloads, damage.offset, key=_offset_of)
        count = _AT_ONCE
        while True:
            some = found.payloads[first : min(first + count, end)]
            reading = decoded(Scan(some, [], _end_of(some[-1])))
            if reading.next > at or reading.blocked or first + count >= end:
                return reading
            count *= 4

    def _apply(
        self, connection: Connection, row: LogRow, way: ShippedRow, reading: Reading, names: Names
    ) -> None:
        for at, record in reading.records:
            if isinstance(record, Header):
                way.segment, way.base = record.segment, at
        for damage in reading.damages:
            _note(connection, row, way, damage)
        row.applied = reading.next
        row.blocked = reading.blocked.kind if reading.blocked else None
        row.last_at = max(row.last_at, last_time(reading.records))
        self.records += len(reading.records)
        if reading.records:
            apply(connection, row.ref, 0, reading.records, names)

    def _pass(self, connection: Connection, row: LogRow, way: ShippedRow, damage: Damage) -> bool:
        """Step over damage; return False where nothing behind it may be applied, or not yet."""
        if damage.offset > self._from and not self.shipment.is_over:
            return False  # to be sent once more, and looked at again
        _note(connection, row, way, damage)
        if self.shipment.is_torn:
            row.stopped = damage.offset
            return False
        row.applied += damage.length
        return True

    def _pass_tail(self, connection: Connection, row: LogRow, way: ShippedRow, found: Scan) -> None:
        """Step over what is no whole record at the end, as far as it cannot become one."""
        shipment = self.shipment
        end = shipment.offset + len(shipment.data)
        left = end - row.applied
        if left <= 0:
            return
        reason = found.tail or "zeros where a record was expected"
        if row.applied < found.stop:
            reason = "cut short" if shipment.is_over else "a long record without its end"
            given_up = left if shipment.is_over or len(shipment.data) >= MOST_BYTES else 0
        elif shipment.is_over:
            given_up = left if found.tail else 0
        else:  # a frame that is whole would have been found, wherever it begins before these
            given_up = left - _LONGEST_FRAME if row.applied == self._from else 0
        if given_up > 0:
            _note(connection, row, way, Damage(row.applied, given_up, reason))
            row.applied += given_up


def _header_of(shipment: Shipment) -> Header:
    found = scan(shipment.data[:_LONGEST_FRAME], seed_of(shipment.log))
    is_there = bool(found.payloads) and found.payloads[0][0] == 0
    header = decode(found.payloads[0][1]) if is_there else None
    name = id_text(shipment.log)
    if not isinstance(header, Header) or header.log != shipment.log:
        message = f"What was sent as the log {name} does not begin with the header of that log."
        raise NotALog(message)
    if header.format > FORMAT:
        message = (
            f"The log {name} has format {header.format}, and this server knows up to {FORMAT}: "
            f"upgrade it to {header.version}."
        )
        raise NotALog(message)
    return header


def _next_damage(found: Scan, at: int) -> Damage | None:
    return next((one for one in found.damages if one.offset >= at), None)


def _offset_of(frame: tuple[int, bytes]) -> int:
    return frame[0]


def _end_of(frame: tuple[int, bytes]) -> int:
    at, payload = frame
    return at + HEADER.size + len(payload)


def _note(connection: Connection, row: LogRow, way: ShippedRow, damage: Damage) -> None:
    """Keep what is wrong, by its place in the segment that was received last."""
    inside = Damage(damage.offset - way.base, damage.length, damage.reason)
    logs.note_damage(connection, row.ref, way.segment, inside)
