"""From the first attempt to the last: what task runs and flow runs have in common."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.declared import Declared, Hook
from flowstone.core.final import CARRIERS, final_state, outcome_of
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import COMPLETED, FAILED, State, number_of
from flowstone.engine.ending import end_children
from flowstone.engine.ops import Env, Ops


async def attempt(
    context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any], ops: Ops, env: Env
) -> Outcome:
    """Run the body until it succeeds, or fails with no retry left; record and tell the end."""
    run, spec = context.run, context.spec
    while True:
        if spec.on_running_hooks:
            await _fire(spec.on_running_hooks, context, None, ops, env)
        outcome = await ops.call(spec.fn, args, kwargs)
        state = None
        if isinstance(context, FlowContext) and context.runner is not None:
            outcome = await end_children(context, outcome, ops, env)
        if isinstance(outcome, Ok):
            if isinstance(outcome.value, CARRIERS):
                state = final_state(outcome.value)
            if state is None:
                env.log.closed(run, run.complete(env.now()))
                env.report.ended(context)
                if spec.on_completion_hooks:
                    await _fire(spec.on_completion_hooks, context, outcome.value, ops, env)
                return outcome
            outcome = outcome_of(outcome.value, state)
        if not await _again(context, outcome, state, ops, env):
            return await settle(context, outcome, state, ops, env)


async def settle(
    context: RunContext, outcome: Outcome, state: State | None, ops: Ops, env: Env
) -> Outcome:
    """End a run with an outcome, or with the state that the user's code asked for."""
    run, spec = context.run, context.spec
    error = outcome.error if isinstance(outcome, Err) else None
    if state is not None:
        fact = run.enter(number_of(state), env.now(), state.name, state.message)
        data = state.data
        run.returned = state
    else:
        fact = run.enter(FAILED, env.now(), None, _failure(spec, error))
        data = error
    env.log.closed(run, fact)
    env.report.ended(context)
    if run.state_number == COMPLETED:
        await _fire(spec.on_completion_hooks, context, data, ops, env)
    elif run.state_number == FAILED:
        await _fire(spec.on_failure_hooks, context, data, ops, env)
    return outcome


def crash(run: TaskRun | FlowRun, context: RunContext, error: BaseException, env: Env) -> None:
    """End a run that something other than its own error interrupts."""
    if run.sequence >= 0 and not run.is_over:
        env.log.closed(run, run.crash(env.now(), _what_crashed(error)))
        env.report.ended(context)


async def _again(
    context: RunContext, outcome: Outcome, state: State | None, ops: Ops, env: Env
) -> bool:
    """Whether the body is to run once more; if so, the wait before it is over."""
    run, policy = context.run, context.spec.policy
    if not isinstance(outcome, Err) or (state is not None and not state.is_failed()):
        return False
    error = outcome.error
    if not policy.retries:
        env.report.failed(context, error, "")
        return False
    if not policy.may_retry(run.run_count):
        env.report.failed(context, error, " - Retries are exhausted")
        return False
    if not await _allowed(context, error, state, ops, env):
        env.report.failed(context, error, " - The retry condition refuses a retry")
        return False
    delay = policy.delay(run.run_count, env.draw)
    start = f"{delay:g} second(s) from now" if delay else "immediately"
    which = f" - Retry {run.run_count}/{policy.retries} will start {start}"
    env.report.failed(context, error, which)
    if delay:
        env.log.append(run.await_retry(env.now(), delay))
        await ops.sleep(delay)
    env.log.append(run.retry(env.now()))
    return True


async def _allowed(
    context: RunContext, error: BaseException, state: State | None, ops: Ops, env: Env
) -> bool:
    run, spec, condition = context.run, context.spec, context.spec.policy.condition
    if condition is None:
        return True
    if state is None:
        state = State("FAILED", message=_failure(spec, error), data=error)
    answer = await ops.call(condition, (spec, run, state), {})
    if isinstance(answer, Err):
        env.report.condition_failed(context, answer.error)
        return False
    return bool(answer.value)


async def _fire(hooks: list[Hook], context: RunContext, data: Any, ops: Ops, env: Env) -> None:
    if not hooks:
        return
    state = context.run.state_with(data)
    for hook in hooks:
        env.report.hook_ran(context, hook, state.name)
        outcome = await ops.call(hook, (context.spec, context.run, state), {})
        error = outcome.error if isinstance(outcome, Err) else None
        env.report.hook_ended(context, hook, error)


def _failure(spec: Declared, error: BaseException | None) -> str:
    colon = ":" if spec.kind == "Flow" else ""
    text = f"{type(error).__name__}: {_text(error)}"
    return f"{spec.kind} run encountered an exception{colon} {text}"


def _text(error: BaseException | None) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  a user's exception may have any __str__
        return f"<its text raised {type(broken).__name__}>"


def _what_crashed(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "Execution was aborted by an interrupt signal."
        case SystemExit():
            return "Execution was aborted by Python system exit call."
        case GeneratorExit():
            return "Execution was cancelled by the runtime environment."
    if type(error).__name__ == "CancelledError":  # asyncio's, which this layer does not import
        return "Execution was cancelled by the runtime environment."
    name = type(error).__name__
    return f"Execution was interrupted by an unexpected exception: {name}: {_text(error)}"
