"""The records of a worker on another host: they come home with the answers, as the bytes they are.

The worker writes a log of its own, where it is. Its bytes go into a log of the same id beside this
process's own, which holds its lock: to a reader it is the log of a process that lives as long.
"""

from __future__ import annotations

import errno
import logging
import os
import threading

import msgspec

from flowstone.log import files
from flowstone.log.frames import scan, seed_of

_logger = logging.getLogger("flowstone.log")
_CHUNK = 1 << 20


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of a log, and where in which of its segments they lie."""

    log: bytes
    segment: int
    offset: int
    data: bytes


class Outgoing:
    """What a log of this process has that was not handed over yet."""

    def __init__(self, directory: str, log: bytes) -> None:
        self._directory, self._log = directory, log
        self._segment = self._offset = 0
        self._lock = threading.Lock()

    def take(self) -> list[Piece]:
        """Return what has come since the last call."""
        pieces = []
        with self._lock:
            while (data := self._read()) is not None:
                if data:
                    pieces.append(Piece(self._log, self._segment, self._offset, data))
                    self._offset += len(data)
                elif os.path.exists(self._path(self._segment + 1)):
                    self._segment, self._offset = self._segment + 1, 0
                else:
                    break
        return pieces

    def _read(self) -> bytes | None:
        """Return whole frames of the segment; None where there is no segment yet."""
        try:
            fd = os.open(self._path(self._segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            data = os.pread(fd, _CHUNK << 1, self._offset)
        finally:
            os.close(fd)
        return data[: scan(data, seed_of(self._log)).stop]

    def _path(self, segment: int) -> str:
        return os.path.join(self._directory, files.segment_name(self._log, segment))


class Incoming:
    """The logs of workers elsewhere, in this process's home; each call may come in any thread."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._held: dict[tuple[bytes, int], int] = {}
        self._ends: dict[tuple[bytes, int], int] = {}
        self._early: dict[tuple[bytes, int], dict[int, bytes]] = {}
        self._lock = threading.Lock()

    def land(self, pieces: list[Piece]) -> None:
        """Write these pieces, and those that came before their turn and now can be."""
        with self._lock:
            for piece in pieces:
                self._early.setdefault((piece.log, piece.segment), {})[piece.offset] = piece.data
            try:
                for place in dict.fromkeys((piece.log, piece.segment) for piece in pieces):
                    self._write_all(place)
            except OSError as error:
                message = (
                    "Records of a worker could not be written to %s: %s. They are kept in memory; "
                    "the next that come are written with them."
                )
                _logger.warning(message, self._directory, error)

    def disown(self) -> None:
        """Let go of the files in a forked child, without unlocking them."""
        for fd in self._held.values():
            os.close(fd)

    def _write_all(self, place: tuple[bytes, int]) -> None:
        """Write what there is without a hole before it. Raises `OSError`; the rest waits then."""
        early, end = self._early[place], self._ends.get(place, 0)
        while (data := early.get(end)) is not None:
            fd = self._held.get(place)
            if fd is None:
                self._make(place, data)
            else:
                _put(fd, data, end)
            del early[end]
            self._ends[place] = end = end + len(data)

    def _make(self, place: tuple[bytes, int], data: bytes) -> None:
        """Make a segment: under another name first, so that whoever sees it sees it locked."""
        path = os.path.join(self._directory, files.segment_name(*place))
        hidden = files.unnamed(path)
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            files.lock(fd)
            _put(fd, data, 0)
            os.rename(hidden, path)
        except BaseException:
            os.close(fd)
            os.unlink(hidden)
            raise
        self._held[place] = fd


def _put(fd: int, data: bytes, at: int) -> None:
    """Write whole or raise `OSError`: a full disk takes a part, and says nothing."""
    if os.pwrite(fd, data, at) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_LOCK = threading.Lock()
_INCOMING: dict[str, Incoming] = {}


def incoming(directory: str) -> Incoming:
    """Return what takes logs for a directory: one a process, as long as that lives."""
    with _LOCK:
        return _INCOMING.setdefault(directory, Incoming(directory))


def _renew() -> None:
    """Let go in a forked child: the locks are its parent's."""
    global _LOCK  # noqa: PLW0603  a lock that another thread held would never be free again
    _LOCK = threading.Lock()
    for one in _INCOMING.values():
        one.disown()
    _INCOMING.clear()


os.register_at_fork(after_in_child=_renew)
