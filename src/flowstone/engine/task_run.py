"""The whole life of a task run."""

from __future__ import annotations

from typing import Any

from flowstone.annotations import SEEN
from flowstone.core.context import NO_INPUTS, FlowContext, RunContext, current, tags_of
from flowstone.core.declared import DeclaredTask
from flowstone.core.facts import TaskRunCreated
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import TaskRun
from flowstone.engine.attempts import attempt, crash
from flowstone.engine.inputs import (
    Awaited,
    Inputs,
    inputs_found,
    known_inputs,
    may_hold_inputs,
)
from flowstone.engine.ops import Env, Ops
from flowstone.engine.ready import end_unready, name_run, take_inputs
from flowstone.engine.slots import ask_for_slots, wait_for_slots


async def task_run(  # noqa: C901, PLR0912  the whole life, in the order in which it happens
    spec: DeclaredTask,
    run: TaskRun,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ops: Ops,
    env: Env,
    wait_for: Any = None,
    inputs: Inputs | None = None,
) -> Outcome:
    """Begin the run, take its inputs, name it, attempt it until it ends; return what it came to.

    A run that was submitted exists already, as Pending, and with the `inputs` that were known.
    """
    outer = current.get()
    flow = outer.flow if outer is not None else None
    log_prints = spec.log_prints
    if log_prints is None:
        log_prints = env.log_prints if flow is None else flow.log_prints
    run.handle = context = RunContext(run, spec, outer, flow, log_prints)
    current.set(context)
    known = NO_INPUTS
    try:
        now = env.now()
        if run.sequence < 0:
            identify(run, spec, flow, env.new_id(now))
        if inputs is not None:
            context.inputs = inputs
        elif flow is not None and flow.origins:
            context.inputs = known = known_inputs(flow, spec.binding, args, kwargs, wait_for)
        if (
            wait_for is not None
            or spec.run_name is not None
            or run.tags
            or (SEEN.any and may_hold_inputs(args, kwargs))
        ):
            ready = await _prepare(context, args, kwargs, wait_for, ops, env, now)
            if isinstance(ready, Err):
                return await _end_unready(context, ready, ops, env, now)
            args, kwargs = ready.value
        if run.sequence < 0:
            env.log.opened(run, create(run, spec, outer, flow, env, now, running=True))
        else:
            env.log.append(run.start(env.now()))
        if known:
            env.log.append(inputs_found(run.key, known))
        context.call = args, kwargs
        outcome = await attempt(context, args, kwargs, ops, env)
        if flow is not None and type(outcome) is Ok and outcome.value is not None:
            flow.origins.add(outcome, run, spec.name)
        return outcome  # noqa: TRY300  it reads better in its place
    except BaseException as error:
        if (ended := await crash(context, error, ops, env)) is not None:
            return ended
        raise
    finally:
        run.handle = None
        # A submitted run has its own context; a dropped coroutine may be closed in another one.
        if inputs is None and current.get() is context:
            current.set(outer)


def identify(run: TaskRun, spec: DeclaredTask, flow: FlowContext | None, key: bytes) -> None:
    """Give a run its id, its tags and its name: in a flow run the task's with a number behind."""
    run.key, run.tags, name = key, tags_of(spec.run_tags, flow), spec.name
    if flow is not None:
        ordinal = flow.names[name]  # no call stands between this line and the next: see `tally`
        flow.names[name] = ordinal + 1
        name = f"{name}-{ordinal}"
    run.name = name


async def _end_unready(context: RunContext, ready: Err, ops: Ops, env: Env, now: int) -> Outcome:
    run, outer, flow = context.run, context.outer, context.flow
    if run.sequence < 0:
        env.log.opened(run, create(run, context.spec, outer, flow, env, now, running=False))
    return await end_unready(context, ready, ops, env)


async def _prepare(
    context: RunContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any,
    ops: Ops,
    env: Env,
    now: int,
) -> Outcome:
    """Take the inputs, name the run, take the slots of its tags; return the body's arguments."""
    spec, run, outer, flow = context.spec, context.run, context.outer, context.flow

    def exist() -> None:
        if run.sequence < 0:  # it waits, as Pending
            env.log.opened(run, create(run, spec, outer, flow, env, now, running=False))

    inputs = Awaited(context, args, kwargs, wait_for, env)
    if inputs.by_name:
        exist()
    ready = await take_inputs(context, inputs, ops, env)
    if isinstance(ready, Ok) and spec.run_name is not None:
        context.call = args, kwargs = ready.value
        ready = await name_run(context, args, kwargs, "task_run_name", ops, env)
    if isinstance(ready, Ok) and (slots := ask_for_slots(context, env)) is not None:
        exist()
        ready = await wait_for_slots(context, slots, ops, env) or ready
    return ready


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
        now,
        env.log.define(spec.definition),
        flow.run.key if flow is not None else None,
        outer.run.key if outer is not flow and outer is not None else None,
        running=running,
    )
