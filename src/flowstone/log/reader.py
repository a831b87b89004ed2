"""Reads segments that may still be growing, or whose writer died at any point.

The caller looks at the lock first (`files.is_free`) and reads then: in the other order a process
that records and exits between the two looks dead with records missing.
"""

from __future__ import annotations

import os
from typing import get_args

import msgspec

from flowstone.log.decoding import Malformed, UnknownKind, decode, decode_all
from flowstone.log.frames import HEADER, Damage, Scan, next_frame, scan
from flowstone.log.records import Part, Record

CHUNK = 1 << 20
_PLAIN = frozenset(get_args(Record)) - {Part}
_MOST = 4 << 20  # over twice the longest frame: what does not fit is no frame


class Reading(msgspec.Struct):
    """A stretch of a segment: its records with their offsets, and where to go on.

    `next` is where the following read begins. It stays before the first piece of a record whose
    last piece is not there yet. `ended` says that nothing more is there now; with a free segment,
    nothing more will come, and `cut` then says what is wrong with bytes that were left over.
    `blocked` is a record that this version must not pass.
    """

    records: list[tuple[int, Record]]
    damages: list[Damage]
    next: int
    ended: bool
    cut: Damage | None = None
    blocked: UnknownKind | None = None


def read(fd: int, at: int, seed: int, *, free: bool, size: int = CHUNK) -> Reading:
    """Read the records from offset `at` on, about `size` bytes of them.

    `free` is what the lock said before this call: whether the owner is dead. Bytes that are no
    frame are damage where a whole frame follows; in a segment that is written to they are read
    once more first, because a frame may be half copied when it is looked at.
    """
    data = os.pread(fd, size, at)
    found = scan(data, seed, at)
    if found.damages and not free:
        data = os.pread(fd, size, at)
        found = scan(data, seed, at)
    whole = len(data) == size
    if whole and found.stop == at and size < _MOST:
        return read(fd, at, seed, free=free, size=_MOST)
    if whole and found.stop == at and (found.tail or free):
        following = _find_frame(fd, at + 1, seed)
        if following >= 0:
            damage = Damage(at, following - at, found.tail or "zeros where a record was expected")
            return Reading([], [damage], following, ended=False)
        whole = False
    reading = decoded(found)
    if whole and reading.next == at < found.stop and reading.blocked is None:
        return read(fd, at, seed, free=free, size=4 * size)  # pieces of one long record
    # Zeros in a segment that is written to are space; in a free one a frame may follow them.
    is_space = not found.tail and (found.stop == at or found.stop < at + len(data) - HEADER.size)
    if reading.blocked is None and (not whole or (is_space and not free)):
        reading.ended = True
        if free and (found.tail or reading.next < found.stop):
            left = os.fstat(fd).st_size - reading.next
            reading.cut = Damage(reading.next, left, found.tail or "cut short")
    return reading


def _find_frame(fd: int, at: int, seed: int) -> int:
    """Return where the next whole frame at or after `at` begins, or -1."""
    while data := os.pread(fd, _MOST, at):
        following = next_frame(data, 0, seed)
        if following >= 0:
            return at + following
        if len(data) < _MOST:
            break
        at += _MOST // 2  # no frame is longer than half of what is read
    return -1


class _Pieces(msgspec.Struct):
    """The pieces of a long record so far, and where the first one lies."""

    data: list[bytes]
    first: int = 0


def decoded(found: Scan) -> Reading:
    """Return the records of the frames that a scan found."""
    damages = list(found.damages)
    whole = decode_all([payload for _, payload in found.payloads])
    if whole is not None and Part not in map(type, whole):
        offsets = [at for at, _ in found.payloads]
        return Reading(list(zip(offsets, whole, strict=True)), damages, found.stop, ended=False)
    records: list[tuple[int, Record]] = []
    pieces = _Pieces([])
    for at, payload in found.payloads:
        record = decode(payload)
        if type(record) in _PLAIN and not pieces.data:
            records.append((at, record))  # type: ignore[arg-type]  # what is plain is a record
            continue
        joined = _join(record, at, pieces, damages)
        if isinstance(joined, Malformed):
            damages.append(Damage(at, len(payload) + 8, joined.reason))
        elif isinstance(joined, UnknownKind):
            if not joined.may_skip:
                return Reading(records, damages, at, ended=True, blocked=joined)
        elif joined is not None:
            records.append((at, joined))
    following = pieces.first if pieces.data else found.stop
    return Reading(records, damages, following, ended=False)


def _join(
    record: Record | UnknownKind | Malformed, at: int, pieces: _Pieces, damages: list[Damage]
) -> Record | UnknownKind | Malformed | None:
    """Return the record that is whole with this one, or None while pieces are missing."""
    if isinstance(record, Part):
        if not pieces.data:
            pieces.first = at
        pieces.data.append(record.data)
        if record.left:
            return None
        whole = b"".join(pieces.data)
        pieces.data = []
        return decode(whole)
    if pieces.data:
        reason = "a long record without its end"
        damages.append(Damage(pieces.first, at - pieces.first, reason))
        pieces.data = []
    return record
