"""From the first attempt to the last: what task runs and flow runs have in common."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.declared import Declared, Hook
from flowstone.core.failures import error_text, why_crashed
from flowstone.core.final import CARRIERS, final_state, outcome_of
from flowstone.core.inputs import ATOMS
from flowstone.core.outcome import OUTCOMES, Err, Ok, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.states import (
    CANCELLED,
    CANCELLING,
    COMPLETED,
    CRASHED,
    FAILED,
    State,
    number_of,
)
from flowstone.core.stopping import (
    STOPS,
    TERMINATED,
    Interrupted,
    TerminationSignal,
    stopper_of,
    why_stopped,
)
from flowstone.engine.ending import end_children
from flowstone.engine.ops import Env, Ops
from flowstone.engine.slots import ask_for_slots, wait_for_slots
from flowstone.exceptions import CancelledRun, FlowRunTimeoutError, TaskRunTimeoutError

SURELY_LATE = 0.5
"""Seconds after its deadline from which a run says how late it ended."""


async def attempt(  # noqa: C901  one loop, in the order in which things happen
    context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any], ops: Ops, env: Env
) -> Outcome:
    """Run the body until it succeeds, or fails with no retry left; record and tell the end."""
    run, spec = context.run, context.spec
    while True:
        if spec.on_running_hooks:
            await fire(spec.on_running_hooks, context, None, ops, env)
        if spec.timeout is None and not isinstance(context, FlowContext):
            told = ops.body(context, args, kwargs)
            outcome = told if isinstance(told, OUTCOMES) else await told
        else:
            outcome = await _in_its_time(context, args, kwargs, ops, env)
        context.is_sealed = True  # before the look: whoever asks for a stop does it the other way
        state = None
        if STOPS.any or isinstance(outcome, Err) or type(outcome.value) not in ATOMS:
            outcome, state = _judged(context, outcome)
        if state is None and isinstance(outcome, Ok):
            if context.keeping is not None:
                await context.keeping.keep(outcome.value, ops)
            env.log.closed(run, run.complete(env.now()))
            env.report.ended(context)
            if context.transaction is not None:
                await context.transaction.end_run(spec, outcome, ops, env)
            if spec.on_completion_hooks:
                await fire(spec.on_completion_hooks, context, outcome.value, ops, env)
            return outcome
        context.is_sealed = False
        if not await _again(context, outcome, state, ops, env):
            return await settle(context, outcome, state, ops, env)
        refused = await _begin_again(context, ops, env)
        if refused is not None:
            return await settle(context, refused, None, ops, env)


async def _in_its_time(
    context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any], ops: Ops, env: Env
) -> Outcome:
    """Run the body, and wait for what it submitted, as long as the attempt's time lasts."""
    if context.spec.timeout is not None:
        context.deadline = env.watch.begin(context, context.spec.timeout)
    try:
        told = ops.body(context, args, kwargs)
        outcome = told if isinstance(told, OUTCOMES) else await told
        if isinstance(context, FlowContext) and context.runner is not None:
            outcome = await end_children(context, outcome, ops, env)
        return outcome
    finally:
        if context.deadline is not None:
            env.watch.end(context.deadline)


def _judged(context: RunContext, outcome: Outcome) -> tuple[Outcome, State | None]:
    """Return what the caller gets of what the body came to, and the state that was asked for."""
    if STOPS.any and context.is_stopped:
        return stopped(context, outcome)
    if isinstance(outcome, Ok) and isinstance(outcome.value, CARRIERS):
        state = final_state(outcome.value)
        if state is not None:
            return outcome_of(outcome.value, state), state
    return outcome, None


async def settle(
    context: RunContext, outcome: Outcome, state: State | None, ops: Ops, env: Env
) -> Outcome:
    """End a run with an outcome, or with the state that the user's code asked for."""
    run, spec = context.run, context.spec
    context.is_sealed = True
    if context.request is not None:
        outcome, state = stopped(context, outcome)
    error = outcome.error if isinstance(outcome, Err) else None
    if context.keeping is not None:
        await context.keeping.keep_end(state, error, ops)
    if state is not None:
        fact = run.enter(number_of(state), env.now(), state.name, state.message)
        data = state.data
        run.returned = state
    else:
        fact = run.enter(FAILED, env.now(), None, _failure(spec, error))
        data = error
    env.log.closed(run, fact)
    env.report.ended(context)
    if context.transaction is not None:
        await context.transaction.end_run(spec, outcome, ops, env)
    if run.state_number == COMPLETED:
        await fire(spec.on_completion_hooks, context, data, ops, env)
    elif run.state_number == FAILED:
        await fire(spec.on_failure_hooks, context, data, ops, env)
    elif run.state_number in (CANCELLED, CANCELLING):
        await fire(spec.on_cancellation_hooks, context, data, ops, env)
    elif run.state_number == CRASHED:
        await fire(spec.on_crashed_hooks, context, data, ops, env)
    return outcome


def stopped(context: RunContext, outcome: Outcome) -> tuple[Err, State]:
    """Return what a run came to that was stopped: cancelled, or out of time.

    `outcome` is what its body came to; where it was interrupted, that is the place to show.
    """
    if context.request is TERMINATED:
        raise TerminationSignal
    place = outcome.traceback if isinstance(outcome, Err) else None
    if context.request is not None:
        cancelled = CancelledRun(context.request)
        return Err(cancelled, place), State("CANCELLED", None, context.request, cancelled)
    deadline, kind = context.deadline, context.spec.kind
    assert deadline is not None
    error_type = TaskRunTimeoutError if kind == "Task" else FlowRunTimeoutError
    error = error_type(f"Scope timed out after {deadline.seconds} second(s).").with_traceback(place)
    message = f"{kind} run exceeded timeout of {deadline.seconds} second(s)"
    if deadline.late > SURELY_LATE:
        message += f"; it could not be interrupted and ended {deadline.late:.1f} second(s) later"
    return Err(error, place), State("FAILED", "TimedOut", message, error)


async def crash(
    context: RunContext,
    error: BaseException,
    ops: Ops,
    env: Env,
    *,
    is_begun: bool,
) -> Outcome | None:
    """End a run that something other than its own error interrupts.

    Returns what its caller gets where that is not the interruption itself: the run was cancelled.
    """
    run = context.run
    context.is_sealed = True
    if context.slots is not None:
        context.slots.release()
    if context.keeping is not None:
        context.keeping.release()
    if context.transaction is not None:
        context.transaction.leave()
    if run.sequence < 0 or run.is_over:
        return None
    if not is_begun:  # Ctrl-C may have come just before its first record was written
        env.log.append(run.carried())
    outcome = Err(error)
    if _is_stop(error) and stopper_of(context) is not None:
        message = why_stopped(context)
        outcome = Err(CancelledRun(message))
        env.log.closed(run, run.enter(CANCELLED, env.now(), None, message))
    else:
        env.log.closed(run, run.crash(env.now(), why_crashed(error)))
    env.report.ended(context)
    if isinstance(error, GeneratorExit):
        return None  # a coroutine that is being closed cannot wait for hooks
    cancelled = run.state_number == CANCELLED
    hooks = context.spec.on_cancellation_hooks if cancelled else context.spec.on_crashed_hooks
    await fire(hooks, context, outcome.error, ops, env)
    return outcome if context.request is not None and cancelled else None


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
    context.deadline = None
    if delay:
        env.log.append(run.await_retry(env.now(), delay))
        await ops.sleep(context, delay)
    return True


async def _begin_again(context: RunContext, ops: Ops, env: Env) -> Err | None:
    """Begin a further attempt once its slots are there; return why they cannot be had."""
    run = context.run
    if isinstance(run, TaskRun) and (slots := ask_for_slots(context, env)) is not None:
        refused = await wait_for_slots(context, slots, ops, env)
        if refused is not None:
            return refused
    env.log.append(run.retry(env.now()))
    return None


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
    try:
        return bool(answer.value)
    except Exception as failure:  # noqa: BLE001  an object of the user's: what its truth is, it says
        env.report.condition_failed(context, failure)
        return False


async def fire(hooks: list[Hook], context: RunContext, data: Any, ops: Ops, env: Env) -> None:
    """Call hooks with the state that the run is in, which carries `data`."""
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
    return f"{spec.kind} run encountered an exception{colon} {error_text(error)}"


def _is_stop(error: BaseException) -> bool:
    return isinstance(error, Interrupted) or type(error).__name__ == "CancelledError"
