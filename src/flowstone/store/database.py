"""The database of a home: where it lies, who may write it, and how it is opened.

Whoever writes holds the writer's lock for the whole life of the connection that writes, closing
included (a close is a checkpoint): one writer and one checkpointer at a time, so that "database is
locked" cannot reach a user.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowstone.log.machine import mount_of
from flowstone.store.errors import NetworkDatabase, WriterBusy
from flowstone.store.schema import VERSION, build, migrate, version_of

if TYPE_CHECKING:
    from pathlib import Path

BUSY_SECONDS = 30.0
_CHECKPOINT_BYTES = 8 << 20
_POLL_SECONDS = 0.005
_INCREMENTAL = 2  # as `PRAGMA auto_vacuum` says it
_PAGES = 100
_FEW = 20


def database_path(home: Path) -> str:
    """Return where the database of a home lies."""
    return os.path.join(home, "flowstone.db")


def logs_path(home: Path) -> str:
    """Return the directory of a home's logs."""
    return os.path.join(home, "logs")


class WriterLock:
    """The right to write the database of a home: a locked file beside it.

    It is opened anew each time, so threads exclude each other as processes do, and it is given back
    by the kernel when its holder dies. The file names the holder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = database_path(home) + ".lock"
        self._fd = -1

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd >= 0

    def try_take(self) -> bool:
        """Take the lock if nobody has it; False where somebody does.

        Raises `OSError` where the file cannot be made, as in a home that is read-only.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        # As long as each before it: to cut the file first takes a millisecond, 40 times as long.
        os.pwrite(fd, f"{os.getpid():<20}\n".encode(), 0)
        self._fd = fd
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def holder(self) -> str:
        """Return who holds the lock, or held it last, in words."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                pid = file.read(32).strip()
        except OSError:
            return "an unknown process"
        return f"process {pid}" if pid else "an unknown process"

    @contextlib.contextmanager
    def waiting(self, seconds: float = BUSY_SECONDS) -> Iterator[WriterLock]:
        """Hold the lock in a `with`; raises `WriterBusy` when it cannot be had for so long."""
        until = time.monotonic() + seconds
        while not self.try_take():
            if time.monotonic() > until:
                raise WriterBusy(
                    f"The database in {self.home} is being written by {self.holder()} for more "
                    f"than {seconds:g} s. Wait for that process, or end it if it hangs."
                )
            time.sleep(_POLL_SECONDS)
        try:
            yield self
        finally:
            self.release()


def connect_writer(lock: WriterLock) -> sqlite3.Connection:
    """Open the database to write, made or migrated first where need be; `lock` must be held.

    Close it with `close_writer`, under the same hold of the lock or a later one.
    """
    path = database_path(lock.home)
    _refuse_network(path)
    if not os.path.exists(path):
        _create(path)
    connection = _connect(path, "rw")
    try:
        version = version_of(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA temp_store = MEMORY")  # a savepoint's pages: no file for each
        if version < VERSION:
            migrate(connection, version)
    except BaseException:
        connection.close()
        raise
    return connection


def close_writer(connection: sqlite3.Connection, lock: WriterLock) -> None:
    """Close a connection that writes, under the lock: the last one to close writes back the WAL."""
    if lock.is_held:
        connection.close()
        return
    with lock.waiting():
        connection.close()


@contextlib.contextmanager
def transaction(home: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection in a transaction that is committed at the end, under the writer's lock.

    Raises `WriterBusy` where the lock cannot be had.
    """
    lock = WriterLock(home)
    with lock.waiting():
        connection = connect_writer(lock)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            checkpoint(connection, home)
        finally:
            connection.close()  # which takes back what was not committed


def connect_reader(home: Path) -> sqlite3.Connection:
    """Open the database to read. Raises `FileNotFoundError` where there is none.

    One of an older version is migrated first. In a home that cannot be written, what is in the
    database file itself is read: SQLite needs to make files beside it for more.
    """
    path = database_path(home)
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, "there is no database yet", path)
    _refuse_network(path)
    for mode in ("ro", "ro&immutable=1"):
        connection = _connect(path, mode)
        try:
            version = version_of(connection, path)
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if "immutable" in mode or os.access(home, os.W_OK):
                raise
        except BaseException:
            connection.close()
            raise
        else:
            if version == VERSION:
                return connection
            connection.close()
            _migrate_first(home)
            return _connect(path, mode)
    raise AssertionError(path)


def _migrate_first(home: Path) -> None:
    lock = WriterLock(home)
    with lock.waiting():
        connect_writer(lock).close()


def empty_reader() -> sqlite3.Connection:
    """Return a connection to an empty database in memory, for a home that has none yet."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    build(connection)
    return connection


def checkpoint(connection: sqlite3.Connection, home: Path) -> None:
    """Write the WAL back into the database when it is long; the writer's lock must be held."""
    if _size(database_path(home) + "-wal") > _CHECKPOINT_BYTES:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def shrink(home: Path, seconds: float) -> bool:
    """Give back pages of the database that are not used; return whether there are more.

    Pages that were used to the end of the file take their places, for about so many seconds; a
    tenth of the file stays for what comes next.
    """
    lock = WriterLock(home)
    with lock.waiting():
        connection = connect_writer(lock)
        try:
            until = time.monotonic() + seconds
            while is_more := _has_room(connection):
                connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
                if time.monotonic() > until:
                    break
            checkpoint(connection, home)
        finally:
            connection.close()
    return is_more


def compact(home: Path) -> None:
    """Write the whole database anew, without what is not used; nobody can write meanwhile."""
    lock = WriterLock(home)
    with lock.waiting():
        connection = connect_writer(lock)
        try:
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()


def _has_room(connection: sqlite3.Connection) -> bool:
    """Whether many pages are free that can be given back without writing the whole file anew."""
    values = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("auto_vacuum", "freelist_count", "page_count")
    ]
    is_incremental, free, pages = values[0] == _INCREMENTAL, values[1], values[2]
    return bool(is_incremental and free > max(_FEW, pages // 10))


def make_durable(home: Path) -> None:
    """Return when all that was committed would survive a loss of power.

    Commits are in the WAL, which `synchronous = NORMAL` does not flush each time, or were
    checkpointed, which does.
    """
    for path in (database_path(home) + "-wal", str(home)):
        with contextlib.suppress(FileNotFoundError):
            _flush(path)


def last_written(home: Path) -> int | None:
    """Return when the database was last written (nanoseconds since 1970), None without one."""
    path = database_path(home)
    times = [os.stat(name).st_mtime_ns for name in (path, path + "-wal") if os.path.exists(name)]
    return max(times, default=None)


def _connect(path: str, mode: str) -> sqlite3.Connection:
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file:{escaped}?mode={mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )


def _create(path: str) -> None:
    """Make the database under another name first: it is whole, or it is not there."""
    new = path + ".new"
    # A WAL that outlived its database would be replayed into the new one.
    for name in (new, new + "-wal", new + "-shm", new + "-journal", path + "-wal", path + "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = _connect(new, "rw")
    try:
        build(connection)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    finally:
        connection.close()
    _flush(new)
    os.rename(new, path)
    _flush(os.path.dirname(path))


def _flush(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _refuse_network(path: str) -> None:
    kind, is_local = mount_of(path)
    if not is_local:
        raise NetworkDatabase(
            f"{path} lies on a network file system ({kind}), where SQLite's locks cannot be relied "
            "on. Set FLOWSTONE_HOME to a directory on a local disk; logs may lie anywhere."
        )
