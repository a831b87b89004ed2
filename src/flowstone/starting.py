"""Makes what this process's runs use; loaded with the first run, so that declaring stays cheap."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from flowstone.core.ids import IdSource
from flowstone.drive import capture, console
from flowstone.drive.reporting import LoggingReporter
from flowstone.engine.ops import Env, Recorder
from flowstone.homes import writable_home
from flowstone.log.writer import LogWriter
from flowstone.settings import Settings
from flowstone.version import __version__


def start(settings: Settings, recorder: Callable[[], Recorder | None]) -> tuple[Env, LogWriter]:
    """Return the surroundings of this process's runs, and the log that they write.

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
    return env, log


def _draw() -> float:
    """Return a random number from [0, 1). The module `random` would cost each start 2 ms."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)
