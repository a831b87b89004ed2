"""Makes what this process's runs use; loaded with the first run, so that declaring stays cheap."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from flowstone.core.final import state_after
from flowstone.core.ids import IdSource
from flowstone.core.outcome import Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import State
from flowstone.drive import capture, console
from flowstone.drive.awaiting import AWAITING, Awaiting
from flowstone.drive.blocking import BLOCKING, Blocking
from flowstone.drive.reporting import LoggingReporter
from flowstone.engine.flow_run import flow_run
from flowstone.engine.ops import Env, Recorder
from flowstone.engine.steps import finish
from flowstone.engine.task_run import task_run
from flowstone.homes import writable_home
from flowstone.log.writer import LogWriter
from flowstone.settings import Settings
from flowstone.version import __version__


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
    finish: Callable[[Coroutine[Any, Any, Outcome]], Outcome] = finish
    state_after: Callable[[Any, Outcome], State] = state_after


def start(settings: Settings, recorder: Callable[[], Recorder | None]) -> Engine:
    """Return what runs the tasks and flows of this process.

    `recorder` gives the log of the moment; log lines written within runs go there.
    """
    console.install(settings.logging.level, colors=settings.logging.colors)
    capture.capture_logging(recorder)
    if settings.logging.log_prints:
        capture.redirect_print()
    ids = IdSource(os.urandom(16))
    log = LogWriter(
        os.path.join(writable_home(settings.home), "logs"),
        ids.new(time.time_ns()),
        version=__version__,
        sync=settings.log.sync,
        segment_bytes=settings.log.segment_bytes,
        backlog_bytes=settings.log.buffer_bytes,
    )
    env = Env(
        log=log,
        report=LoggingReporter(),
        now=time.time_ns,
        draw=_draw,
        new_id=ids.new,
        log_prints=settings.logging.log_prints,
    )
    return Engine(env, log)


def _draw() -> float:
    """Return a random number from [0, 1). The module `random` would cost each start 2 ms."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)
