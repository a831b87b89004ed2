"""The end of a flow run: what it submitted ends first."""

from __future__ import annotations

from collections.abc import Iterable

from flowstone.core.context import FlowContext
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.stopping import TERMINATED, Interrupted, why_stopped
from flowstone.core.upstream import Upstream
from flowstone.engine.inputs import to_states
from flowstone.engine.ops import Env, Ops

PATIENCE = 2.0
"""Seconds after which one line says what is waited for."""
CANCEL_GRACE = 1.5
"""The most seconds that they get where the flow run is cancelled, which acts within 2 s."""
_LEEWAY = 1.0
"""Seconds more in which runs that were given up are closed."""


async def end_children(context: FlowContext, outcome: Outcome, ops: Ops, env: Env) -> Outcome:
    """Wait until everything submitted has ended, also what that submits.

    Where the body failed, what has not started is cancelled first; where the flow run is stopped,
    what runs is stopped too. Returns what the body came to, with final states in place of the
    futures that it returned.
    """
    if isinstance(outcome, Err):
        withdraw_all(context.children)
    if not context.is_stopped:
        try:
            await _wait_for_children(context, ops, env)
        except Interrupted:
            if not context.is_stopped:
                raise  # a run around it is, and `flow_run` stops the children
    if context.is_stopped:
        await stop_children(context, ops, env)
    elif isinstance(outcome, Ok):
        outcome = Ok(to_states(outcome.value))
    if unseen := [child for child in context.failures if not child.is_touched]:
        env.report.unseen(context, unseen)
    context.failures.clear()
    return outcome


async def _wait_for_children(context: FlowContext, ops: Ops, env: Env) -> None:
    left: float | None = PATIENCE
    until = env.now() + int(PATIENCE * 1e9)
    while children := list(context.children):
        if left is not None and (left := (until - env.now()) / 1e9) <= 0:
            env.report.waiting(context, children)
            left = None
        await ops.wait(context, children, left)


async def stop_children(context: FlowContext, ops: Ops, env: Env) -> None:
    """Cancel what has not started, stop what runs, and give it a moment."""
    reason, grace = why_stopped(context, its_child=True), env.stop_grace
    if context.request is not None and context.request is not TERMINATED:
        grace = min(grace, CANCEL_GRACE)
    withdraw_all(context.children)
    for child in list(context.children):
        child.stop(reason, grace)
    if children := list(context.children):
        await ops.wait(None, children, grace + _LEEWAY)


def withdraw_all(children: Iterable[Upstream]) -> None:
    """Cancel those that have not started."""
    for child in list(children):
        child.withdraw()
