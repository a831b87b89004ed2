"""The whole life of a flow run."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import FlowContext, current
from flowstone.core.declared import DeclaredFlow
from flowstone.core.facts import FlowDefined, FlowRunCreated
from flowstone.core.naming import two_words
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.parameters import validate
from flowstone.core.plain import json_text
from flowstone.core.runs import FlowRun
from flowstone.engine.attempts import attempt, crash, settle
from flowstone.engine.ops import Env, Ops
from flowstone.engine.titles import title
from flowstone.exceptions import ParameterTypeError


async def flow_run(
    spec: DeclaredFlow,
    run: FlowRun,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ops: Ops,
    env: Env,
) -> Outcome:
    """Check the parameters, name the run, attempt it until it ends; return what its caller gets."""
    outer = current.get()
    log_prints = spec.log_prints
    if log_prints is None:
        log_prints = env.log_prints if outer is None else outer.log_prints
    context = FlowContext(run, spec, outer, log_prints=log_prints)
    current.set(context)
    try:
        now = env.now()
        run.key, run.name = env.new_id(now), two_words(int(env.draw() * (1 << 32)))
        given = spec.binding.bind(args, kwargs)
        checked = _check(spec, given)
        problem = checked if isinstance(checked, Err) else None
        parameters = given if isinstance(checked, Err) else checked.value
        run.parameters = parameters
        if problem is None and spec.run_name is not None:
            made = await title(context, parameters, "flow_run_name", ops)
            if isinstance(made, Err):
                problem = made
            else:
                run.name = made.value
        running = problem is None
        fact = _create(context, spec.definition, now, parameters, env, running=running)
        env.log.opened(run, fact)
        env.report.began(context)
        if problem is not None:
            env.report.failed(context, problem.error, "")
            return await settle(context, problem, None, ops, env)
        args, kwargs = spec.binding.unbind(parameters)
        return await attempt(context, args, kwargs, ops, env)
    except BaseException as error:
        crash(run, context, error, env)
        raise
    finally:
        if current.get() is context:
            current.set(outer)


def _check(spec: DeclaredFlow, given: dict[str, Any]) -> Outcome:
    if not spec.should_validate_parameters:
        return Ok(given)
    try:
        return Ok(validate(spec.fn, spec.binding.signature, given))
    except ParameterTypeError as error:
        return Err(error, error.__traceback__)


def _create(
    context: FlowContext,
    definition: FlowDefined,
    now: int,
    parameters: dict[str, Any],
    env: Env,
    *,
    running: bool,
) -> FlowRunCreated:
    run, outer = context.run, context.outer
    shown = {name: value for name, value in parameters.items() if name not in ("self", "cls")}
    around = outer.flow if outer is not None else None
    return run.create(
        run.key,
        now,
        flow=env.log.define(definition),
        name=run.name,
        parent_flow_run=around.run.key if around is not None else None,
        parent=outer.run.key if outer is not None and outer is not around else None,
        tags=context.spec.run_tags,
        parameters=json_text(shown),
        running=running,
    )
