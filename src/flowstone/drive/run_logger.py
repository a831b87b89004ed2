"""Loggers of runs: standard ones, whose records are marked with the run that they belong to."""

from __future__ import annotations

import logging
from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.ids import id_text
from flowstone.core.runs import FlowRun, TaskRun

TASK_RUNS = logging.getLogger("flowstone.task_runs")
FLOW_RUNS = logging.getLogger("flowstone.flow_runs")
KEYS = "_flowstone_run"
"""On a record: the keys of the flow run and of the task run that it belongs to. The underscore
keeps it out of what formatters of others show."""

Keys = tuple[bytes | None, bytes | None]


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that marks its records with a run."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Add the run's marks to those of the call."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def log_for(context: RunContext, **extra: Any) -> RunLogger:
    """Return the logger of a run."""
    logger = TASK_RUNS if isinstance(context.run, TaskRun) else FLOW_RUNS
    return RunLogger(logger, {**marks_of(context), KEYS: keys_of(context), **extra})


def marks_of(context: RunContext) -> dict[str, Any]:
    """Return what the records of a run say of it: ids as text, and names."""
    marks: dict[str, Any] = {}
    flow, run = context.flow, context.run
    if flow is not None:
        marks["flow_run_id"] = id_text(flow.run.key)
        marks["flow_run_name"] = flow.run.name
        marks["flow_name"] = flow.spec.name
    if isinstance(run, TaskRun):
        marks["task_run_id"] = id_text(run.key)
        marks["task_run_name"] = run.name
        marks["task_name"] = context.spec.name
    else:
        marks["deployment_name"] = None
    return marks


def keys_of(context: RunContext) -> Keys:
    """Return the keys by which the log knows a run."""
    run, flow = context.run, context.flow
    if isinstance(run, FlowRun):
        return run.key, None
    return flow.run.key if flow is not None else None, run.key
