"""What lies in a home's `logs/`: the logs, their segments, and whether their owners are dead.

Everything here is looked at before any of it is read: a lock that was free before the read proves
that nothing more will come.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from flowstone.log.control import size_of
from flowstone.log.decoding import decode
from flowstone.log.files import Foreign, Segment, is_free, list_segments, segment_name
from flowstone.log.frames import HEADER, scan, seed_of
from flowstone.log.machine import boot_id, mount_of, process_start
from flowstone.log.records import FORMAT, Header
from flowstone.store.database import logs_path

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = 4096  # more than a header's frame
_BACKWARDS = 256 << 10
_LEASE_SECONDS = 30.0
_NOW = ".now"
"""A file that is touched to learn the time on its file system."""


class Seen(msgspec.Struct, frozen=True):
    """A segment as it was when it was looked at.

    `is_begun` says that something stood behind the header: what came before it was over then.
    """

    number: int
    path: str
    size: int
    is_free: bool
    is_begun: bool
    header: Header


class LogSeen(msgspec.Struct, frozen=True):
    """A log as it was when it was looked at: its segments in order, and whether its owner is dead.

    `is_alive` is None where neither is proven; `is_silent` then says that the owner, who is to give
    a sign of life every ten seconds, gave none for long. `asked` is how many bytes of requests
    there are.
    """

    id: bytes
    segments: list[Seen]
    is_alive: bool | None
    asked: int
    is_silent: bool = False

    @property
    def newest(self) -> Seen:
        """The segment that the owner writes."""
        return self.segments[-1]

    def target(self) -> int:
        """Return the logical offset up to which something is written now.

        Space is allocated before it is written to (4 MiB ahead at most), so the end of the file
        says little about a log that grows.
        """
        return self.newest.header.base + _written_up_to(self.newest)


class Survey(msgspec.Struct, frozen=True):
    """All logs of a home, and the files among them that are none.

    `outgoing` are those that are meant for a server: they are no business of the home's database.
    """

    logs: list[LogSeen]
    foreign: list[Foreign]
    boot: str
    outgoing: list[LogSeen] = []


def survey(home: Path) -> Survey:
    """Look at all logs of a home."""
    directory = logs_path(home)
    segments, foreign = list_segments(directory)
    boot = boot_id()
    logs: dict[bytes, list[Seen]] = {}
    for segment in segments:
        seen = _look(segment)
        if isinstance(seen, Foreign):
            foreign.append(seen)
        elif seen is not None:
            logs.setdefault(segment.log, []).append(seen)
    is_local = not logs or mount_of(directory)[1]
    found = [
        LogSeen(
            log,
            parts,
            _is_alive(directory, parts[-1], boot, is_local=is_local),
            size_of(directory, log),  # after the lock: all that a dead owner was asked
            is_silent=_is_silent(directory, parts[-1]),
        )
        for log, parts in logs.items()
    ]
    own = [log for log in found if log.newest.header.destination is None]
    outgoing = [log for log in found if log.newest.header.destination is not None]
    return Survey(own, foreign, boot, outgoing)


def is_written(seen: Seen, at: int) -> bool:
    """Whether something lies at an offset of a segment now."""
    try:
        fd = os.open(seen.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return any(os.pread(fd, HEADER.size, at))
    finally:
        os.close(fd)


def _written_up_to(seen: Seen) -> int:
    try:
        fd = os.open(seen.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return seen.size
    try:
        end = os.fstat(fd).st_size
        while end > 0:
            begin = max(end - _BACKWARDS, 0)
            data = os.pread(fd, end - begin, begin).rstrip(b"\0")
            if data:
                return begin + len(data)
            end = begin
    finally:
        os.close(fd)
    return end


def _look(segment: Segment) -> Seen | Foreign | None:
    """Return a segment as it is, what is wrong with it, or None where it is gone."""
    try:
        fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Foreign(segment.path, f"it cannot be read: {error.strerror}")
    try:
        free = is_free(fd)
        size = os.fstat(fd).st_size
        data = os.pread(fd, _FIRST, 0)
    except OSError as error:
        return Foreign(segment.path, f"it cannot be read: {error.strerror}")
    finally:
        os.close(fd)
    if len(data) < HEADER.size:
        reason = "it is too short to be a log segment" if data else "it is empty"
        return Foreign(segment.path, reason)
    length = HEADER.size + HEADER.unpack_from(data)[0]
    header = _header_in(data, length, segment.log)
    if isinstance(header, str):
        return Foreign(segment.path, header)
    begun = any(data[length : length + HEADER.size])
    return Seen(segment.number, segment.path, size, free, begun, header)


def _header_in(data: bytes, length: int, log: bytes) -> Header | str:
    found = scan(data[:length], seed_of(log))
    header = decode(found.payloads[0][1]) if found.payloads else None
    if not isinstance(header, Header):
        return "it does not begin with the header of a log segment"
    if header.log != log:
        return "its header belongs to another log"
    if header.format > FORMAT:
        return f"its format is {header.format}; Flowstone {header.version} wrote it: upgrade"
    return header


def _is_silent(directory: str, newest: Seen) -> bool:
    """Whether a lease has run out, by the clock of the file system that it lies on."""
    if newest.header.judged == "lock":
        return False
    path = os.path.join(directory, _NOW)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.utime(path)
        return os.stat(path).st_mtime - os.stat(newest.path).st_mtime > _LEASE_SECONDS
    except OSError:  # who cannot touch a file there does not know what time it is there
        return False


def _is_alive(directory: str, newest: Seen, boot: str, *, is_local: bool) -> bool | None:
    header = newest.header
    if header.judged != "lock":
        return None
    if not newest.is_free:
        return True
    if not is_local:
        return None
    is_of_this_boot = header.boot == boot and header.process_start
    if is_of_this_boot and process_start(header.pid) == header.process_start:
        return True  # a program that closed all of its descriptors gave up the lock, and lives
    # The owner may have gone on to a further segment after the directory was listed.
    further = os.path.join(directory, segment_name(header.log, newest.number + 1))
    return None if os.path.exists(further) else False
