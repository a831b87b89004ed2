"""The whole life of a flow run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flowstone.annotations import SEEN
from flowstone.core.context import FlowContext, current, tags_of
from flowstone.core.declared import DeclaredFlow
from flowstone.core.facts import FlowRunCreated
from flowstone.core.naming import two_words
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.parameters import validate
from flowstone.core.plain import json_text
from flowstone.core.runs import FlowRun
from flowstone.engine.attempts import attempt, crash
from flowstone.engine.ending import stop_children
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
from flowstone.exceptions import ParameterTypeError


async def flow_run(
    spec: DeclaredFlow,
    run: FlowRun,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ops: Ops,
    env: Env,
    wait_for: Any = None,
) -> Outcome:
    """Take the inputs, check and name, attempt until it ends; return what its caller gets."""
    outer = current.get()
    around = outer.flow if outer is not None else None
    log_prints = spec.log_prints
    if log_prints is None:
        log_prints = env.log_prints if around is None else around.log_prints
    context = FlowContext(run, spec, outer, log_prints=log_prints)
    _inherit(context, around, env)
    run.handle = context
    current.set(context)
    # While a generator is suspended, the code that the signal meets is not the run's.
    listens = outer is None and not spec.isgenerator
    stop_listening = env.watch.listen(context) if listens else None
    is_begun = False
    try:
        run.key, run.name = env.new_id(env.now()), two_words(int(env.draw() * (1 << 32)))
        run.parameters = spec.binding.bind(args, kwargs)
        if context.persists:
            import_module("flowstone.engine.caching").shelve(context, env, str(run.id))
        context.inputs = known = known_inputs(around, spec.binding, args, kwargs, wait_for)
        ready = await _prepare(context, args, kwargs, wait_for, ops, env)
        _begin(context, env, ready, known)
        is_begun = True
        if isinstance(ready, Err):
            return await end_unready(context, ready, ops, env)
        if context.keeping is not None and await context.keeping.look_back(ops):
            return remember(around, run, spec.name, await context.keeping.deliver(ops))
        args, kwargs = ready.value
        return remember(around, run, spec.name, await attempt(context, args, kwargs, ops, env))
    except BaseException as error:
        try:
            if context.children and not isinstance(error, GeneratorExit):
                await stop_children(context, ops, env)
        finally:  # a second interrupt does not wait
            outcome = await crash(context, error, ops, env, is_begun=is_begun)
        if outcome is not None:
            return outcome
        raise
    finally:
        run.handle = None
        context.close()
        if current.get() is context:
            current.set(outer)
        if stop_listening is not None:
            stop_listening()


def _inherit(context: FlowContext, around: FlowContext | None, env: Env) -> None:
    """Note whether the results of this flow run and of its tasks are kept that do not say so."""
    persists = context.spec.persists
    if persists is None:
        persists = env.persists if around is None else around.persists
    context.persists = persists
    of_all = env.all_tasks_persist
    context.tasks_persist = persists if of_all is None else of_all


def _begin(context: FlowContext, env: Env, ready: Outcome, known: Inputs) -> None:
    """Record and tell that the run is there, with its inputs, and running where it is ready."""
    run = context.run
    if run.sequence < 0:
        env.log.opened(run, _create(context, env, running=isinstance(ready, Ok)))
    elif isinstance(ready, Ok):
        env.log.append(run.start(env.now()))
    if known:
        env.log.append(inputs_found(run.key, known))
    env.report.began(context)


async def _prepare(
    context: FlowContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wait_for: Any,
    ops: Ops,
    env: Env,
) -> Outcome:
    """Take the inputs, check the parameters, name the run; return the body's arguments."""
    spec, run = context.spec, context.run
    if wait_for is not None or (SEEN.any and may_hold_inputs(args, kwargs)):
        inputs = Awaited(context, args, kwargs, wait_for, env)
        if inputs.by_name:
            env.log.opened(run, _create(context, env, running=False))  # it waits, as Pending
        ready = await take_inputs(context, inputs, ops, env)
        if isinstance(ready, Err):
            return ready
        args, kwargs = ready.value
        run.parameters = spec.binding.bind(args, kwargs)
    checked = _check(spec, run.parameters)
    if isinstance(checked, Err):
        return checked
    run.parameters = checked.value
    args, kwargs = spec.binding.replace(args, kwargs, run.parameters)
    if spec.run_name is None:
        return Ok((args, kwargs))
    return await name_run(context, args, kwargs, "flow_run_name", ops, env)


def _check(spec: DeclaredFlow, given: dict[str, Any]) -> Outcome:
    if not spec.should_validate_parameters:
        return Ok(given)
    try:
        return Ok(validate(spec.name, spec.binding, given))
    except ParameterTypeError as error:
        return Err(error, error.__traceback__)


def _create(
    context: FlowContext,
    env: Env,
    *,
    running: bool,
) -> FlowRunCreated:
    run, outer = context.run, context.outer
    shown = {name: value for name, value in run.parameters.items() if name not in ("self", "cls")}
    around = outer.flow if outer is not None else None
    return run.create(
        run.key,
        env.now(),
        flow=env.log.define(context.spec.definition),
        name=run.name,
        parent_flow_run=around.run.key if around is not None else None,
        parent=outer.run.key if outer is not None and outer is not around else None,
        tags=tags_of(context.spec.run_tags, around),
        parameters=json_text(shown),
        running=running,
    )
