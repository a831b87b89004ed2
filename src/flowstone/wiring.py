"""What this process's runs use: its settings, its log, its voice. Built once, at the first run."""

from __future__ import annotations

import atexit
import os
import stat
import time
import warnings

from flowstone.core.ids import IdSource
from flowstone.drive import capture, console
from flowstone.drive.reporting import LoggingReporter
from flowstone.engine.ops import Env
from flowstone.log.writer import LogWriter
from flowstone.settings import Settings, load
from flowstone.version import __version__


class Process:
    """The settings and surroundings of this process."""

    def __init__(self) -> None:
        self.env: Env | None = None
        self.log: LogWriter | None = None
        self._settings: Settings | None = None
        self._watches_forks = False

    @property
    def settings(self) -> Settings:
        """The settings as the environment had them when they were first asked for."""
        if self._settings is None:
            self._settings = load(os.environ)
        return self._settings

    def start(self) -> Env:
        """Return the surroundings, made at the first call and after a fork."""
        if self.env is not None:
            return self.env
        settings = self.settings
        console.install(settings.logging.level, colors=settings.logging.colors)
        capture.capture_logging(lambda: self.log)
        ids = IdSource(os.urandom(16))
        home = writable_home(settings.home)
        self.log = log = LogWriter(
            os.path.join(home, "logs"),
            ids.new(time.time_ns()),
            version=__version__,
            sync=settings.log.sync,
            segment_bytes=settings.log.segment_bytes,
            backlog_bytes=settings.log.buffer_bytes,
        )
        if settings.logging.log_prints:
            capture.redirect_print()
        if not self._watches_forks:
            self._watches_forks = True
            os.register_at_fork(after_in_child=self._forked)
            atexit.register(self._ended)
        self.env = Env(
            log=log,
            report=LoggingReporter(),
            now=time.time_ns,
            draw=_draw,
            new_id=ids.new,
            log_prints=settings.logging.log_prints,
        )
        return self.env

    def restart(self, settings: Settings | None = None) -> None:
        """Forget everything; the next run begins a new log, with these settings if given."""
        self.env = self.log = None
        self._settings = settings

    def _forked(self) -> None:
        if self.log is not None:
            self.log.abandon()
        self.env = self.log = None

    def _ended(self) -> None:
        if self.log is not None:
            self.log.last_words()


PROCESS = Process()


def writable_home(home: str) -> str:
    """Return the directory to record in: `home`, or where that cannot be written a private one.

    Makes the directory (mode 0700) where it is missing; warns once where it falls back.
    """
    try:
        _make_home(home)
    except OSError as error:
        fallback = os.path.join(
            os.environ.get("TMPDIR", "/tmp"),  # noqa: S108  made private and checked below
            f"flowstone-{os.getuid()}",
        )
        try:
            _make_home(fallback)
            _check_private(fallback)
        except OSError:
            return home  # the log says that it cannot be written, and keeps records in memory
        warnings.warn(
            f"The home {home} cannot be written ({error.strerror}); runs are recorded in "
            f"{fallback}. To see them: FLOWSTONE_HOME={fallback} flowstone flow-run ls",
            RuntimeWarning,
            stacklevel=2,
        )
        return fallback
    return home


def _make_home(home: str) -> None:
    logs = os.path.join(home, "logs")
    os.makedirs(home, mode=0o700, exist_ok=True)
    os.makedirs(logs, mode=0o700, exist_ok=True)
    if not os.access(logs, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", logs)


def _check_private(path: str) -> None:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(13, "Somebody else could write there", path)


def _draw() -> float:
    """Return a random number from [0, 1). The module `random` would cost each start 2 ms."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)
