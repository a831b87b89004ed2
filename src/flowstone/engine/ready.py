"""Before a body runs: its inputs are there, and its run has a name."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.states import NOT_READY, PENDING
from flowstone.engine.attempts import settle
from flowstone.engine.inputs import Awaited, NotReady
from flowstone.engine.ops import Env, Ops
from flowstone.engine.titles import title


async def take_inputs(
    context: RunContext,
    inputs: Awaited,
    ops: Ops,
    env: Env,
) -> Outcome:
    """Record the inputs, wait for them; return the arguments with their values."""
    if inputs.by_name:
        env.log.append(inputs.fact(context.run.key))
    return await inputs.take(context, ops)


async def name_run(
    context: RunContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    option: str,
    ops: Ops,
    env: Env,
) -> Outcome:
    """Give the run the name that its template or function makes; return the arguments."""
    parameters = context.spec.binding.bind(args, kwargs)
    made = await title(context, parameters, option, ops)
    if isinstance(made, Err):
        return made
    named = context.run.rename(made.value)
    if named is not None:
        env.log.append(named)
    return Ok((args, kwargs))


async def end_unready(context: RunContext, outcome: Err, ops: Ops, env: Env) -> Outcome:
    """End a run whose body cannot run.

    Where a run whose result it takes failed, it stays Pending, named NotReady; no hook fires.
    Anything else is a failure like that of a body, but it is not tried again.
    """
    if not isinstance(outcome, NotReady):
        env.report.failed(context, outcome.error, "")
        return await settle(context, outcome, None, ops, env)
    run = context.run
    env.log.closed(run, run.enter(PENDING, env.now(), NOT_READY, str(outcome.error)))
    env.report.ended(context)
    return outcome
