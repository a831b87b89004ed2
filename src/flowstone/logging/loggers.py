"""Loggers of runs, for their bodies and their hooks; and what silences or overhears loggers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowstone.core.context import RunContext, current
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.drive.console import message_of
from flowstone.drive.logging_setup import set_up
from flowstone.drive.run_logger import FLOW_RUNS, KEYS, TASK_RUNS, RunLogger, log_for
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.core.declared import DeclaredFlow, DeclaredTask

_UNKNOWN = "<unknown>"


def get_run_logger(context: Any = None, **extra: Any) -> RunLogger:
    """Return the logger of the current run; what it writes is shown and kept with the run.

    `extra` is added to each record. Outside of a run it is the plain logger `flowstone`, so code
    that logs works everywhere; a disabled one within `disable_run_logger()`. Raises `TypeError` for
    a `context` that is no run's context.
    """
    context = getattr(context, "inner", context)  # what `get_run_context` gives
    if context is None:
        context = current.get()
        if context is None:
            is_disabled = TASK_RUNS.disabled and FLOW_RUNS.disabled
            return RunLogger(FLOW_RUNS if is_disabled else get_logger(), extra)
    elif not isinstance(context, RunContext):
        message = f"`context` must be the context of a run; got {type(context).__name__}."
        raise TypeError(message)
    return log_for(context, **extra)


def get_logger(name: str | None = None) -> logging.Logger:
    """Return the logger `flowstone`, or the one of that name below it."""
    settings = PROCESS.settings
    set_up(settings.logging, settings.home, os.environ)
    if name is None or name == "flowstone":
        return logging.getLogger("flowstone")
    return logging.getLogger(f"flowstone.{name.removeprefix('flowstone.')}")


def flow_run_logger(flow_run: FlowRun, flow: DeclaredFlow | None = None, **extra: Any) -> RunLogger:
    """Return the logger of this flow run, for its hooks for instance.

    `extra` is added to each record, in place of what the run says where it has the same name.
    """
    marks = {
        "flow_run_id": str(flow_run.id),
        "flow_run_name": flow_run.name,
        "flow_name": flow.name if flow is not None else _UNKNOWN,
        "deployment_name": None,
        KEYS: (flow_run.key, None),
    }
    return RunLogger(FLOW_RUNS, {**marks, **extra})


def task_run_logger(
    task_run: TaskRun,
    task: DeclaredTask | None = None,
    flow_run: FlowRun | None = None,
    flow: DeclaredFlow | None = None,
    **extra: Any,
) -> RunLogger:
    """Return the logger of this task run, for its hooks for instance.

    Its flow run and flow are those of the code that asks, where they are the task run's own and
    nothing else is given. `extra` is added to each record.
    """
    around = current.get()
    context = around.flow if around is not None else None
    if flow_run is None and context is not None and context.run.key == task_run.flow_run_key:
        flow_run, flow = context.run, context.spec
    marks = {
        "task_run_id": str(task_run.id),
        "task_run_name": task_run.name,
        "task_name": task.name if task is not None else _UNKNOWN,
        KEYS: (task_run.flow_run_key, task_run.key),
    }
    if flow_run is not None:
        marks["flow_run_id"] = str(flow_run.id)
        marks["flow_run_name"] = flow_run.name
        marks["flow_name"] = flow.name if flow is not None else _UNKNOWN
    return RunLogger(TASK_RUNS, {**marks, **extra})


@contextmanager
def disable_logger(name: str) -> Iterator[None]:
    """Keep the logger of this name silent within the block."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Keep the loggers of all runs silent within the block, as a test of a function may wish."""
    with disable_logger(FLOW_RUNS.name), disable_logger(TASK_RUNS.name):
        yield


class LogEavesdropper(logging.Handler):
    """Hears what a logger, and those below it, write within a `with` block; `text()` gives it.

    It hears records of `level` and above, but no more than the logger's own level lets through.
    """

    def __init__(self, eavesdrop_on: str, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._logger = logging.getLogger(eavesdrop_on)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self._lines.clear()
        self._logger.addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hear one record."""
        self._lines.append(f"[{record.levelname}]: {message_of(record)}")

    def text(self) -> str:
        """Return the lines heard so far."""
        return "\n".join(self._lines)


__all__ = [
    "LogEavesdropper",
    "disable_logger",
    "disable_run_logger",
    "flow_run_logger",
    "get_logger",
    "get_run_logger",
    "task_run_logger",
]
