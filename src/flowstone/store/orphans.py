"""Sends what dead processes of a home left behind that was meant for a server."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowstone.core.ids import id_text
from flowstone.log.control import control_path
from flowstone.log.courier import Courier, ServerRefused
from flowstone.log.tail import Tail
from flowstone.store.database import logs_path
from flowstone.store.segments import LogSeen, survey

_USUAL = 1 << 20  # bytes a request
_MOST = 64 << 20  # for a record that does not fit into as many


class Sent(msgspec.Struct, frozen=True):
    """What was sent: how many logs and bytes, and how many logs a living process still sends."""

    logs: int
    bytes: int
    living: int


def send_orphans(home: Path | str, courier: Courier, *, to_another: bool = False) -> Sent:
    """Send the logs of dead processes to the server that they are meant for, and delete them.

    `to_another` sends those too that are meant for another server. Sending again what was sent is
    harmless, so one that is interrupted is finished by whoever comes next. Raises `ServerAway`,
    `ServerRefused`.
    """
    home = Path(home)
    seen = survey(home)
    logs = [
        log for log in seen.outgoing if to_another or log.newest.header.destination == courier.url
    ]
    dead = [log for log in logs if log.is_alive is False]
    sent = [_send(home, log, seen.boot, courier) for log in dead]
    done = [one for one in sent if one is not None]
    return Sent(len(done), sum(done), len(logs) - len(dead))


def waiting(home: Path) -> list[LogSeen]:
    """Return the logs that are meant for a server and whose process is dead."""
    return [log for log in survey(home).outgoing if log.is_alive is False]


def _send(home: Path, log: LogSeen, boot: str, courier: Courier) -> int | None:
    """Send one log to its end, and delete it; None where somebody else is at it."""
    with _alone(log.newest.path) as is_alone:
        if not is_alone:
            return None
        directory = logs_path(home)
        tail = Tail(directory, log.id, is_over=True)
        # What a machine that went down had written last is not certain behind the first damage.
        flags = ("dead",) if log.newest.header.boot == boot else ("dead", "torn")
        total = _send_all(log.id, tail, courier, flags)
        tail.drop_all()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(control_path(directory, log.id))
    return total


def _send_all(log: bytes, tail: Tail, courier: Courier, flags: tuple[str, ...]) -> int:
    """Send a log to its end and say that it is over; return how many bytes it took."""
    offset, size, total, is_stuck = courier.put(log, 0, b"", *flags).offset, _USUAL, 0, False
    while True:
        stretch = tail.read(offset, size)
        is_over = is_stuck or not stretch.data
        more = (*(("gap",) if stretch.has_gap else ()), *(("over", "durable") if is_over else ()))
        answer = courier.put(log, stretch.offset, stretch.data, *flags, *more)
        if answer.needs is not None:
            raise ServerRefused(409, f"log {id_text(log)} needs Flowstone {answer.needs} there")
        if not stretch.data:
            return total
        total += len(stretch.data)
        if answer.offset != offset:
            size, is_stuck = _USUAL, False
        elif len(stretch.data) >= size and size < _MOST:
            size = min(4 * size, _MOST)
        elif is_stuck:
            raise ServerRefused(409, f"log {id_text(log)} cannot be read there from {offset} on")
        else:
            is_stuck = True  # what is left is no whole record, and never will be
        offset = answer.offset


@contextlib.contextmanager
def _alone(path: str) -> Iterator[bool]:
    """Hold the lock of a dead process's segment, so that nobody else sends it meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
