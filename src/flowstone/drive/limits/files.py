"""The file of a limit: what the limit is, who holds its slots, who waits.

    bytes               content                       held as a lock
    0 …                 the definition, in a frame    byte k: slot k
    4096 …              next ticket, level of a rate
    4352 …              how many slots may have a lease, until when at the longest
    4608 …              how often a lapsed lease was taken up above the limit
    8192 …              when waiters last looked
    65536 …             who holds slot k, in words, and its lease (`notes`)
    2**32 + n           –                             waiter with ticket n
    2**62               –                             the gate: its holder decides

Locks are advisory, so a byte's content and its lock have nothing to do with each other. A file is
never deleted: somebody may hold a lock on it. What is decided is decided with the gate held, and
all locks and content are written under it, but for slots that are freed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from flowstone.drive.decoders import from_msgpack
from flowstone.drive.limits import locks, notes
from flowstone.drive.limits.clocks import clock, this_boot
from flowstone.drive.limits.notes import Holder, Lease, Waiter
from flowstone.drive.waiting import CLOCKS

if TYPE_CHECKING:
    from flowstone.drive.limits.requests import Request

SUFFIX = ".limit"
SLOTS = 1 << 32
"""One more than the highest slot; the first ticket's byte."""
_TICKETS_END = 1 << 62
_MOST_WAITERS = 10_000
"""Of one process, that are listed."""
_GATE = 1 << 62
_STATE_AT, _OVERLAPS_AT, _BEATS_AT = 4096, 4608, 8192
_MAGIC = b"FSLIMIT1"
_FRAME = struct.Struct("<8sII")
_STATE = struct.Struct("<Qdq16s")
_MOMENT = struct.Struct("<q")
_BEATS = 4096
_SHOWN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
_LONGEST = 200
_HIGH = 512
"""Descriptors from here on are rarely reused or closed by programs that close all they know."""
AWAKE = 1.0
"""Seconds since its last look after which a waiter counts as stopped, and may be overtaken."""
BEAT = 0.1
"""Seconds between two notes that this process's waiters still look."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What a limit is. Times are nanoseconds since 1970, `id` are 16 bytes.

    `slot_decay_per_second` makes it usable as a rate: so many slots become free each second.
    """

    name: str
    limit: int
    active: bool = True
    slot_decay_per_second: float = 0.0
    id: bytes = b""
    created: int = 0
    updated: int = 0


_KEPT: Any = Limit | None


def file_name(name: str) -> str:
    """Return the name of a limit's file; different for any two names, on any file system."""
    data = name.encode("utf-8", "surrogatepass")
    text = "".join(chr(c) if chr(c) in _SHOWN else f"%{c:02X}" for c in data)
    if len(text) > _LONGEST:
        text = f"{text[:100]}~{hashlib.sha256(data).hexdigest()}"
    return text + SUFFIX


def _rate_clock() -> int:
    stand_in = CLOCKS.get() if CLOCKS else None
    return clock() if stand_in is None else stand_in.now()


class LimitFile:
    """The open file of a limit, with what this process holds of it.

    `own` are the slots held here and `queue` who waits here, in order of arrival: the kernel does
    not keep locks of one process from each other.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = -1
        self.own: dict[int, Request] = {}
        self.queue: OrderedDict[Request, None] = OrderedDict()
        self._inode = -1
        self._raw = b""
        self._limit: Limit | None = None
        self._beat_at = 0
        self._adopt(fd)

    def _adopt(self, fd: int) -> None:
        self.fd = fd
        self._inode = os.fstat(fd).st_ino

    def keep_open(self) -> None:
        """Open the file again where the program closed a descriptor that it did not open.

        What is held is taken back, as far as nobody was quicker. Raises `OSError`.
        """
        try:
            if os.fstat(self.fd).st_ino == self._inode:
                return
        except OSError:  # it is closed, and its number not in use again
            self._inode = -1
        self._adopt(open_high(self.path, os.O_RDWR))
        for slot in self.own:
            locks.take(self.fd, slot)
        for request in self.queue:
            if self in request.tickets and self not in request.aside:
                locks.take(self.fd, SLOTS + request.tickets[self])

    def read(self) -> Limit | None:
        """Return the limit as it is defined now; None where it was deleted.

        Raises `OSError` where the file is none of a limit, or is damaged.
        """
        raw = os.pread(self.fd, _STATE_AT, 0)
        while raw != self._raw:
            try:
                self._limit, self._raw = _decode(raw, self.path), raw
            except OSError:
                again = os.pread(self.fd, _STATE_AT, 0)
                if again == raw:  # else it was being written
                    raise
                raw = again
        return self._limit

    def write(self, limit: Limit | None) -> None:
        """Define the limit, or delete it. The gate is held."""
        payload = msgspec.msgpack.encode(limit)
        head = _FRAME.pack(_MAGIC, len(payload), zlib.crc32(payload))
        os.pwrite(self.fd, (head + payload).ljust(512, b"\0"), 0)
        os.pwrite(self.fd, _STATE.pack(*self._state()), _STATE_AT)  # so that a full disk has room

    def enter(self) -> bool:
        """Take the gate, if no other process has it; return whether it was had."""
        return locks.take(self.fd, _GATE)

    def leave(self) -> None:
        """Open the gate for others."""
        locks.free(self.fd, _GATE)

    def draw(self) -> int:
        """Return a ticket, and hold its byte. The gate is held."""
        ticket, *rest = self._state()
        while not locks.take(self.fd, SLOTS + ticket):
            ticket += 1  # the counter is older than the queue: the file was copied back
        os.pwrite(self.fd, _STATE.pack(ticket + 1, *rest), _STATE_AT)
        self.beat()
        return int(ticket)

    def hold_ticket(self, ticket: int, *, held: bool) -> None:
        """Hold the byte of one's own ticket, or let go of it."""
        if held:
            locks.take(self.fd, SLOTS + ticket)
        else:
            _free(self.fd, SLOTS + ticket)

    def beat(self) -> None:
        """Note that this process's waiters still look."""
        moment = clock()
        if moment - self._beat_at > BEAT * 1e9:
            self._beat_at = moment
            with suppress(OSError):  # a full disk: then others may overtake, no more
                os.pwrite(self.fd, _MOMENT.pack(moment), _beat_at(os.getpid()))

    def is_behind(self, ticket: int | None) -> bool:
        """Whether another process, whose waiters still look, has a lower ticket."""
        end = _TICKETS_END if ticket is None else SLOTS + ticket
        first = locks.any_held(self.fd, SLOTS, end)
        if first is None:
            return False
        return self._is_awake(first.pid) or any(
            self._is_awake(pid) for pid in {one.pid for one in self.tickets(end)}
        )

    def tickets(self, end: int = _TICKETS_END) -> list[locks.Held]:
        """Return the tickets of other processes' waiters, below a byte, as they are held."""
        return locks.all_held(self.fd, SLOTS, end)

    def count_tickets(self, ticket: int = _TICKETS_END - SLOTS) -> int:
        """Return how many waiters of other processes there are, before a ticket."""
        return sum(held.end - held.start for held in self.tickets(SLOTS + ticket))

    def slots(self) -> list[locks.Held]:
        """Return the slots that other processes hold."""
        return locks.all_held(self.fd, 0, SLOTS)

    def used(self) -> int:
        """Return how many slots are held, here and elsewhere, also above the limit."""
        held, leased = self.slots(), notes.leased(self.fd)
        locked = len(self.own) + sum(one.end - one.start for one in held)
        return locked + sum(
            slot not in self.own and not any(one.start <= slot < one.end for one in held)
            for slot in leased
        )

    def take_slots(self, request: Request, count: int, below: int) -> bool:
        """Hold so many of the lowest free slots for a request. The gate is held."""
        taken = {slot for held in self.slots() for slot in range(held.start, held.end)}
        taken.update(notes.leased(self.fd))
        for slot in range(below):
            if len(request.slots.get(self, ())) == count:
                break
            if slot in self.own or slot in taken:
                continue
            if request.lease is not None:
                request.lease.begin()
            # Noted before it is held: an interrupt in between leaves too much to free.
            self.own[slot] = request
            request.slots.setdefault(self, []).append(slot)
            if not locks.take(self.fd, slot):
                self.free_slots(request)
                return False
            notes.write(self.fd, slot, request.label, request.lease)
        return True

    def take_back(self, request: Request, slot: int) -> bool:
        """Hold a slot for the lease that it has, if this process does not. The gate is held."""
        if slot in self.own:
            return False
        self.own[slot] = request
        request.slots.setdefault(self, []).append(slot)
        locks.take(self.fd, slot)  # where its last holder is just dying the lease holds it
        return True

    def leases(self) -> Iterator[tuple[int, str, Lease]]:
        """Give each slot that has a lease which is not over, with its label and that lease."""
        return notes.leases(self.fd)

    def overlaps(self) -> int:
        """Return how often a lapsed lease was taken up above the limit."""
        raw = os.pread(self.fd, _MOMENT.size, _OVERLAPS_AT)
        return int(_MOMENT.unpack(raw)[0]) if len(raw) == _MOMENT.size else 0

    def count_overlap(self) -> None:
        """Count one more. The gate is held."""
        with suppress(OSError):  # a full disk: then one is not counted
            os.pwrite(self.fd, _MOMENT.pack(self.overlaps() + 1), _OVERLAPS_AT)

    def renew(self, request: Request) -> None:
        """Let the lease of a request go on until the time that it says now. Raises `OSError`."""
        if request.lease is not None:
            for slot in request.slots.get(self, ()):
                notes.renew(self.fd, slot, request.lease)

    def free_slots(self, request: Request) -> None:
        """Free what a request holds of this limit."""
        for slot in request.slots.pop(self, ()):
            self.own.pop(slot, None)
            if request.lease is not None:
                notes.end(self.fd, slot)
            _free(self.fd, slot)

    def waiters(self) -> Iterator[Waiter]:
        """Give who waits, in the order of their tickets; of other processes only which they are."""
        waiting: list[tuple[int, int, Request | None]] = [
            (request.tickets.get(self, _TICKETS_END), os.getpid(), request)
            for request in self.queue
        ]
        waiting += [
            (at - SLOTS, held.pid, None)
            for held in self.tickets()
            for at in range(held.start, min(held.end, held.start + _MOST_WAITERS))
        ]
        for _, pid, request in sorted(waiting, key=itemgetter(0)):
            lease = request.lease if request is not None else None
            label = request.label if request is not None else ""
            if lease is None:
                yield Waiter(pid=pid, label=label)
            else:
                yield Waiter(pid=lease.pid, label=label, host=lease.host, run=lease.run)

    def holders(self) -> Iterator[Holder]:
        """Give who holds the slots, in order of the slots."""
        owners = dict.fromkeys((*notes.leased(self.fd), *self.own), os.getpid())
        for held in self.slots():
            owners.update(dict.fromkeys(range(held.start, held.end), held.pid))
        for slot, pid in sorted(owners.items()):
            yield notes.read(self.fd, slot, pid)

    def level(self, limit: Limit) -> float:
        """Return how many slots of a rate are taken now."""
        _, level, moment, boot = self._state()
        passed = _rate_clock() - moment
        if boot != this_boot() or passed < 0:  # the machine was restarted, and its clock with it
            return 0.0
        return float(max(0.0, level - limit.slot_decay_per_second * passed / 1e9))

    def set_level(self, level: float) -> None:
        """Note how many slots of a rate are taken now. The gate is held."""
        raw = _STATE.pack(self._state()[0], level, _rate_clock(), this_boot())
        os.pwrite(self.fd, raw, _STATE_AT)

    def close(self) -> None:
        """Let go of the file, and of what this process holds; a fork's parent keeps its own."""
        os.close(self.fd)
        self.fd = -1

    def _state(self) -> tuple[int, float, int, bytes]:
        raw = os.pread(self.fd, _STATE.size, _STATE_AT)
        if len(raw) < _STATE.size:
            return 0, 0.0, 0, b""
        ticket, level, moment, boot = _STATE.unpack(raw)
        return ticket, level, moment, boot

    def _is_awake(self, pid: int) -> bool:
        if pid <= 0:
            return True  # in another container: its notes are under a number that we do not know
        raw = os.pread(self.fd, _MOMENT.size, _beat_at(pid))
        passed = clock() - _MOMENT.unpack(raw)[0] if len(raw) == _MOMENT.size else 0
        return 0 <= passed < AWAKE * 1e9


def _free(fd: int, at: int) -> None:
    if fd < 0:
        return  # of a forked child's parent
    with suppress(OSError):  # a descriptor that is closed holds nothing
        locks.free(fd, at)


def open_high(path: str, flags: int) -> int:
    """Open a file with a high descriptor. Raises `OSError`."""
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # this process may not have so many
        return fd
    os.close(fd)
    return high


def _decode(raw: bytes, path: str) -> Limit | None:
    if len(raw) < _FRAME.size:
        return None  # just made, and not defined yet
    magic, length, checksum = _FRAME.unpack_from(raw)
    payload = raw[_FRAME.size : _FRAME.size + length]
    if magic != _MAGIC or zlib.crc32(payload) != checksum:
        message = (
            f"{path} is damaged, or no limit; delete it while nothing runs, and create it again"
        )
        raise OSError(message)
    limit: Limit | None = from_msgpack(payload, _KEPT)
    return limit


def _beat_at(pid: int) -> int:
    return _BEATS_AT + _MOMENT.size * (pid % _BEATS)
