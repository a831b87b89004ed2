"""What this process's runs use: its settings, its log, its voice. Built once, at the first run."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, cast

from flowstone.settings import Settings, load

if TYPE_CHECKING:
    from flowstone.core.stand_ins import StandIns
    from flowstone.drive.limits.local import LocalLimits
    from flowstone.drive.limits.remote import RemoteLimits
    from flowstone.log.shipper import Shipper
    from flowstone.log.writer import LogWriter
    from flowstone.wiring.starting import Engine


class Surroundings:
    """Settings and a clock (`now`: nanoseconds since 1970), and the engine and log made of them.

    Where they are `beside` others they share their log.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        now: Callable[[], int] = time.time_ns,
        beside: Surroundings | None = None,
    ) -> None:
        self.engine: Engine | None = None
        self.log: LogWriter | None = None
        self.now = now
        self.beside = beside
        self._settings = settings

    @property
    def own_settings(self) -> Settings:
        """The settings given, else as their sources had them when they were first asked for."""
        if self._settings is None:
            self._settings = load(os.environ)
        return self._settings

    def restart(self, settings: Settings | None = None) -> None:
        """Forget everything; the next run begins a new log, with these settings if given."""
        self.engine = self.log = None
        self._settings = settings


class Process(Surroundings):
    """The surroundings of this process's runs, while no others stand in for them.

    While some do, `engine` is None, so that each run asks `start` for its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._aside: Engine | None = None
        self._others: StandIns[Surroundings] | None = None
        self._lock = RLock()
        self._watches_forks = False
        self._is_watched = False
        self._began = time.monotonic()

    @property
    def here(self) -> Surroundings:
        """What stands in for these surroundings just here; themselves, where nothing does."""
        return (self._others.get() if self._others else None) or self

    @property
    def settings(self) -> Settings:
        """The settings of runs that begin here."""
        return self.here.own_settings

    @property
    def shipper(self) -> Shipper | None:
        """What sends the log of here to a server; None where nothing does, or nothing ran yet.

        It belongs to whoever made the log, which may be shared with what stands in beside it.
        """
        here = self.here
        while here.beside is not None:
            here = here.beside
        engine = here.engine or (self._aside if here is self else None)
        return None if engine is None else engine.shipper

    def start(self) -> Engine:
        """Return what runs tasks and flows, made at the first call and after a fork."""
        with self._lock:
            return self._start(self.here)

    def _start(self, here: Surroundings) -> Engine:
        is_aside = here is self and bool(self._others)
        engine = self._aside if is_aside else here.engine
        if engine is None:
            log = None if here.beside is None else self._start(here.beside).log
            starting = import_module("flowstone.wiring.starting")
            engine = cast(
                "Engine",
                starting.start(here.own_settings, self._log_here, self._watch, here.now, log),
            )
            here.log = engine.log
            if not self._watches_forks:
                self._watches_forks = True
                os.register_at_fork(after_in_child=self._forked)
                atexit.register(self._ended)
            if is_aside:
                self._aside = engine
            else:
                here.engine = engine
        return engine

    @contextmanager
    def within(self, others: Surroundings, *, everywhere: bool = True) -> Iterator[None]:
        """Let runs that begin in the `with` use other surroundings; their log ends with it.

        `everywhere` lets threads use them that have none of their own, too.
        """
        with self._lock:
            if self._others is None:
                self._others = import_module("flowstone.core.stand_ins").StandIns("surroundings")
            if not self._others:
                self._aside, self.engine = self.engine, None
            standing = self._others.standing(others, everywhere=everywhere)
            standing.__enter__()
        try:
            yield
        finally:
            with self._lock:
                standing.__exit__(None, None, None)
                if not self._others:
                    self.engine, self._aside = self._aside, None
                if others.engine is not None:
                    self._heed_lines(self.here)
            if others.log is not None and others.beside is None:
                others.log.flush()
                if others.engine is not None and others.engine.shipper is not None:
                    others.engine.shipper.leave()
                if not others.log.open_runs(0, 0)[0]:  # what goes on is still to be recorded
                    others.log.abandon()

    def join(self, others: Surroundings) -> None:
        """Let runs that begin in this context use others that stand in already."""
        if self._others is not None:
            self._others.join(others)

    def _heed_lines(self, here: Surroundings) -> None:
        """Have lines shown and recorded as before, where others had them otherwise."""
        if here.log is not None:
            home = os.path.dirname(here.log.directory)
            starting = import_module("flowstone.wiring.starting")
            starting.heed_lines(here.own_settings, home, self._log_here)

    def _log_here(self) -> LogWriter | None:
        """Return the log of what is said here; a block that has no run yet has none of its own."""
        here: Surroundings | None = self.here
        while here is not None:
            if here.log is not None:
                return here.log
            here = here.beside
        return self.log

    @property
    def limits(self) -> LocalLimits | RemoteLimits:
        """The limits of the server that runs are told to, else those of the home."""
        log = self.here.log
        if log is not None:
            home = os.path.dirname(log.directory)
        else:
            home = import_module("flowstone.wiring.homes").writable_home(self.settings.home)
        limits = import_module("flowstone.wiring.limits").limits_of(
            self.settings, os.path.join(home, "limits")
        )
        return cast("LocalLimits | RemoteLimits", limits)

    def restart(self, settings: Settings | None = None) -> None:
        """Forget everything; the next run begins a new log, with these settings if given."""
        here = self.here
        if here is self:
            self._aside = None
            super().restart(settings)
        else:
            here.restart(settings)

    def _watch(self) -> None:
        """Let others cancel runs of this process: one thread a process, whatever its log is."""
        if not self._is_watched:
            self._is_watched = True
            import_module("flowstone.wiring.starting").watch_control(lambda: self.here.log)

    def _forked(self) -> None:
        for one in (self, *(self._others.open if self._others else ())):
            if one.log is not None:
                one.log.abandon()
            one.engine = one.log = None
        self._aside = None
        self._is_watched = False
        self._lock = RLock()

    def _ended(self) -> None:
        if self.log is None:
            return
        self.log.last_words()
        engine = self.engine or self._aside
        if engine is not None and engine.shipper is not None:
            engine.shipper.finish()
        import_module("flowstone.wiring.tidying").tidy_up(self.log, time.monotonic() - self._began)


PROCESS = Process()
