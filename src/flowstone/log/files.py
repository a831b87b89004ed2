"""The names of segments, and who holds them.

A segment is `<log id>.<n>.log`, a locked file: its owner holds an exclusive `flock` on it from
before the name appears until the owner dies, so a lock that can be had proves the owner dead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path  # at run time it would cost each start 6 ms

_NAME = re.compile(r"([0-9a-f]{32})\.(\d{6})\.log")
DAMAGED = ".damaged"
"""Added to the name of a segment that was read as far as it goes and is kept to be looked at."""
_UNNAMED = ".new"


class Segment(msgspec.Struct, frozen=True, order=True):
    """One segment's log id, number and path; sorts by log, then number."""

    log: bytes
    number: int
    path: str


class Foreign(msgspec.Struct, frozen=True):
    """A file among the logs that is none, and why."""

    path: str
    reason: str


def segment_name(log: bytes, number: int) -> str:
    """Return the file name of a segment."""
    return f"{log.hex()}.{number:06d}.log"


def list_segments(directory: str | Path) -> tuple[list[Segment], list[Foreign]]:
    """Return the segments in a directory, in the order to read them, and the files that are none.

    Names that begin with a dot are segments that are still being made, and are passed over.
    """
    segments: list[Segment] = []
    foreign: list[Foreign] = []
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return [], []
    for name in sorted(names):
        path = os.path.join(directory, name)
        match = _NAME.fullmatch(name)
        if match:
            segments.append(Segment(bytes.fromhex(match[1]), int(match[2]), path))
        elif not name.startswith(".") and not name.endswith((DAMAGED, ".ctl")):
            foreign.append(Foreign(path, "its name is not that of a log segment"))
    return segments, foreign


def unnamed(path: str) -> str:
    """Return what a segment is called while it is being made."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}{_UNNAMED}")


def remove_unnamed(directory: str | Path, before: int) -> None:
    """Remove segments whose making was killed before a time (nanoseconds since the epoch)."""
    for entry in os.scandir(directory):
        is_one = entry.name.startswith(".") and entry.name.endswith(f".log{_UNNAMED}")
        if is_one and entry.stat().st_mtime_ns < before:
            os.unlink(entry.path)


def lock(fd: int) -> bool:
    """Take the exclusive lock of a segment; False where the file system has no locks.

    Raises `BlockingIOError` when somebody else holds it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            return False
        raise
    return True


def is_free(fd: int) -> bool:
    """Whether nobody holds the exclusive lock of this file: its owner is dead.

    The probe takes a shared lock for an instant, so probes do not disturb each other; the owner
    held its lock before the file had a name, so a probe cannot be in its way either.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            return False
        raise
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True
