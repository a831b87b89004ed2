"""What this process's runs use: its settings, its log, its voice. Built once, at the first run."""

from __future__ import annotations

import atexit
import os
import time
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING

from flowstone.settings import Settings, load

if TYPE_CHECKING:
    from flowstone.drive.limits.local import LocalLimits
    from flowstone.log.writer import LogWriter
    from flowstone.starting import Engine


class Process:
    """The settings and surroundings of this process."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.log: LogWriter | None = None
        self._settings: Settings | None = None
        self._lock = RLock()
        self._watches_forks = False
        self._is_watched = False
        self._began = time.monotonic()

    @property
    def settings(self) -> Settings:
        """The settings as the environment had them when they were first asked for."""
        if self._settings is None:
            self._settings = load(os.environ)
        return self._settings

    def start(self) -> Engine:
        """Return what runs tasks and flows, made at the first call and after a fork."""
        with self._lock:
            if self.engine is None:
                starting = import_module("flowstone.starting")
                engine: Engine = starting.start(self.settings, lambda: self.log, self._watch)
                self.log = engine.log
                if not self._watches_forks:
                    self._watches_forks = True
                    os.register_at_fork(after_in_child=self._forked)
                    atexit.register(self._ended)
                self.engine = engine
            return self.engine

    @property
    def limits(self) -> LocalLimits:
        """The limits of the home in which runs are recorded."""
        if self.log is not None:
            home = os.path.dirname(self.log.directory)
        else:
            home = import_module("flowstone.homes").writable_home(self.settings.home)
        local = import_module("flowstone.drive.limits.local")
        limits: LocalLimits = local.local_limits(os.path.join(home, "limits"))
        return limits

    def restart(self, settings: Settings | None = None) -> None:
        """Forget everything; the next run begins a new log, with these settings if given."""
        self.engine = self.log = None
        self._settings = settings

    def _watch(self) -> None:
        """Let others cancel runs of this process: one thread a process, whatever its log is."""
        if not self._is_watched:
            self._is_watched = True
            import_module("flowstone.starting").watch_control(lambda: self.log)

    def _forked(self) -> None:
        if self.log is not None:
            self.log.abandon()
        self.engine = self.log = None
        self._is_watched = False
        self._lock = RLock()

    def _ended(self) -> None:
        if self.log is None:
            return
        self.log.last_words()
        import_module("flowstone.tidying").tidy_up(self.log, time.monotonic() - self._began)


PROCESS = Process()
