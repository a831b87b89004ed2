"""Makes what this process's runs use; loaded with the first run, so that declaring stays cheap."""

from __future__ import annotations

import logging
import os
import sys
import time
from _thread import start_new_thread
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstone.core.context import RunContext
from flowstone.core.final import state_after
from flowstone.core.ids import IdSource
from flowstone.core.outcome import Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import State
from flowstone.drive import capture, console, executors, logging_setup
from flowstone.drive.awaiting import AWAITING, Awaiting
from flowstone.drive.blocking import BLOCKING, Blocking, tell
from flowstone.drive.long_lines import LongLines
from flowstone.drive.reporting import LoggingReporter, Onlooker
from flowstone.drive.stopper import STOPPER
from flowstone.engine.flow_run import flow_run
from flowstone.engine.ops import Env, Recorder, Shelf
from flowstone.engine.task_run import task_run
from flowstone.log.writer import LogWriter
from flowstone.settings import Settings
from flowstone.version import __version__
from flowstone.wiring.homes import writable_home
from flowstone.wiring.limits import limits_of

if TYPE_CHECKING:
    from flowstone.core.upstream import Slots
    from flowstone.drive.limits.local import LocalLimits
    from flowstone.drive.limits.remote import RemoteLimits
    from flowstone.drive.shelves import Shelves
    from flowstone.log.courier import Courier
    from flowstone.log.shipper import Shipper

_logger = logging.getLogger("flowstone")
_UNWATCHED = 0.5
"""Seconds at the beginning in which nothing that is asked is heard."""


class Engine(NamedTuple):
    """What runs tasks and flows in this process: the stories, the drivers, the surroundings."""

    env: Env
    log: LogWriter
    task_run: Callable[..., Coroutine[Any, Any, Outcome]] = task_run
    flow_run: Callable[..., Coroutine[Any, Any, Outcome]] = flow_run
    new_task_run: type[TaskRun] = TaskRun
    new_flow_run: type[FlowRun] = FlowRun
    blocking: Blocking = BLOCKING
    awaiting: Awaiting = AWAITING
    tell: Callable[..., Outcome] = tell
    state_after: Callable[[Any, Outcome], State] = state_after
    shipper: Shipper | None = None
    """What sends the log to a server, where it has one."""


def start(
    settings: Settings,
    recorder: Callable[[], Recorder | None],
    begun: Callable[[], object],
    now: Callable[[], int] = time.time_ns,
    log: LogWriter | None = None,
) -> Engine:
    """Return what runs the tasks and flows of this process.

    `recorder` gives the log of the moment; log lines written within runs go there. `begun` is
    called when the log is there. `now` is the runs' clock, in nanoseconds since 1970. `log` is
    the log to record in, None for a new one.
    """
    home = writable_home(settings.home)
    heed_lines(settings, home, recorder)
    executors.carry_runs()
    if settings.logging.log_prints:
        capture.redirect_print()
    ids = IdSource(os.urandom(16))
    shipper = None
    if log is None:
        log, shipper = _new_log(home, settings, ids.new(time.time_ns()), now, begun)
    results, of_tasks = settings.results, settings.tasks.default_persist_result
    persists = results.persist_by_default or results.default_storage is not None
    env = Env(
        log=log,
        report=LoggingReporter(_display(settings, log) if settings.live else None),
        now=now,
        draw=_draw,
        new_id=ids.new,
        watch=STOPPER,
        limits=_TagLimits(os.path.join(os.path.dirname(log.directory), "limits"), settings),
        results=_Results(os.path.dirname(log.directory), settings),
        persists=persists,
        tasks_persist=persists if of_tasks is None else of_tasks,
        all_tasks_persist=of_tasks,
        log_prints=settings.logging.log_prints,
        stop_grace=settings.flows.stop_grace_seconds,
    )
    return Engine(env, log, shipper=shipper)


def heed_lines(settings: Settings, home: str, recorder: Callable[[], Recorder | None]) -> None:
    """Show and record what is logged as these settings say, in the home that is written to."""
    logging_setup.set_up(settings.logging, settings.home, os.environ)
    long_lines = LongLines(home, settings.logging.max_line_bytes)
    capture.capture_logging(capture.Capture(recorder, long_lines))


def _new_log(
    home: str,
    settings: Settings,
    log_id: bytes,
    now: Callable[[], int],
    begun: Callable[[], object],
) -> tuple[LogWriter, Shipper | None]:
    """Return a new log, and what sends it where the settings name a server."""
    shipper: Shipper | None = None

    def log_begun() -> None:
        begun()
        if shipper is not None:
            shipper.begin()

    log = LogWriter(
        os.path.join(home, "logs"),
        log_id,
        version=__version__,
        now=now,
        sync=settings.log.sync,
        segment_bytes=settings.log.segment_bytes,
        backlog_bytes=settings.log.buffer_bytes,
        begun=log_begun,
        destination=settings.api.url,
    )
    if settings.api.url is not None:
        shipper = _new_shipper(settings, log)
    return log, shipper


def _new_shipper(settings: Settings, log: LogWriter) -> Shipper:
    """Return what sends a log to a server, stops the runs that it asks for, and adopts orphans."""
    api, home = settings.api, os.path.dirname(log.directory)

    def adopt(courier: Courier) -> None:
        # By name: few homes have something to adopt, and the store lies above this layer.
        if any(not name.startswith((log.id.hex(), ".")) for name in os.listdir(log.directory)):
            import_module("flowstone.store.orphans").send_orphans(home, courier)

    # By name: what sends is loaded where there is a server.
    sending = import_module("flowstone.log.shipper")
    to = sending.Destination(
        url=api.url, key=api.key, cert_file=api.ssl_cert_file, exit_seconds=api.exit_seconds
    )
    shipper: Shipper = sending.Shipper(
        log.directory,
        log.id,
        to,
        has_open=lambda: log.open_runs(0, 0)[0] > 0,
        cancel=lambda run, message: import_module("flowstone.drive.control").cancel(
            log, run, message
        ),
        adopt=adopt,
    )
    return shipper


class _TagLimits:
    """The limits of tags, loaded for the first run that has a tag."""

    gives_places = False

    def __init__(self, directory: str, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._limits: LocalLimits | RemoteLimits | None = None

    def holding(self, tags: Sequence[str], label: str) -> Slots | None:
        """Ask for a slot of each limit that these tags have; None where they have none."""
        limits = self._limits
        if limits is None:
            self._limits = limits = limits_of(self._settings, self._directory)
        return limits.holding(tags, label)


class _Results:
    """Where results are kept, loaded for the first run that keeps one."""

    def __init__(self, home: str, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._shelves: Shelves | None = None

    def shelf(self, context: RunContext) -> Shelf:
        """Return where the result of a run goes. Raises where what was asked for cannot be."""
        if self._shelves is None:
            self._shelves = self._made()
        return self._shelves.shelf(context)

    def _made(self) -> Shelves:
        settings, evictor = self._settings.results, None
        place = settings.default_storage or settings.local_storage_path
        if settings.max_age_seconds is not None or settings.max_bytes is not None:
            eviction = import_module("flowstone.results.eviction")
            bounds = eviction.Bounds(
                max_age_seconds=settings.max_age_seconds, max_bytes=settings.max_bytes
            )
            evictor = eviction.Evictor(bounds, os.path.join(self._home, "evictions"))
        shelves: Shelves = import_module("flowstone.drive.shelves").Shelves(
            self._home,
            place or os.path.join(self._home, "results"),
            settings.default_serializer,
            refresh=self._settings.tasks.refresh_cache,
            sync=self._settings.log.sync == "always",
            evictor=evictor,
        )
        return shelves


def watch_control(current: Callable[[], LogWriter | None]) -> None:
    """Let a thread look at what others ask of the current log, from half a second on.

    A process that ends sooner pays for the thread's start alone: 0.1 ms, where `threading` takes
    0.4 ms because it waits for the thread to be there.
    """
    try:
        start_new_thread(_watch_control, (current,))
    except RuntimeError as error:  # no thread is to be had; the runs themselves need none
        _logger.warning("Runs of this process cannot be cancelled from elsewhere: %s", error)


def _watch_control(current: Callable[[], LogWriter | None]) -> None:
    time.sleep(_UNWATCHED)
    import_module("flowstone.drive.control").watch(current)


def _display(settings: Settings, log: LogWriter) -> Onlooker | None:
    """Return the live display, where this process has a terminal for one."""
    # By name: a run without a display loads none of it.
    terminal = import_module("flowstone.drive.live.switch").terminal_of(sys.stderr, os.environ)
    if terminal is None:
        return None
    colors = settings.logging.colors
    display: Onlooker | None = import_module("flowstone.drive.live.display").start(
        terminal,
        log.open_runs,
        colors=console.wants_color(sys.stderr) if colors is None else colors,
    )
    return display


def _draw() -> float:
    """Return a random number from [0, 1). The module `random` would cost each start 2 ms."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)
