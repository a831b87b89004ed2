"""What is logged and printed within a run becomes part of its record.

Two hooks, each put in once a process, with the first run (`logging`) or the first run that has
`log_prints` (`print`). Both look at the current run; outside of one they do nothing.
"""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from flowstone.core.context import RunContext, current
from flowstone.core.facts import LineLogged
from flowstone.core.plain import clean_text
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.drive.console import message_of
from flowstone.drive.seats import Lowered
from flowstone.engine.ops import Recorder

_DEBUGGERS = frozenset({"IPython", "bdb", "cmd", "code", "ipdb", "pdb", "pdbpp", "pudb"})
"""What these print is meant for the person at the terminal, whatever the run wants."""
_MOST = 1_000_000
"""Characters of one log line that are kept."""


def capture_logging(recorder: Callable[[], Recorder | None]) -> None:
    """Record every standard `logging` record that is written within a run.

    The hook sits where a logger hands a record to its handlers: behind levels and filters, and
    without a handler on the root logger, which would silence `basicConfig`.
    """
    original = logging.Logger.callHandlers
    if getattr(original, "captures", None) is not None:
        original.captures = recorder  # type: ignore[attr-defined]
        return

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        line = _line(record)
        log = call_handlers.captures()  # type: ignore[attr-defined]
        if line is not None and log is not None:
            with Lowered():
                log.append(line)
        original(self, record)

    call_handlers.captures = recorder  # type: ignore[attr-defined]
    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


def redirect_print() -> None:
    """Send what `print` writes to the terminal to the run's logger, where the run wants that."""
    original = builtins.print
    if getattr(original, "redirects", False):
        return

    def print_to_run(*values: Any, **options: Any) -> None:
        context = current.get()
        file = options.get("file")
        if (
            context is None
            or not context.log_prints
            or file not in (None, sys.stdout, sys.stderr)
            or _module_of(sys._getframe(1)) in _DEBUGGERS  # noqa: SLF001
        ):
            original(*values, **options)
            return
        separator = options.get("sep")
        text = (" " if separator is None else separator).join(map(str, values))
        log_for(context).info("%s", text, stacklevel=2)

    print_to_run.__doc__ = original.__doc__
    print_to_run.redirects = True  # type: ignore[attr-defined]
    builtins.print = print_to_run


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that marks its records with a run."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Add the run's marks to those of the call."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


_TASK_RUNS = logging.getLogger("flowstone.task_runs")
_FLOW_RUNS = logging.getLogger("flowstone.flow_runs")


def log_for(context: RunContext, **extra: Any) -> RunLogger:
    """Return the logger of a run."""
    logger = _TASK_RUNS if isinstance(context.run, TaskRun) else _FLOW_RUNS
    return RunLogger(logger, {**_marks(context), **extra})


def _marks(context: RunContext) -> dict[str, Any]:
    marks: dict[str, Any] = {}
    flow = context.flow
    if flow is not None:
        marks.update(
            flow_run_id=str(flow.run.id),
            flow_run_name=flow.run.name,
            flow_name=flow.spec.name,
        )
    if isinstance(context.run, TaskRun):
        run = context.run
        marks.update(task_run_id=str(run.id), task_run_name=run.name, task_name=context.spec.name)
    return marks


def _line(record: logging.LogRecord) -> LineLogged | None:
    context = getattr(record, "run_context", None) or current.get()
    if context is None or getattr(record, "send_to_api", True) is False:
        return None
    message = clean_text(message_of(record))
    if len(message) > _MOST:
        message = f"{message[:_MOST]}... [truncated]"
    run = context.run
    flow = run if isinstance(run, FlowRun) else context.flow.run if context.flow else None
    return LineLogged(
        flow.key if flow is not None else None,
        run.key if isinstance(run, TaskRun) else None,
        int(record.created * 1e9),
        record.levelno,
        clean_text(record.name),
        message,
    )
