"""What a server does without being asked: each a function, a period, and a deadline that is kept.

Every service has a thread of its own, so that none waits for another or for a request. One that
fails says so and is tried again, for ever; one that has not come to its end for as long as its
deadline makes the server not ready.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import msgspec

from flowstone.server.audit import Audit
from flowstone.server.watching import Watch
from flowstone.settings import RetentionSettings
from flowstone.store.databases import Database
from flowstone.store.retention import prune_when_due
from flowstone.store.silence import LeaseJudge

_LOGGER = logging.getLogger("flowstone.server")
_AFTER_FAILURE = 1.0
_MINUTE = 60.0
_HOUR = 3600.0
_LONGEST_GOODBYE = 1.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do again and again: `period` and `deadline` are seconds.

    The deadline is how long ago it may have come to its end at most. `is_quick` services are done
    once more when the server ends.
    """

    name: str
    work: Callable[[], object]
    period: float
    deadline: float
    is_quick: bool = False


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes with a service: `age` is how many seconds ago it last came to its end."""

    name: str
    is_late: bool
    age: float
    runs: int
    failures: int
    error: str


class Loop:
    """Does one service in a thread."""

    def __init__(self, service: Service, stop: threading.Event) -> None:
        self.service = service
        self._stop = stop
        self._done_at = time.monotonic()
        self._runs = 0
        self._failures = 0
        self._error = ""
        self.thread = threading.Thread(
            target=self._go_on, name=f"flowstone-{service.name}", daemon=True
        )

    @property
    def state(self) -> ServiceState:
        """How it goes."""
        age = time.monotonic() - self._done_at
        return ServiceState(
            name=self.service.name,
            is_late=age > self.service.deadline,
            age=age,
            runs=self._runs,
            failures=self._failures,
            error=self._error,
        )

    def _go_on(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = self.service.period if self._do() else max(self.service.period, _AFTER_FAILURE)
        if self.service.is_quick:
            self._do()

    def _do(self) -> bool:
        try:
            self.service.work()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if text != self._error:  # a database that is away for an hour is one line, not 3600
                _LOGGER.exception("%s failed; it is tried again.", self.service.name)
            self._error, self._failures = text, self._failures + 1
            return False
        if self._error:
            _LOGGER.warning("%s works again.", self.service.name)
        self._error = ""
        self._done_at = time.monotonic()
        self._runs += 1
        return True


class Services:
    """What one server does by itself."""

    def __init__(
        self, database: Database, audit: Audit, retention: RetentionSettings | None = None
    ) -> None:
        """Take the database, and for how long what is in it is kept: by default as usual."""
        self._stop = threading.Event()
        self._collector = Collector(database)
        self._loops = [
            Loop(service, self._stop)
            for service in services_of(
                database, self._collector, audit, retention or RetentionSettings()
            )
        ]

    def start(self) -> None:
        """Begin all of them."""
        for loop in self._loops:
            loop.thread.start()

    def add(self, service: Service) -> None:
        """Do one thing more from now on."""
        loop = Loop(service, self._stop)
        self._loops.append(loop)
        loop.thread.start()

    def stop(self) -> None:
        """End them; one that does not end within a second is left behind."""
        self._stop.set()
        until = time.monotonic() + _LONGEST_GOODBYE
        for loop in self._loops:
            loop.thread.join(max(0.0, until - time.monotonic()))

    @property
    def records(self) -> int:
        """How many records of the home's logs were applied."""
        return self._collector.records

    @property
    def states(self) -> list[ServiceState]:
        """How it goes with each."""
        return [loop.state for loop in self._loops]


class Collector:
    """Applies what the logs of the home hold, as they grow."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watch = Watch(database.home)
        self.records = 0
        """How many records were applied so far."""

    def step(self) -> None:
        """Look whether a log has grown, and apply what it holds."""
        if not self._watch.has_grown():
            return
        self._watch.note()
        try:
            collected = self._database.collect()
        except BaseException:
            self._watch.forget()
            raise
        self.records += collected.records
        if collected.as_of is not None:
            self._watch.forget()
            raise TimeoutError(collected.reason)


def services_of(
    database: Database, collector: Collector, audit: Audit, retention: RetentionSettings
) -> list[Service]:
    """Return what a server over this database does by itself."""

    def prune() -> None:
        prune_when_due(database, retention, time.time_ns())

    return [
        Service(name="collect", work=collector.step, period=0.05, deadline=30),
        Service(name="judge", work=LeaseJudge(database).judge, period=5, deadline=60),
        Service(name="audit", work=audit.write, period=1, deadline=60, is_quick=True),
        Service(name="sessions", work=audit.forget_old, period=_HOUR, deadline=3 * _HOUR),
        Service(name="tend", work=database.tend, period=_HOUR, deadline=3 * _HOUR),
        # It asks often whether it is time: an hour may have begun before this server did.
        Service(name="retention", work=prune, period=_MINUTE, deadline=3 * _HOUR),
    ]
