"""Loggers of runs: `get_run_logger()` and its kin."""

from __future__ import annotations

import logging
from typing import Any

from flowstone.core.context import RunContext, current
from flowstone.drive.capture import RunLogger, log_for


def get_run_logger(context: Any = None, **extra: Any) -> RunLogger:
    """Return the logger of the current run; what it writes is shown and kept with the run.

    `extra` is added to each record. Outside of a run it is the plain logger `flowstone`, so code
    that logs works everywhere. Raises `TypeError` for a `context` that is no run's context.
    """
    context = getattr(context, "inner", context)  # what `get_run_context` gives
    if context is None:
        context = current.get()
        if context is None:
            return RunLogger(logging.getLogger("flowstone"), extra)
    elif not isinstance(context, RunContext):
        message = f"`context` must be the context of a run; got {type(context).__name__}."
        raise TypeError(message)
    return log_for(context, **extra)


def get_logger(name: str | None = None) -> logging.Logger:
    """Return the logger `flowstone`, or the one of that name below it."""
    if name is None or name == "flowstone":
        return logging.getLogger("flowstone")
    return logging.getLogger(f"flowstone.{name.removeprefix('flowstone.')}")


__all__ = ["get_logger", "get_run_logger"]
