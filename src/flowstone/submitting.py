"""Submits task runs to the runner of the flow run around the caller."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import FlowContext, current
from flowstone.core.declared import DeclaredTask
from flowstone.futures import FutureList
from flowstone.mapping import split
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.threads import Threads
from flowstone.wiring import PROCESS


def submit(
    task: DeclaredTask, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any
) -> TaskFuture:
    """Submit one run. Raises `ParameterBindError`, and `RuntimeError` outside of a flow run."""
    flow = _flow_around("submit")
    task.binding.check(args, kwargs)
    return _runner_of(flow).submit(
        task, args, kwargs, wait_for, (PROCESS.engine or PROCESS.start()).env
    )


def submit_each(
    task: DeclaredTask, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any
) -> FutureList[TaskFuture]:
    """Submit a run for each item of the iterable arguments; errors as `submit` and `split`."""
    flow = _flow_around("map")
    env = (PROCESS.engine or PROCESS.start()).env
    calls = split(task.binding, args, kwargs)
    first = next(calls, None)  # what is wrong with the arguments is said before anything begins
    if first is None:
        return FutureList()
    submit_one = _runner_of(flow).submit
    futures = FutureList([submit_one(task, *first, wait_for, env)])
    futures += [submit_one(task, *call, wait_for, env) for call in calls]
    return futures


def _flow_around(verb: str) -> FlowContext:
    context = current.get()
    if context is None or context.flow is None:
        message = (
            f"`.{verb}` needs a flow run around it. Call the task directly, or call it from a "
            "function with @flow; work that is to outlive its caller will be `.delay`ed."
        )
        raise RuntimeError(message)
    return context.flow


def _runner_of(flow: FlowContext) -> Threads:
    if flow.runner is None:
        given = flow.spec.task_runner
        flow.runner = Threads() if given is None else given.start()
    runner: Threads = flow.runner
    return runner
