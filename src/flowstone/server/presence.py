"""Which servers run over a home: each holds a locked file there, which says where it listens.

The kernel gives the lock back however a server ends, so a file that is not locked means nothing.
A home's own database has one server; over Postgres there may be several, each with its own file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from pathlib import Path

import msgspec

from flowstone.drive.decoders import from_json
from flowstone.log.files import is_free

_POLL = 0.02


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A server that runs: where it listens, over what; `started` is nanoseconds since 1970.

    `url` is "" until it listens.
    """

    pid: int
    url: str
    database: str
    started: int
    version: str


class Presence:
    """The sign of this server in its home."""

    def __init__(self, home: Path, *, is_alone: bool) -> None:
        name = "server.lock" if is_alone else f"server-{os.getpid()}.lock"
        self.path = home / name
        self._fd = -1

    def take(self, about: Running) -> bool:
        """Give the sign; False where another server has it. Raises `OSError`."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        self._fd = fd
        self.tell(about)
        return True

    def tell(self, about: Running) -> None:
        """Write what others may read of it."""
        data = msgspec.json.encode(about)
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))


def running_servers(home: Path) -> list[Running]:
    """Return the servers that run over a home, the oldest first."""
    found = [_running(path) for path in sorted(home.glob("server*.lock"))]
    return sorted((one for one in found if one is not None), key=lambda one: one.started)


def stop_server(server: Running, seconds: float) -> bool:
    """Ask a server to end; return whether it has, within so many seconds. Raises `OSError`."""
    os.kill(server.pid, signal.SIGTERM)
    until = time.monotonic() + seconds
    while _is_there(server.pid):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True


def _running(path: Path) -> Running | None:
    """Return what a file says of its server, None where that is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if is_free(fd):
            if path.name != "server.lock":
                path.unlink(missing_ok=True)
            return None
        return from_json(os.pread(fd, 1 << 16, 0), Running)
    except msgspec.DecodeError:  # just now being written
        return None
    finally:
        os.close(fd)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True
