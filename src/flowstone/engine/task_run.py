"""The whole life of a task run."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import FlowContext, RunContext, current
from flowstone.core.declared import DeclaredTask
from flowstone.core.facts import TaskRunCreated
from flowstone.core.outcome import Err, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.upstream import SEEN
from flowstone.engine.attempts import attempt, crash
from flowstone.engine.inputs import Inputs, may_hold_inputs
from flowstone.engine.ops import Env, Ops
from flowstone.engine.ready import end_unready, name_run, take_inputs


async def task_run(
    spec: DeclaredTask,
    run: TaskRun,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ops: Ops,
    env: Env,
    wait_for: Any = None,
) -> Outcome:
    """Begin the run, take its inputs, name it, attempt it until it ends; return what it came to.

    A run that was submitted exists already, as Pending.
    """
    outer = current.get()
    flow = outer.flow if outer is not None else None
    log_prints = spec.log_prints
    if log_prints is None:
        log_prints = env.log_prints if outer is None else outer.log_prints
    context = RunContext(run, spec, outer, flow, log_prints=log_prints)
    current.set(context)
    try:
        now = env.now()
        if run.sequence < 0:
            identify(run, spec.name, flow, env.new_id(now))
        if (
            wait_for is not None
            or spec.run_name is not None
            or (SEEN.any and may_hold_inputs(args, kwargs))
        ):
            ready = await _prepare(context, args, kwargs, wait_for, ops, env, now)
            if isinstance(ready, Err):
                if run.sequence < 0:
                    env.log.opened(run, create(run, spec, outer, flow, env, now, running=False))
                return await end_unready(context, ready, ops, env)
            args, kwargs = ready.value
        if run.sequence < 0:
            env.log.opened(run, create(run, spec, outer, flow, env, now, running=True))
        else:
            env.log.append(run.start(env.now()))
        return await attempt(context, args, kwargs, ops, env)
    except BaseException as error:
        crash(run, context, error, env)
        raise
    finally:
        if current.get() is context:  # not where a dropped coroutine is closed in another context
            current.set(outer)


def identify(run: TaskRun, name: str, flow: FlowContext | None, key: bytes) -> None:
    """Give a run its id, and its name: the task's, in a flow run with a number behind it."""
    run.key = key
    if flow is not None:
        ordinal = flow.names.get(name, 0)
        flow.names[name] = ordinal + 1
        name = f"{name}-{ordinal}"
    run.name = name


async def _prepare(
    context: RunContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any,
    ops: Ops,
    env: Env,
    now: int,
) -> Outcome:
    spec, run, outer, flow = context.spec, context.run, context.outer, context.flow
    inputs = Inputs(spec.binding, args, kwargs, wait_for)
    if inputs.by_name and run.sequence < 0:
        env.log.opened(
            run, create(run, spec, outer, flow, env, now, running=False)
        )  # it waits, as Pending
    ready = await take_inputs(context, inputs, ops, env)
    if isinstance(ready, Err) or spec.run_name is None:
        return ready
    args, kwargs = ready.value
    return await name_run(context, args, kwargs, "task_run_name", ops, env)


def create(
    run: TaskRun,
    spec: DeclaredTask,
    outer: RunContext | None,
    flow: FlowContext | None,
    env: Env,
    now: int,
    *,
    running: bool,
) -> TaskRunCreated:
    """Begin the run's existence; return the fact to record."""
    return run.create(
        run.key,
        now,
        task=env.log.define(spec.definition),
        name=run.name,
        flow_run=flow.run.key if flow is not None else None,
        parent=outer.run.key if outer is not flow and outer is not None else None,
        tags=spec.run_tags,
        running=running,
    )
