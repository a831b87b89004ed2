"""Homes in which a test's own process records its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowstone.settings import Settings
from flowstone.wiring.process import PROCESS


@contextmanager
def recording_in(home: Path) -> Iterator[Path]:
    """Record this process's runs in a home; its log is closed after, unless a run goes on."""
    before = PROCESS.engine, PROCESS.log, PROCESS._settings
    PROCESS.restart(Settings(home=str(home)))
    try:
        yield home
    finally:
        log = PROCESS.log
        PROCESS.engine, PROCESS.log, PROCESS._settings = before
        if log is not None and log is not before[1] and not log.open_runs(0, 0)[0]:
            log.flush()
            log.abandon()
