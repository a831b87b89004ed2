"""What `flowstone doctor` looks at. Nothing here changes a home, but for a file made and removed.

Each check gives findings: what it saw, how bad that is, and what to do about it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import msgspec

from flowstone.cli.finding import Finding
from flowstone.cli.log import troubles
from flowstone.cli.moments import local_in_full
from flowstone.cli.output import plural, size
from flowstone.log.files import is_free, lock
from flowstone.log.machine import mount_of
from flowstone.server.presence import running_servers
from flowstone.settings import SettingsError, default_home
from flowstone.settings.loading import Sources
from flowstone.store.database import WriterLock, connect_reader, database_path, logs_path
from flowstone.store.errors import StoreError
from flowstone.store.queries import open_store
from flowstone.store.schema import VERSION, version_of
from flowstone.version import __version__
from flowstone.wiring.homes import fallback_home

_LITTLE = 64 << 20
_TRIAL = 64 << 10
"""Bytes that a log begins with; a home that has no room for them cannot record."""
_ROOM = "Make room, or delete runs: flowstone flow-run delete."
_WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
_PATIENCE = 1.0
_LONGEST_CHECK = 10.0
_STEPS = 10_000
_AHEAD = 60
"""Seconds by which a file's time may be ahead of the clock."""


def findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Give what there is to say of this installation and its home."""
    yield from _versions()
    home = default_home()
    for found in _settings(environ):
        if isinstance(found, str):
            home = found
        else:
            yield found
    yield from _home(home)
    if os.path.isdir(home):
        for check in (_disk, _locks, _writer, _logs, _database, _clock):
            yield from _guarded(check, home)
    yield from _guarded(_server, home)


def _guarded(check: Callable[[str], Iterator[Finding]], home: str) -> Iterator[Finding]:
    """Give what a check finds; what stops it is a finding too, and the others go on."""
    try:
        yield from check(home)
    except (OSError, sqlite3.Error) as error:
        name = check.__name__.strip("_")
        yield Finding(name, "problem", f"could not be looked at: {error}", _permissions(home))


def _versions() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    text = f"Flowstone {__version__}, Python {python}, msgspec {msgspec.__version__}"
    yield Finding("versions", "ok", f"{text}, {sys.platform} {platform.machine()}")
    first, last = _WAL_RESET_BUG
    text = f"SQLite {sqlite3.sqlite_version}"
    if first <= sqlite3.sqlite_version_info <= last:
        text += (
            ": has the WAL-reset bug of versions 3.7.0 to 3.51.2, which the lock of Flowstone's "
            "writers keeps away. Let no other program write flowstone.db"
        )
    yield Finding("versions", "ok", text)


def _settings(environ: Mapping[str, str]) -> Iterator[Finding | str]:
    """Give what is wrong with the settings, and the home as text where that can be told."""
    try:
        sources = Sources(environ)
    except SettingsError as error:
        yield Finding("settings", "problem", str(error), "Correct it; no command works meanwhile.")
        if environ.get("FLOWSTONE_HOME"):
            yield os.path.abspath(os.path.expanduser(environ["FLOWSTONE_HOME"]))
        return
    wrong = list(sources.complaints())
    for text in wrong:
        yield Finding("settings", "warning", text, "Correct its name, or take it away.")
    for name in sources.found:
        try:
            value = sources.parsed(name, sources.found[name])
        except SettingsError as error:
            wrong.append(name)
            advice = "Correct it; no command works meanwhile."
            yield Finding("settings", "problem", str(error), advice)
        else:
            if name == "home":
                yield str(value)
    if not wrong:
        count = plural(len(sources.found), "setting")
        yield Finding("settings", "ok", f"{count} given, the others are defaults")


def _home(home: str) -> Iterator[Finding]:
    try:
        found = os.stat(home)
    except FileNotFoundError:
        yield _missing_home(home)
        return
    except OSError as error:
        yield Finding("home", "problem", f"{home}: {error.strerror}", _permissions(home))
        return
    if not stat.S_ISDIR(found.st_mode):
        advice = "Set FLOWSTONE_HOME to a directory."
        yield Finding("home", "problem", f"{home} is no directory", advice)
        return
    kind, is_local = mount_of(home)
    where = f"{home} ({kind or 'unknown file system'}, mode {stat.S_IMODE(found.st_mode):04o})"
    logs = logs_path(Path(home))
    refusal = _refusal(logs if os.path.isdir(logs) else home)
    if refusal is not None:
        text = f"{where} cannot be written: {refusal.strerror}"
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            text += "; what runs record waits in memory, and is lost with the process"
            yield Finding("home", "problem", text, _ROOM)
        else:
            text += f"; runs are recorded in {fallback_home()}"
            yield Finding("home", "problem", text, _permissions(home))
    elif not is_local:
        advice = "Set FLOWSTONE_HOME to a directory on a local disk; logs may lie anywhere."
        text = f"{where} is on a network: SQLite's locks cannot be relied on there"
        yield Finding("home", "problem", text, advice)
    else:
        yield Finding("home", "ok", f"{where} can be written")
    if found.st_uid != os.getuid():
        text = f"{home} belongs to user {found.st_uid}, and you are {os.getuid()}"
        yield Finding("home", "warning", text, "Use a home of your own: set FLOWSTONE_HOME.")
    if found.st_mode & 0o077:
        text = f"others may look into {home}, where parameters and results lie"
        yield Finding("home", "warning", text, f"Keep it to yourself: chmod 700 {home}")


def _missing_home(home: str) -> Finding:
    parent = os.path.dirname(home)
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    refusal = _refusal(parent)
    if refusal is None:
        return Finding("home", "ok", f"{home} is not there yet; the first run makes it")
    text = f"{home} is not there, and cannot be made in {parent}: {refusal.strerror}"
    return Finding("home", "problem", text, _permissions(parent))


def _refusal(directory: str) -> OSError | None:
    """Return why no file can be made in a directory, None where one can."""
    try:
        with _trial(directory):
            return None
    except OSError as error:
        return error


def _disk(home: str) -> Iterator[Finding]:
    found = os.statvfs(home)
    free = found.f_bavail * found.f_frsize
    used = sum(_sizes(home))
    text = f"{size(free)} free; the home takes {size(used)}"
    if found.f_files and not found.f_favail:
        yield Finding("disk", "problem", "no file can be made: the disk is out of inodes", _ROOM)
    if free < _TRIAL:
        yield Finding("disk", "problem", text, _ROOM)
    elif free < _LITTLE:
        yield Finding("disk", "warning", f"{text}: a busy process needs that in minutes", _ROOM)
    else:
        yield Finding("disk", "ok", text)


def _sizes(home: str) -> Iterator[int]:
    for folder, _, names in os.walk(home):
        for name in names:
            try:
                yield os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:  # a log that is collected just now
                continue


def _locks(home: str) -> Iterator[Finding]:
    """Try both kinds of locks: `flock` tells who lives, locks on bytes hold the slots of limits."""
    advice = "Set FLOWSTONE_HOME to a directory on a local disk."
    if _refusal(home) is not None:
        return
    with _trial(home) as path:
        first, second = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
        try:
            if not lock(first) or is_free(second):
                text = "the file system has no locks: a dead process is noticed late, by its lease"
                yield Finding("locks", "warning", text, advice)
                return
            fcntl.lockf(first, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1 << 32)
        except OSError as error:
            yield Finding("locks", "problem", f"limits cannot be held: {error}", advice)
            return
        finally:
            os.close(first)
            os.close(second)
    yield Finding("locks", "ok", "files and bytes can be locked")


def _writer(home: str) -> Iterator[Finding]:
    """Look whether somebody keeps the right to write the database."""
    own = WriterLock(Path(home))
    try:
        fd = os.open(own.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        until = time.monotonic() + _PATIENCE
        while not is_free(fd):
            if time.monotonic() > until:
                text = f"{own.holder()} has been writing the database for over {_PATIENCE:g} s"
                advice = "Wait for it; if it hangs, end it. Readers see what is there until then."
                yield Finding("writer", "warning", text, advice)
                return
            time.sleep(0.01)
    finally:
        os.close(fd)
    yield Finding("writer", "ok", "nobody keeps the database from being written")


def _logs(home: str) -> Iterator[Finding]:
    """Tell what waits to be collected, and what could not be."""
    try:
        with open_store(Path(home), collect_first=False) as store:
            status = store.status()
    except StoreError:  # what is wrong with the database is a finding of its own
        return
    waiting = sum(log.uncollected for log in status.logs)
    alive = sum(log.alive is True for log in status.logs)
    text = f"{plural(len(status.logs), 'log')}, {alive} of living processes"
    text += f"; {size(waiting)} to collect, by whoever reads next" if waiting else ""
    yield Finding("logs", "ok", text)
    for trouble in troubles(status):
        advice = "'flowstone log status' shows where; the file is kept to be looked at."
        yield Finding("logs", "warning", trouble.rstrip("."), advice)


def _database(home: str) -> Iterator[Finding]:
    path = database_path(Path(home))
    try:
        connection = connect_reader(Path(home))
    except FileNotFoundError:
        yield Finding("database", "ok", "not there yet; the first look at runs makes it")
        return
    except StoreError as error:
        yield Finding("database", "problem", str(error))
        return
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        yield _damaged(path, str(error))
        return
    try:
        version = version_of(connection, path)
        text, is_whole = _checked(connection)
    finally:
        connection.close()
    if not is_whole:
        yield _damaged(path, text)
        return
    older = "" if version == VERSION else f"; the next look at runs brings it to {VERSION}"
    yield Finding("database", "ok", f"schema {version}{older}; {text}")
    if os.stat(path).st_mode & 0o077:
        advice = f"Keep it to yourself: chmod 600 {path}"
        yield Finding("database", "warning", f"others may read or write {path}", advice)


def _damaged(path: str, text: str) -> Finding:
    advice = (
        f"Stop what uses the home, move {path} away and keep it: "
        "sqlite3's .recover may save its runs. A new one is made from the logs still there."
    )
    return Finding("database", "problem", f"{path} is damaged: {text}", advice)


def _checked(connection: sqlite3.Connection) -> tuple[str, bool]:
    """Return what SQLite's check says, and whether all is well as far as it went."""
    until = time.monotonic() + _LONGEST_CHECK
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        # Not `quick_check`: SQLite 3.40 takes what a table without row ids holds in another order
        # than it was declared for missing.
        rows = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.OperationalError:
        if time.monotonic() <= until:
            raise
        return f"whole as far as was looked in {_LONGEST_CHECK:g} s", True
    except sqlite3.DatabaseError as error:
        return str(error), False
    return ("whole", True) if rows == ["ok"] else ("; ".join(rows), False)


def _clock(home: str) -> Iterator[Finding]:
    """Compare the clock with the times of what was written before."""
    now = time.time()
    newest = max(_times(home), default=0.0)
    if newest > now + _AHEAD:
        written = local_in_full(int(newest * 1e9))
        text = f"it is {local_in_full(int(now * 1e9))}, and records were written at {written}"
        advice = "Set the clock. New runs are listed below those of the future until then."
        yield Finding("clock", "warning", text, advice)
    else:
        yield Finding("clock", "ok", f"it is {local_in_full(int(now * 1e9))}")


def _times(home: str) -> Iterator[float]:
    """Give when the database and the logs were written last, in seconds since 1970."""
    logs = logs_path(Path(home))
    names = os.listdir(logs) if os.path.isdir(logs) else []
    for path in (database_path(Path(home)), *(os.path.join(logs, name) for name in names)):
        with suppress(FileNotFoundError):  # no database yet; a log that is collected just now
            yield os.stat(path).st_mtime


def _server(home: str) -> Iterator[Finding]:
    """Tell which server this process would ask, and how that is."""
    try:
        api = Sources(os.environ).settings().api
    except SettingsError:  # a finding of its own
        return
    if api.url is not None:
        # By name: what talks to servers takes 40 ms to load, and most homes have none.
        yield from import_module("flowstone.cli.server_findings").server_findings(api)
        return
    running = running_servers(Path(home))
    texts = [f"serves at {one.url or '(starting)'} (pid {one.pid})" for one in running]
    yield Finding("server", "ok", "; ".join(texts) or "none runs; 'flowstone open' starts one")


@contextmanager
def _trial(directory: str) -> Iterator[str]:
    """Make a file as large as what a log begins with; it is gone at the end. Raises `OSError`."""
    path = os.path.join(directory, f".doctor-{os.getpid()}.new")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.pwrite(fd, bytes(_TRIAL), 0)
        finally:
            os.close(fd)
        yield path
    finally:
        os.unlink(path)


def _permissions(path: str) -> str:
    return f"Look at its owner and mode (ls -ld {path}), or set FLOWSTONE_HOME to another place."
