"""Results in a local directory.

A file is written under another name in `.writing/` and renamed, so that nobody sees half of one.
Its writer holds a lock on it meanwhile, which the kernel drops when the writer dies: whoever uses
the directory first in a process removes the files there whose lock is free.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from flowstone.exceptions import OutsideStorage, StorageError
from flowstone.log.files import is_free, lock
from flowstone.results.buffers import Buffer
from flowstone.results.storage import Entry, Stamp, check_inside

WRITING = ".writing"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Never through a symbolic link, which may lead elsewhere; never waiting, as a pipe would."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 3
_JOINED = 1 << 16
"""Bytes up to which joining the parts costs less than a second write."""
_ONE_READ = 16 << 10
_HUGE = 4 << 20
_NO_FILE = "{!r} in {} is no file; remove it, or use others"
_ABANDONED = 86400.0
"""Seconds after which an unfinished file is removed where the file system has no locks."""


class Directory:
    """A local directory of results; `sync` brings each to the disk before its name is there.

    It is made, private to its user, when something is first written. Files in a directory that its
    user made may be read by whom that directory lets in.
    """

    def __init__(self, path: str, *, sync: bool = False) -> None:
        self.place = os.path.abspath(os.path.expanduser(path))
        self._sync = sync
        self._is_begun = False

    def read(
        self, name: str, most: int | None = None, *, stamped: bool = False
    ) -> tuple[Buffer, Stamp] | None:
        """Return what is under a name, and its stamp where that is asked for."""
        if not self._is_begun:
            self._begin()
        path = self._path(name)
        try:
            fd = os.open(path, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("read", name, error) from error
        try:
            if not stamped:  # most results take one read, and no look at their size
                data = os.read(fd, most or _ONE_READ)
                if data and (most or len(data) < _ONE_READ):
                    return data, ()
                os.lseek(fd, 0, os.SEEK_SET)
            found = _file_of(fd)
            wanted = found.st_size if most is None else min(most, found.st_size)
            return _read_all(fd, wanted), _stamp(found)
        except OSError as error:
            raise self._failed("read", name, error) from error
        finally:
            os.close(fd)

    def write(self, name: str, parts: Sequence[Buffer]) -> Stamp:
        """Put the joined parts under a name, whole or not at all."""
        if not self._is_begun:
            self._begin()
        path = self._path(name)
        try:
            for left in reversed(range(_TRIES)):
                try:
                    return self._write(path, parts)
                except FileNotFoundError:
                    # Not made yet, removed by its user, or swept between its making and its lock.
                    if not left:
                        raise
                    self._make(os.path.dirname(path))
        except OSError as error:
            raise self._failed("write", name, error) from error
        raise AssertionError

    def stamp(self, name: str) -> Stamp | None:
        """Return the stamp of what is under a name."""
        path = self._path(name)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("look for", name, error) from error
        return _stamp(found) if stat.S_ISREG(found.st_mode) else None

    def delete(self, name: str) -> bool:
        """Remove a name; return whether it was there."""
        path = self._path(name)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._failed("delete", name, error) from error
        return True

    def entries(self) -> Iterator[Entry]:
        """Give every name; what begins with a dot is none."""
        if not self._is_begun:
            self._begin()
        for folder, folders, names in os.walk(self.place):
            folders[:] = [inner for inner in folders if not inner.startswith(".")]
            within = "" if folder == self.place else f"{os.path.relpath(folder, self.place)}/"
            for name in names:
                path = os.path.join(folder, name)
                with suppress(FileNotFoundError):  # deleted meanwhile
                    found = os.lstat(path)
                    if stat.S_ISREG(found.st_mode) and not name.startswith("."):
                        yield Entry(within + name, found.st_size, found.st_mtime_ns)

    def _path(self, name: str) -> str:
        path = f"{self.place}/{name}"
        if "/" in name or name in {"", ".", ".."}:
            check_inside(name, self.place)
            real = os.path.realpath(self.place)
            if os.path.commonpath((os.path.realpath(os.path.dirname(path)), real)) != real:
                raise OutsideStorage(
                    f"{name!r} leads out of {self.place} by a symbolic link; remove that link"
                )
        return path

    def _write(self, path: str, parts: Sequence[Buffer]) -> Stamp:
        temporary = f"{self.place}/{WRITING}/{os.urandom(12).hex()}"
        fd = os.open(temporary, _CREATE, os.stat(self.place).st_mode & 0o666)
        try:
            lock(fd)
            _write_all(fd, parts)
            if self._sync:
                os.fsync(fd)
            os.replace(temporary, path)
            found = os.fstat(fd)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        finally:
            os.close(fd)
        if self._sync:
            _sync_directory(os.path.dirname(path))
        return _stamp(found)

    def _make(self, folder: str) -> None:
        if not os.path.isdir(self.place):
            os.makedirs(self.place, 0o700, exist_ok=True)
        mode = os.stat(self.place).st_mode & 0o777
        os.makedirs(f"{self.place}/{WRITING}", mode, exist_ok=True)
        os.makedirs(folder, mode, exist_ok=True)

    def _begin(self) -> None:
        """Remove what dead writers left; where that cannot be, reading works all the same."""
        self._is_begun = True
        folder = f"{self.place}/{WRITING}"
        try:
            names = os.listdir(folder)
        except OSError:  # not there yet, or not ours to read
            return
        for name in names:
            with suppress(OSError):  # gone meanwhile, or a directory that only lets us read
                _sweep(f"{folder}/{name}")

    def _failed(self, verb: str, name: str, error: OSError) -> StorageError:
        if error.errno in {errno.EISDIR, errno.ESPIPE}:
            return StorageError(_NO_FILE.format(name, self.place))
        if error.errno == errno.ELOOP:
            return OutsideStorage(f"{name!r} in {self.place} is a symbolic link; remove it")
        return StorageError(
            f"Could not {verb} {name!r} in {self.place}: {error.strerror or error}; "
            "see that the directory is there, writable and not full"
        )


def _sweep(path: str) -> None:
    fd = os.open(path, _READ)
    try:
        if is_free(fd) or time.time() - os.fstat(fd).st_mtime > _ABANDONED:
            os.unlink(path)
    finally:
        os.close(fd)


def _file_of(fd: int) -> os.stat_result:
    """Return what the system knows of an open file. Raises `OSError` where it is none."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))
    return found


def _stamp(found: os.stat_result) -> Stamp:
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _read_all(fd: int, wanted: int) -> Buffer:
    if wanted <= _JOINED:
        return os.read(fd, wanted)
    room = _room(wanted)
    view = room
    while view and (done := os.readv(fd, [view])):  # one call reads 2 GiB at most
        view = view[done:]
    return room[: wanted - len(view)]


def _room(size: int) -> memoryview:
    """Return memory that can be written to, because arrays will lie in it.

    From the kernel and in huge pages where it is much: 104 MB are read into that in 32 ms, where
    `bytearray` takes 134 and `os.read` 82.
    """
    if size < _HUGE:
        return memoryview(bytearray(size))
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)


def _write_all(fd: int, parts: Sequence[Buffer]) -> None:
    if sum(map(len, parts)) <= _JOINED:
        parts = [b"".join(parts)]
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(fd, view) :]


def _sync_directory(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
