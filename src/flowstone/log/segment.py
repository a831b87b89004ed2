"""One file of a log, as its owner writes it: mapped where that is safe, plain elsewhere.

A mapped segment is space that was allocated before it is used, written through a memory map: an
append is one copy within one C call, atomic under the interpreter's lock, and gives that lock to
nobody (measured: 0.3 µs, also beside a computing thread, where a `write` costs 117 µs). It is used
where allocated space cannot be refused later (`MAPPABLE`), because a refusal there is a signal.
A plain segment is one `write` a record to a file opened for appending.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import sys
from collections.abc import Callable
from threading import RLock

from flowstone.log import files

MAPPABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "overlay"})
_FIRST = 64 << 10
_STEP = 4 << 20
_RESERVE = 64
"""Bytes allocated behind what is mapped, where the last record of a rotated segment fits."""
_HIGH = 512
"""Descriptors from here on are rarely reused or closed by programs that close all they know."""


class MappedSegment:
    """A segment written through a memory map."""

    def __init__(self, directory: str, log: bytes, number: int, limit: int) -> None:
        self.path = os.path.join(directory, files.segment_name(log, number))
        self.limit = limit
        self.size = 0  # known once it has ended
        self._fd = -1
        self._room = 0
        self._inode = -1
        self._map: mmap.mmap | None = None
        self.write: Callable[[bytes], object] = _full
        """Append a frame, whole; raises `ValueError` where there is no room."""

    def begin(self, header: Callable[..., bytes]) -> None:
        """Make the file under another name, lock it, write its header, give it its name.

        `header(locked=...)` is told whether the lock was had and returns the first frame. Raises
        `OSError`; nothing is left behind then.
        """
        self._fd = _make(self.path, os.O_RDWR)
        try:
            locked = files.lock(self._fd)
            _allocate(self._fd, _FIRST + _RESERVE)
            self._map_up_to(_FIRST, 0)
            self.write(header(locked=locked))
            os.rename(files.unnamed(self.path), self.path)
        except BaseException:
            self.drop()
            os.unlink(files.unnamed(self.path))
            raise

    @property
    def held(self) -> int:
        """Bytes that it has room for now."""
        return self._room

    @property
    def can_grow(self) -> bool:
        """Whether it is to be given more room, and not followed by another segment."""
        return self._room < self.limit

    def grow(self, needed: int) -> None:
        """Make room for a frame of `needed` bytes. Raises `OSError` where there is none.

        Room is made behind what is mapped first; then the old map is filled with zeros in one
        write, which fails and is done again where another thread wrote in between. So nobody can
        write to the old map any more, and its end is known.
        """
        step = min(3 * self._room, _STEP, max(0, self.limit - self._room))
        room = self._room + max(needed, step)
        _allocate(self._fd, room + _RESERVE)
        self._map_up_to(room, self._seal(self._map))

    def end(self, last: bytes) -> None:
        """Write the last frame; nothing can be written after it. The lock is kept."""
        end = self.seal()
        os.pwrite(self._fd, last, end)
        self.size = end + len(last)

    def seal(self) -> int:
        """Let nothing be written any more; return how long it is. The lock is kept."""
        self.size = self._seal(self._map)
        return self.size

    def sync(self) -> None:
        """Bring what was written to the disk. Raises `OSError`; then it may be lost."""
        os.fdatasync(self._fd) if sys.platform == "linux" else os.fsync(self._fd)

    @property
    def is_held(self) -> bool:
        """Whether the file is still open; a program may have closed all descriptors it found."""
        try:
            return os.fstat(self._fd).st_ino == self._inode
        except OSError:
            return False

    def drop(self) -> None:
        """Let go of the file without unlocking it for a process that shares it."""
        self.write = _full
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd >= 0:
            try:
                os.close(self._fd)
            except OSError as error:
                if error.errno != errno.EBADF:  # somebody closed it before us
                    raise
            self._fd = -1

    def _map_up_to(self, room: int, position: int) -> None:
        view = mmap.mmap(self._fd, room)
        view.seek(position)
        self._inode = os.fstat(self._fd).st_ino
        self._map, self._room = view, room
        self.write = view.write

    def _seal(self, view: mmap.mmap | None) -> int:
        if view is None:
            return 0
        while True:
            end = view.tell()
            try:
                view.write(bytes(self._room - end))
            except ValueError:  # another thread wrote between the two lines above
                continue
            return end


class PlainSegment:
    """A segment written with one `write` a record."""

    def __init__(self, directory: str, log: bytes, number: int, limit: int) -> None:
        self.path = os.path.join(directory, files.segment_name(log, number))
        self.limit = limit
        self.size = 0
        self._fd = -1
        self._inode = -1
        # Only the newest segment may be written to, and that is decided under this lock.
        self._lock = RLock()
        self.write: Callable[[bytes], object] = _full
        """Append a frame, whole; raises `ValueError` or `OSError` where that cannot be."""

    def begin(self, header: Callable[..., bytes]) -> None:
        """Make the file, as a mapped segment does."""
        self._fd = _make(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            locked = files.lock(self._fd)
            self._inode = os.fstat(self._fd).st_ino
            self.write = self._append
            self.write(header(locked=locked))
            os.rename(files.unnamed(self.path), self.path)
        except BaseException:
            self.drop()
            os.unlink(files.unnamed(self.path))
            raise

    @property
    def held(self) -> int:
        """Bytes that are written in it."""
        return self.size

    @property
    def can_grow(self) -> bool:
        """Whether it is to be given more room: it has all that it may have."""
        return False

    def grow(self, needed: int) -> None:
        """Do nothing: room is made by the write itself."""

    def end(self, last: bytes) -> None:
        """Write the last frame; nothing can be written after it. The lock is kept."""
        with self._lock:
            if self.write is not _full:
                self.seal()
                self._write_whole(last)

    def seal(self) -> int:
        """Let nothing be written any more; return how long it is. The lock is kept."""
        with self._lock:
            self.write = _full
            return self.size

    def sync(self) -> None:
        """Bring what was written to the disk. Raises `OSError`; then it may be lost."""
        os.fsync(self._fd)

    @property
    def is_held(self) -> bool:
        """Whether the file is still open."""
        try:
            return os.fstat(self._fd).st_ino == self._inode
        except OSError:
            return False

    def drop(self) -> None:
        """Let go of the file without unlocking it for a process that shares it."""
        self.write = _full
        if self._fd >= 0:
            try:
                os.close(self._fd)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
            self._fd = -1

    def _append(self, frame: bytes) -> None:
        with self._lock:
            if self.write is _full or self.size >= self.limit:
                raise ValueError(self.path)
            self._write_whole(frame)

    def _write_whole(self, frame: bytes) -> None:
        written = os.write(self._fd, frame)
        self.size += written
        if written != len(frame):  # half a record: a reader cuts it, so nothing may follow it
            self.write = _full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)


def _full(frame: bytes) -> object:
    """Take nothing: the segment has ended."""
    raise ValueError(len(frame))


def _make(path: str, flags: int) -> int:
    fd = os.open(files.unnamed(path), flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    except OSError:  # fewer descriptors are allowed than that
        return fd
    os.close(fd)
    return high


def _allocate(fd: int, size: int) -> None:
    """Make sure that the file has `size` bytes that can be written to."""
    os.posix_fallocate(fd, 0, size)
