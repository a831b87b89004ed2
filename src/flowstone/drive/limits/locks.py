"""Single bytes of a file, held by a process: POSIX record locks.

The kernel frees them when the process dies, however it dies, and a forked child has none of them.
It also frees all of them when the process closes *any* descriptor of that file, so a file is opened
once a process, and not closed. Locks of one process never exclude each other.
"""

from __future__ import annotations

import fcntl
import struct
import sys
from typing import NamedTuple

_IS_DARWIN = sys.platform == "darwin"
_FLOCK = struct.Struct("qqihh" if _IS_DARWIN else "hhqqi")
"""The C structure `flock`, whose fields stand in another order on macOS."""


class Held(NamedTuple):
    """Bytes from `start` up to `end` that another process holds; `pid` is 0 where it is not known.

    It is not known where the holder's process has no number in this one's container.
    """

    start: int
    end: int
    pid: int


def take(fd: int, at: int) -> bool:
    """Hold one byte, if no other process does; return whether it is held now."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
    except (BlockingIOError, PermissionError):  # the standard allows either
        return False
    return True


def free(fd: int, at: int) -> None:
    """Let go of one byte; nothing happens where it is not held."""
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, at)


def any_held(fd: int, start: int, end: int) -> Held | None:
    """Return some bytes in this range that another process holds, cut to the range, if any are."""
    length = end - start
    if length <= 0:
        return None
    if _IS_DARWIN:
        asked = _FLOCK.pack(start, length, 0, fcntl.F_WRLCK, 0)
        at, found, pid, kind, _ = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    else:
        asked = _FLOCK.pack(fcntl.F_WRLCK, 0, start, length, 0)
        kind, _, at, found, pid = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    if kind == fcntl.F_UNLCK:
        return None
    return Held(max(at, start), min(at + found, end) if found else end, max(pid, 0))


def all_held(fd: int, start: int, end: int) -> list[Held]:
    """Return all bytes in this range that other processes hold, in order."""
    found = []
    left = [(start, end)]
    while left:
        low, high = left.pop()
        held = any_held(fd, low, high)
        if held is not None:  # the kernel names any one of several, not the first
            found.append(held)
            left += [(low, held.start), (held.end, high)]
    return sorted(found)
