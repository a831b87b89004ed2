"""Where code of the public face records and reads: the log, the home and the runs of here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flowstone.core.context import current
from flowstone.core.runs import TaskRun
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.wiring.starting import Engine


def engine_here() -> Engine:
    """Return what runs that begin here use, their log among it."""
    return PROCESS.engine or PROCESS.start()


def home_here() -> Path:
    """Return the home in which runs that begin here are recorded."""
    return Path(os.path.dirname(engine_here().log.directory))


def runs_here() -> tuple[bytes | None, bytes | None]:
    """Return the keys of the flow run and of the task run that this code belongs to."""
    context = current.get()
    if context is None:
        return None, None
    flow = None if context.flow is None else context.flow.run.key
    return flow, context.run.key if isinstance(context.run, TaskRun) else None
