"""Locks among the processes that see one directory.

A lock is an `flock` on a file of its own, which the kernel drops when its holder dies, however it
dies: nobody waits for the dead. The file says who holds it and until when; it is removed under its
lock, so who gets a lock looks whether the file is still the one of that name.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flowstone.exceptions import ConfigurationError
from flowstone.results.locks import Waiting, not_held, pauses
from flowstone.results.storage import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_GATE = ".gate"
_SOON = 0.1
"""Seconds to wait for what others hold for an instant."""


class _Held(NamedTuple):
    """A lock that this process holds: the file, and what stands in it."""

    fd: int
    note: _Note


class _Note(msgspec.Struct, frozen=True, array_like=True):
    """What stands in a lock's file; `ends` is seconds since 1970, None without end."""

    holder: str
    ends: float | None

    @property
    def is_over(self) -> bool:
        return self.ends is not None and self.ends <= time.time()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Note).decode


class FileSystemLockManager(Waiting):
    """Locks as files `<key>.lock` of a directory; managers of one directory see each other's."""

    def __init__(self, lock_files_directory: str | os.PathLike[str]) -> None:
        self.lock_files_directory = os.path.abspath(os.path.expanduser(lock_files_directory))
        os.makedirs(self.lock_files_directory, 0o700, exist_ok=True)

    def release_lock(self, key: str, holder: str) -> None:
        """Free a lock. Raises `ValueError` where this holder has it not."""
        path = self._path(key)
        with _PROCESS.gate:
            held = _PROCESS.held.get(path)
            if held is None or held.note.holder != holder:
                raise not_held(key, holder)
            del _PROCESS.held[path]
            # Where its time is over another process may take it over just now, and the file of
            # that name be its own: ours is left behind, and free.
            is_over = held.note.is_over
            if not is_over and _is_at(held.fd, path):
                os.unlink(path)
            os.close(held.fd)
        if is_over:
            raise not_held(key, holder)

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds it."""
        note = self._note(self._path(key))
        return note is not None and not note.is_over

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder has it."""
        note = self._note(self._path(key))
        return note is not None and note.holder == holder and not note.is_over

    def _try(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        path = self._path(key)
        with _PROCESS.gate:
            held = _PROCESS.held.get(path)
            if held is not None and held.note.holder == holder and not held.note.is_over:
                return True
            ends = None if hold_timeout is None else time.time() + hold_timeout
            note = _Note(holder, ends)
            fd = self._take(path, note)
            if fd is None:
                return False
            if held is not None:  # its time was over, and its file is another one now
                os.close(held.fd)
            _PROCESS.held[path] = _Held(fd, note)
            return True

    def _take(self, path: str, note: _Note) -> int | None:
        """Return the locked file of that name, or None where somebody holds it."""
        with self._gate() as is_open:
            found = self._note(path)
            if not is_open or (found is not None and not found.is_over):
                return None
            if found is not None:
                os.unlink(path)
            fd = os.open(path, _OPEN | os.O_CREAT, 0o600)
            try:
                if _flock_soon(fd, fcntl.LOCK_EX):  # who looks holds it for an instant
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, _encode(note), 0)
                    return fd
            except BaseException:
                os.close(fd)
                raise
        os.close(fd)
        return None

    def _note(self, path: str) -> _Note | None:
        """Return what stands in a lock's file that a living process holds."""
        try:
            fd = os.open(path, _OPEN)
        except FileNotFoundError:
            return None
        try:
            if _flock(fd, fcntl.LOCK_SH) or not _is_at(fd, path):
                return None
            data = os.pread(fd, 1 << 16, 0)
        finally:
            os.close(fd)
        try:
            return _decode(data)
        except msgspec.DecodeError:  # it is just being written
            return _Note("", None)

    @contextmanager
    def _gate(self) -> Iterator[bool]:
        """Let nobody else look and take meanwhile; tell whether that could be had soon.

        It is held for a few system calls. Who is stopped just then makes the others fail to take
        a lock, and does not hang them.
        """
        fd = os.open(f"{self.lock_files_directory}/{_GATE}", _OPEN | os.O_CREAT, 0o600)
        try:
            yield _flock_soon(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)

    def _path(self, key: str) -> str:
        name = name_of(key.replace("/", "%"))
        return f"{self.lock_files_directory}/{name}.lock"


class _Process:
    """The locks that this process holds, by path; a forked child holds none."""

    def __init__(self) -> None:
        self.gate = threading.RLock()
        self.held: dict[str, _Held] = {}
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # A lock lasts until the last descriptor of it is closed; closing ours frees no lock of our
        # parent's, and keeps none alive when it dies.
        for held in self.held.values():
            with suppress(OSError):  # the child's own code closed it
                os.close(held.fd)
        self.held = {}
        self.gate = threading.RLock()


_PROCESS = _Process()


def _flock(fd: int, kind: int) -> bool:
    """Take a lock if it is free; return whether it is held now."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ConfigurationError(
            f"The file system has no locks ({error.strerror}); give the lock manager a directory "
            "on another one"
        ) from error
    return True


def _flock_soon(fd: int, kind: int) -> bool:
    for pause in pauses(_SOON):
        if _flock(fd, kind):
            return True
        time.sleep(pause)
    return False


def _is_at(fd: int, path: str) -> bool:
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), found)
