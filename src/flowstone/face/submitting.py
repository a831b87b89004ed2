"""Submits task runs to the runner of the flow run around the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstone.core.context import FlowContext, get_current
from flowstone.core.declared import DeclaredTask
from flowstone.core.stopping import STOPS
from flowstone.drive.seats import HERE, Lowered
from flowstone.face.declaring import get_drawing
from flowstone.face.mapping import Split
from flowstone.futures import FutureList
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.threads import Threads
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.task_runners import StartedRunner


def submit(
    task: DeclaredTask, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any
) -> TaskFuture:
    """Submit one run. Raises `ParameterBindError`, and `RuntimeError` outside of a flow run."""
    flow = _flow_around("submit")
    task.binding.check(args, kwargs)
    env = (PROCESS.engine or PROCESS.start()).env
    seat = HERE.seat  # what follows is as under `Lowered`, which costs two calls more
    scope, seat.scope = seat.scope, None
    try:
        if seat.sent:
            seat.settle()
        future = (flow.runner or _runner_of(flow)).submit(task, args, kwargs, wait_for, env)
    finally:
        seat.scope = scope
    if STOPS.any and scope is not None:
        seat.check(scope)
    return future


def submit_each(
    task: DeclaredTask, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Any
) -> FutureList:
    """Submit a run for each item of the iterable arguments; errors as `submit` and `Split`."""
    flow = _flow_around("map")
    env = (PROCESS.engine or PROCESS.start()).env
    calls = Split(task.binding, args, kwargs, flow)
    with Lowered():
        _count(flow, task.name, len(calls))
        submit_one = _runner_of(flow).submit
        return FutureList(submit_one(task, *call, wait_for, env, calls.inputs) for call in calls)


def _count(flow: FlowContext, task: str, number: int) -> None:
    """Note how many runs a `map` has; of two maps of a task that overlap, the sum."""
    ended = flow.ended.get(task, 0)
    total, before = flow.maps.get(task, (0, ended))
    if ended - before >= total:
        total, before = 0, ended
    flow.maps[task] = total + number, before


def _flow_around(verb: str) -> FlowContext:
    if (sketch := get_drawing()) is not None:
        sketch.refuse(verb)
    context = get_current()
    if context is None or context.flow is None:
        message = (
            f"`.{verb}` needs a flow run around it. Call the task directly, or call it from a "
            "function with @flow."
        )
        raise RuntimeError(message)
    if context.flow.run.is_over:
        message = (
            f"Flow run {context.flow.run.name!r} has ended; `.{verb}` would begin a task run that "
            "belongs to nobody. Submit while the flow runs, or call the task directly."
        )
        raise RuntimeError(message)
    return context.flow


def _runner_of(flow: FlowContext) -> StartedRunner:
    if flow.runner is None:
        given = flow.spec.task_runner
        flow.runner = Threads() if given is None else given.start()
    runner: StartedRunner = flow.runner
    return runner
