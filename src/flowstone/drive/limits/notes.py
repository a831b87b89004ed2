"""What stands in a limit's file about each slot: who has it, since when, and until when.

A slot that a process holds is free when its lock is. One that is held for somebody on another
machine has a lease too: it counts as held until that is over, even where the server that wrote it
is gone. The clock of leases is that of the machine (`clock`), and the boot says whose it is: a
lease of an earlier boot counts for its whole length from the start of this one, because nobody
knows how long the machine was off.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from flowstone.drive.decoders import from_msgpack
from flowstone.drive.limits.clocks import clock, this_boot

FIRST = 5.0
"""Seconds of a lease until its holder is first heard of: it may have died while it waited."""
LARGEST = 1 << 20
"""Slots from here on have no note: nobody reads a list of a million holders."""
_LEASED_AT, _NOTES_AT = 4352, 65536
_NOTE = 256
_HEAD = struct.Struct("<qqq16s16sH")
"""Since when (ns since 1970), until when, for how long (ns), in which boot, whose, in how much."""
_UNTIL = struct.Struct("<qq16s")
_LEASED = struct.Struct("<Qqq16s")
"""One more than the highest slot that was leased; until when, at the longest."""
_WORDS = _NOTE - _HEAD.size


class Lease(msgspec.Struct, kw_only=True):
    """For whom a slot is held who is elsewhere, and until when (`clock`) at least.

    `seconds` is how long a lease is. `id` are the 16 bytes that its holder gave it.
    """

    id: bytes
    seconds: float
    host: str = ""
    pid: int = 0
    run: bytes | None = None
    until: int = 0

    def begin(self) -> None:
        """Let it go on for a first moment, in which its holder has to be heard of."""
        self.until = clock() + int(min(self.seconds, FIRST) * 1e9)

    def renew(self) -> None:
        """Let it go on for its whole length from now."""
        self.until = clock() + _length(self)


class Waiter(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for a slot: the process (0: unknown), and in words, where they are known."""

    pid: int
    label: str
    host: str = ""
    run: bytes | None = None


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a slot: the process (0: unknown), since when (ns since 1970), and in words.

    `host` is empty for this machine; `lease` is the id of what somebody elsewhere holds, `until` is
    when that is over (ns since 1970) unless it is renewed.
    """

    slot: int
    pid: int
    since: int
    label: str
    host: str = ""
    run: bytes | None = None
    lease: bytes | None = None
    until: int | None = None


class _Words(msgspec.Struct, array_like=True):
    label: str
    host: str = ""
    pid: int = 0
    run: bytes | None = None


def write(fd: int, slot: int, label: str, lease: Lease | None) -> None:
    """Note who has a slot. A full disk leaves it without: then nobody reads who it is."""
    if slot >= LARGEST:
        return
    words = _Words(label) if lease is None else _Words(label, lease.host, lease.pid, lease.run)
    until, length, whose = (0, 0, b"") if lease is None else (lease.until, _length(lease), lease.id)
    text = _cut(words)
    head = _HEAD.pack(time.time_ns(), until, length, this_boot(), whose, len(text))
    with suppress(OSError):
        if lease is not None:
            _widen(fd, slot + 1, until, length)
        os.pwrite(fd, (head + text).ljust(_NOTE, b"\0"), _NOTES_AT + slot * _NOTE)


def renew(fd: int, slot: int, lease: Lease) -> None:
    """Let a lease go on until the time that it says now. Raises `OSError`."""
    if slot < LARGEST:
        _widen(fd, slot + 1, lease.until, _length(lease))
        raw = _UNTIL.pack(lease.until, _length(lease), this_boot())
        os.pwrite(fd, raw, _NOTES_AT + slot * _NOTE + 8)


def end(fd: int, slot: int) -> None:
    """Let a lease be over."""
    if slot < LARGEST:
        with suppress(OSError):  # then it ends when its time is over
            os.pwrite(fd, _UNTIL.pack(0, 0, b""), _NOTES_AT + slot * _NOTE + 8)


def leased(fd: int) -> dict[int, bytes]:
    """Return the slots that have a lease which is not over, and its id."""
    raw = os.pread(fd, _LEASED.size, _LEASED_AT)
    if len(raw) < _LEASED.size:
        return {}
    highest, until, length, whose = _LEASED.unpack(raw)
    if not _is_on(until, length, whose):
        return {}
    notes = os.pread(fd, highest * _NOTE, _NOTES_AT)
    found = {}
    for slot in range(len(notes) // _NOTE):
        _, until, length, whose, lease, _ = _HEAD.unpack_from(notes, slot * _NOTE)
        if until and _is_on(until, length, whose):
            found[slot] = lease
    return found


def read(fd: int, slot: int, pid: int) -> Holder:
    """Return who has a slot that the process `pid` holds (0: that is not known)."""
    raw = os.pread(fd, _NOTE, _NOTES_AT + slot * _NOTE) if slot < LARGEST else b""
    if len(raw) < _NOTE:
        return Holder(slot=slot, pid=pid, since=0, label="")
    since, until, length, whose, lease, size = _HEAD.unpack_from(raw)
    try:
        words = from_msgpack(raw[_HEAD.size :][:size], _Words)
    except msgspec.MsgspecError:  # it is being written
        words = _Words("")
    if not until:
        return Holder(slot=slot, pid=pid, since=since, label=words.label)
    ends = time.time_ns() + _left(until, length, whose)
    return Holder(
        slot=slot,
        pid=words.pid,
        since=since,
        label=words.label,
        host=words.host,
        run=words.run,
        lease=lease,
        until=ends,
    )


def leases(fd: int) -> Iterator[tuple[int, str, Lease]]:
    """Give each slot that has a lease which is not over, with its label and that lease."""
    for slot, lease in leased(fd).items():
        one = read(fd, slot, 0)
        raw = os.pread(fd, _HEAD.size, _NOTES_AT + slot * _NOTE)
        _, until, length, whose, _, _ = _HEAD.unpack(raw)
        yield (
            slot,
            one.label,
            Lease(
                id=lease,
                seconds=length / 1e9,
                host=one.host,
                pid=one.pid,
                run=one.run,
                until=clock() + _left(until, length, whose),
            ),
        )


def _widen(fd: int, end: int, until: int, length: int) -> None:
    """Let everybody know how far and until when to look for leases."""
    raw = os.pread(fd, _LEASED.size, _LEASED_AT)
    if len(raw) == _LEASED.size:
        highest, latest, longest, whose = _LEASED.unpack(raw)
        if whose == this_boot() and latest >= until and highest >= end and longest >= length:
            return
        end, length = max(end, highest), max(length, longest)
        until = max(until, latest) if whose == this_boot() else until
    os.pwrite(fd, _LEASED.pack(end, until, length, this_boot()), _LEASED_AT)


def _is_on(until: int, length: int, whose: bytes) -> bool:
    return _left(until, length, whose) > 0


def _left(until: int, length: int, whose: bytes) -> int:
    return (until if whose == this_boot() else length) - clock()


def _length(lease: Lease) -> int:
    return int(lease.seconds * 1e9)


def _cut(words: _Words) -> bytes:
    """Pack the words about a holder into what a note has room for."""
    text = msgspec.msgpack.encode(words)
    while len(text) > _WORDS:
        longest = "label" if len(words.label) >= len(words.host) else "host"
        kept = getattr(words, longest)[: -max(1, (len(text) - _WORDS) // 4)]
        words = msgspec.structs.replace(words, **{longest: kept})
        text = msgspec.msgpack.encode(words)
    return text
