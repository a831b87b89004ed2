"""The whole life of a task run."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from flowstone.annotations import SEEN
from flowstone.core.context import (
    NO_INPUTS,
    FlowContext,
    RunContext,
    get_current,
    get_tags_around,
    get_transaction_around,
    set_current,
    tags_of,
)
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
    remember,
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

    A submitted run has its id, its name and its known `inputs`; where it had to wait it exists too.
    """
    outer = get_current()
    flow = outer.flow if outer is not None else None
    prints, keeps = spec.log_prints, spec.persists
    prints = (env if flow is None else flow).log_prints if prints is None else prints
    keeps = (env if flow is None else flow).tasks_persist if keeps is None else keeps
    run.handle = context = RunContext(run, spec, outer, flow, prints)
    set_current(context)
    known, is_begun = NO_INPUTS, False
    try:
        now = env.now()
        if not run.key:
            identify(run, spec, flow, env.new_id(now))
        if inputs is not None:
            context.inputs = inputs
        elif flow is not None and flow.origins:
            context.inputs = known = known_inputs(flow, spec.binding, args, kwargs, wait_for)
        acts = spec.on_commit_hooks or spec.on_rollback_hooks or get_transaction_around()
        has_more = wait_for is not None or spec.run_name is not None or run.tags or keeps or acts
        if has_more or (SEEN.any and may_hold_inputs(args, kwargs)):
            if has_more and inputs is not None:
                _exist(context, env, now)  # others may ask about it, however long this takes
            ready = await _prepare(context, args, kwargs, wait_for, ops, env, now, keeps=keeps)
            if type(ready) is not Ok:
                return await _end_early(context, ready, known, ops, env, now)
            args, kwargs = ready.value
        if run.sequence < 0:
            env.log.opened(run, create(run, spec, outer, flow, env, now, running=True))
        else:
            env.log.append(run.start(env.now()))
        is_begun = True
        if known:
            env.log.append(inputs_found(run.key, known))
        context.call = args, kwargs
        outcome = await attempt(context, args, kwargs, ops, env)
        if flow is not None and type(outcome) is Ok and outcome.value is not None:
            flow.origins.add(outcome, run, spec.name)
        return outcome  # noqa: TRY300  it reads better in its place
    except BaseException as error:
        if (ended := await crash(context, error, ops, env, is_begun=is_begun)) is not None:
            return ended
        raise
    finally:
        run.handle = None
        # A submitted run has its own context; a dropped coroutine may be closed in another one.
        if inputs is None and get_current() is context:
            set_current(outer)


def identify(run: TaskRun, spec: DeclaredTask, flow: FlowContext | None, key: bytes) -> None:
    """Give a run its id, its tags and its name: in a flow run the task's with a number behind."""
    run.key, run.tags, name = key, spec.run_tags, spec.name
    if get_tags_around() or (flow is not None and flow.run.tags):
        run.tags = tags_of(run.tags, flow)
    if flow is not None:
        ordinal = flow.names[name]  # no call stands between this line and the next: see `tally`
        flow.names[name] = ordinal + 1
        name = f"{name}-{ordinal}"
        run.flow_run_run_count = flow.run.run_count
    run.name = name


async def _end_early(
    context: RunContext, ready: Any, known: Inputs, ops: Ops, env: Env, now: int
) -> Outcome:
    """End a run whose body does not run: it cannot, or its result was found (a `KeptRun`)."""
    run, spec, outer, flow = context.run, context.spec, context.outer, context.flow
    is_found = not isinstance(ready, Err)
    if run.sequence < 0:
        env.log.opened(run, create(run, spec, outer, flow, env, now, running=is_found))
    elif is_found:
        env.log.append(run.start(env.now()))
    if isinstance(ready, Err):
        return await end_unready(context, ready, ops, env)
    if known:
        env.log.append(inputs_found(run.key, known))
    return remember(flow, run, spec.name, await ready.deliver(ops))


async def _prepare(
    context: RunContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any,
    ops: Ops,
    env: Env,
    now: int,
    *,
    keeps: bool,
) -> Any:
    """Take the inputs, name the run, look for its result, take slots, begin its transaction.

    Returns the body's arguments, or why they cannot be had, or the `KeptRun` that found its result.
    """
    spec = context.spec

    def exist() -> None:
        _exist(context, env, now)

    ready: Outcome = Ok((args, kwargs))
    if wait_for is not None or (SEEN.any and may_hold_inputs(args, kwargs)):
        inputs = Awaited(context, args, kwargs, wait_for, env)
        if inputs.by_name:
            exist()
        ready = await take_inputs(context, inputs, ops, env)
    if isinstance(ready, Ok) and spec.run_name is not None:
        context.call = args, kwargs = ready.value
        ready = await name_run(context, args, kwargs, "task_run_name", ops, env)
    if keeps and isinstance(ready, Ok):
        found = await _caching().look_up(context, ready, exist, ops, env)
        if found is not ready:
            return found
    if isinstance(ready, Ok) and (slots := ask_for_slots(context, env)) is not None:
        exist()
        ready = await wait_for_slots(context, slots, ops, env) or ready
    acts = spec.on_commit_hooks or spec.on_rollback_hooks or get_transaction_around()
    if acts and isinstance(ready, Ok):
        spec.begin_transaction(context)
    return ready


def _exist(context: RunContext, env: Env, now: int) -> None:
    """Begin the run's existence, as Pending, if it has none."""
    run, outer, flow = context.run, context.outer, context.flow
    if run.sequence < 0:
        env.log.opened(run, create(run, context.spec, outer, flow, env, now, running=False))


@cache
def _caching() -> Any:
    """Return the module that keeps results; programs that keep none never load it."""
    return import_module("flowstone.engine.caching")


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
