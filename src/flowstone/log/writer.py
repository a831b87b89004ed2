"""The log of this process: where everything that happens to its runs is written first.

An append never raises and never waits for another thread's append. What the disk refuses waits in
memory (`backlog`) and goes, in order, into a new segment as soon as one can be made.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from itertools import islice
from threading import RLock, Thread
from typing import Any, Protocol
from zlib import crc32

import msgspec

from flowstone.core.facts import Defined, Fact, FlowRunCreated, LineLogged
from flowstone.core.ids import id_text
from flowstone.core.plain import plain
from flowstone.log import machine
from flowstone.log.backlog import Backlog
from flowstone.log.frames import HEADER, MAX_PAYLOAD, Starts, pack_header, seed_of
from flowstone.log.records import FORMAT, Continued, Header, Part
from flowstone.log.segment import MAPPABLE, MappedSegment, PlainSegment

_logger = logging.getLogger("flowstone.log")
_encode = msgspec.msgpack.Encoder().encode
_TRY_AGAIN = 1.0
"""Seconds between two tries to make a segment while the disk refuses."""
_SYNC_EACH = 0.2
_PIECE = MAX_PAYLOAD - 64


class Carried(Protocol):
    """A run, as far as a log needs to know it."""

    key: bytes

    def carried(self) -> Fact:
        """Return what is known of the run."""


class LogWriter:
    """The log of one process, begun at its first record.

    `sync` is `none` (survives the death of the process), `interval` (brought to the disk every
    200 ms) or `always` (with every record: survives power loss too). `begun` is called when the
    first segment is there. `destination` is the server that the log is meant for, None for the
    home's own database.
    """

    def __init__(
        self,
        directory: str,
        log_id: bytes,
        *,
        version: str,
        sync: str = "none",
        segment_bytes: int = 64 << 20,
        backlog_bytes: int = 64 << 20,
        now: Callable[[], int] = time.time_ns,
        begun: Callable[[], object] = bool,
        destination: str | None = None,
    ) -> None:
        self.directory = directory
        self.id = log_id
        self.now = now
        self._starts = Starts(seed_of(log_id))
        self._version = version
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._backlog = Backlog(backlog_bytes)
        self._segment: MappedSegment | PlainSegment | None = None
        self._number = -1
        self._base = 0
        self._numbers: dict[Defined, int] = {}
        self._definitions: list[Defined] = []
        self._begun = begun
        self._destination = destination
        self._open: dict[bytes, Carried] = {}
        self._lock = RLock()
        self._busy = False
        self._retry_at = 0.0
        self._refusal: str | None = None
        self._abandoned = False
        self._unsynced = False
        self._is_leased = False
        self._put: Callable[[bytes], object] = _refuse

    def define(self, definition: Defined) -> int:
        """Return the number by which this log's records refer to a task or flow."""
        number = self._numbers.get(definition)
        if number is None:
            with self._lock:
                number = self._numbers.get(definition)
                if number is None:
                    number = len(self._definitions)
                    numbered = msgspec.structs.replace(definition, number=number)
                    self._definitions.append(numbered)
                    self.append(numbered)
                    self._numbers[definition] = number
        return number

    def opened(self, run: Carried, fact: Fact) -> None:
        """Record the first fact of a run, which is carried into new segments until it is closed."""
        self._open[run.key] = run
        if type(fact) is FlowRunCreated:
            self.flush()
        self.append(fact)

    def closed(self, run: Carried, fact: Fact) -> None:
        """Record the last fact of a run."""
        self.append(fact)
        self._open.pop(run.key, None)

    def open_runs(self, oldest: int, newest: int) -> tuple[int, list[Carried], list[Carried]]:
        """Return how many runs are open, so many of the oldest and, of the others, the newest."""
        # Each list is made within one instruction: other threads open and close runs meanwhile.
        runs, count = self._open.values(), len(self._open)
        first = list(islice(runs, oldest))
        return count, first, list(islice(reversed(runs), max(0, min(newest, count - oldest))))

    def append(self, fact: Fact | Defined) -> None:
        """Record a fact. Never raises; what cannot be encoded is escaped."""
        try:
            payload = _encode(fact)
        except Exception:  # noqa: BLE001  lone surrogates, integers over 64 bits: whatever it is, escape it
            payload = _encode(plain_fact(fact))
        try:
            length = len(payload)  # framed here: a call less for each record
            put = self._put  # an attribute: called at once, CPython 3.11 looks for a method first
            put(pack_header(length, crc32(payload, self._starts[length])) + payload)
        except (ValueError, OSError):
            self._append_slowly(payload, is_line=isinstance(fact, LineLogged))

    def _frame(self, payload: bytes) -> bytes:
        length = len(payload)
        return pack_header(length, crc32(payload, self._starts[length])) + payload

    def open_run(self, key: bytes) -> Carried | None:
        """Return the open run with that id, None where there is none."""
        return self._open.get(key)

    @property
    def waiting(self) -> int:
        """Records that wait in memory because the disk refuses them."""
        return len(self._backlog)

    @property
    def dropped(self) -> int:
        """Records that were dropped because memory was full too."""
        return self._backlog.dropped

    def flush(self) -> None:
        """Try to write what waits in memory, whatever happened a moment ago.

        Also makes a new segment where a program closed the descriptors of the old one, and with
        them gave up its lock.
        """
        if self._abandoned:
            return
        with self._lock:
            segment = self._segment
            if segment is not None and not segment.is_held:
                self._put = _refuse
                self._base += segment.seal()  # what follows lies behind all that it holds
                self._segment = None
        if len(self._backlog):
            self._retry_at = 0.0
            self._append_slowly(None, is_line=False)

    def renew(self) -> None:
        """Give a sign of life where no lock can: by the time at which the segment was changed."""
        segment = self._segment
        if self._is_leased and segment is not None and self._open:
            try:
                os.utime(segment.path)
            except OSError as error:
                _logger.debug("The lease of %s could not be renewed: %s", segment.path, error)

    def abandon(self) -> None:
        """Write nothing any more: this process is a forked child, and the log is its parent's."""
        self._abandoned = True
        self._lock = RLock()
        self._put = _ignore
        self._open.clear()
        if self._segment is not None:
            self._segment.drop()

    def last_words(self) -> None:
        """At the end of the process: try once more, and say what could not be written."""
        self.flush()
        left = len(self._backlog)
        if (left or self._backlog.dropped) and not self._abandoned:
            sys.stderr.write(
                f"flowstone: {left + self._backlog.dropped} records of this process could not be "
                f"written to {self.directory} ({self._refusal}) and are lost.\n"
            )

    def _append_slowly(self, payload: bytes | None, *, is_line: bool) -> None:
        if self._abandoned:
            return
        warning = None
        with self._lock:
            if payload is not None:
                self._backlog.put(payload, is_line=is_line, now=self.now())
            if self._busy:  # a signal handler or finaliser records while we are at it below
                return
            self._busy = True
            try:
                warning = self._drain()
            finally:
                self._busy = False
        if warning is not None:
            _logger.warning("%s", warning)

    def _drain(self) -> str | None:
        """Write what waits, making room as needed; return a warning at the first refusal."""
        try:
            if self._put is _refuse and time.monotonic() < self._retry_at:
                return None
            while len(self._backlog):
                self._write(self._backlog.first(_encode))
                self._backlog.took()
        except OSError as error:
            self._put = _refuse
            self._retry_at = time.monotonic() + _TRY_AGAIN
            first = self._refusal is None
            self._refusal = str(error)
            if first:
                return (
                    f"The log in {self.directory} cannot be written ({error}). Runs go on; up to "
                    f"{self._backlog.most >> 20} MiB of records wait in memory until it can."
                )
            return None
        self._refusal = None
        return None

    def _write(self, payload: bytes) -> None:
        """Write one record, in pieces if it is long, making room as needed. Raises `OSError`."""
        frames = b"".join(self._frame(piece) for piece in _pieces(payload))
        if self._put is _refuse:
            self._begin_segment()
        while True:
            try:
                self._put(frames)
            except ValueError:  # also again: other threads write into the new room at once
                self._make_room(len(frames))
            else:
                return

    def _make_room(self, needed: int) -> None:
        segment = self._segment
        if segment is None or not segment.can_grow:
            self._begin_segment()
            segment = self._segment
        if segment is not None:
            segment.grow(needed)
            self._put = self._putter(segment)

    def _begin_segment(self) -> None:
        """Make the next segment; end the one before when the new one is locked, before it is seen.

        So the lengths of the segments add up, and at no moment is this log without a lock.
        """
        old, number = self._segment, self._number + 1
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        kind, is_local = machine.mount_of(self.directory)
        mapped = kind in MAPPABLE and sys.platform == "linux"
        make = MappedSegment if mapped else PlainSegment
        segment = make(self.directory, self.id, number, self._segment_bytes)

        def header(*, locked: bool) -> bytes:
            if old is not None:
                self._end(old, number)
            judged = "lock" if locked and is_local else "lease"
            self._is_leased = judged == "lease"
            return self._frame(_encode(self._header(number, self._base, judged)))

        segment.begin(header)
        if self._sync == "always":
            _sync_directory(self.directory)
        if old is not None:
            old.drop()
        self._segment, self._number = segment, number
        put = self._putter(segment)
        if number > 0:
            segment.limit = 1 << 62
            self._repeat_what_is_open(segment)
            # However much that was: a segment takes more than what it repeats.
            segment.limit = max(self._segment_bytes, 2 * segment.held)
        self._put = put
        if number > 0:
            return
        # Not earlier: while there are two threads, the kernel takes 10 ms to make room for high
        # descriptors such as the segment's.
        self._begun()
        if self._sync == "interval":
            Thread(target=self._sync_forever, name="flowstone-log-sync", daemon=True).start()

    def _end(self, old: MappedSegment | PlainSegment, following: int) -> None:
        self._put = _refuse
        self._segment = None
        try:
            old.end(self._frame(_encode(Continued(following))))
        except OSError as error:
            # Without this record the segment is read to its end once it is free: nothing is lost.
            _logger.debug("Segment %s has no last record: %s", old.path, error)
        self._base += old.size

    def _repeat_what_is_open(self, segment: MappedSegment | PlainSegment) -> None:
        facts: list[Any] = list(self._definitions)
        facts += [run.carried() for run in list(self._open.values())]
        for fact in facts:
            try:
                one = self._frame(_encode(fact))
            except Exception:  # noqa: BLE001  as in `append`
                one = self._frame(_encode(plain_fact(fact)))
            try:
                segment.write(one)
            except ValueError:
                segment.grow(len(one))
                segment.write(one)

    def _header(self, number: int, base: int, judged: str) -> Header:
        pid = os.getpid()
        return Header(
            FORMAT,
            self.id,
            number,
            base,
            self.now(),
            machine.boot_id(),
            pid,
            machine.process_start(pid),
            os.uname().nodename,
            ".".join(map(str, sys.version_info[:3])),
            self._version,
            self._destination,
            judged,
        )

    def _putter(self, segment: MappedSegment | PlainSegment) -> Callable[[bytes], object]:
        if self._sync == "none":
            return segment.write
        write = segment.write
        if self._sync == "interval":

            def put_and_note(one: bytes) -> None:
                write(one)
                self._unsynced = True

            return put_and_note

        def put_and_sync(one: bytes) -> None:
            write(one)
            try:
                segment.sync()
            except OSError as error:
                # After a failed fsync the kernel may have dropped the pages: this segment is not
                # trusted any more. The record goes into a new one, with what is open.
                self._put = _refuse
                raise OSError(error.errno, error.strerror, segment.path) from error

        return put_and_sync

    def _sync_forever(self) -> None:
        while not self._abandoned:
            time.sleep(_SYNC_EACH)
            if not self._unsynced or self._segment is None:
                continue
            self._unsynced = False
            try:
                self._segment.sync()
            except OSError as error:
                _logger.warning("The log %s could not be synced: %s", id_text(self.id), error)
                self._put = _refuse


def plain_fact(fact: Any) -> list[Any]:
    """Return a fact as the list that its record is, what cannot be encoded escaped."""
    if not isinstance(fact, msgspec.Struct):
        return [plain(fact)]
    items: list[Any] = [fact.__struct_config__.tag]
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if isinstance(value, msgspec.Struct):
            items.append(plain_fact(value))
        else:
            items.append(value if isinstance(value, bytes) else plain(value))
    return items


def _pieces(payload: bytes) -> list[bytes]:
    if len(payload) <= MAX_PAYLOAD:
        return [payload]
    starts = range(0, len(payload), _PIECE)
    return [
        _encode(Part(len(starts) - index - 1, payload[start : start + _PIECE]))
        for index, start in enumerate(starts)
    ]


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse(one: bytes) -> object:
    raise ValueError(len(one))


def _ignore(one: bytes) -> object:
    return len(one) - HEADER.size
