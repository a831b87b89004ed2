"""The end of a flow run: what it submitted ends first."""

from __future__ import annotations

from collections.abc import Iterable

from flowstone.core.context import FlowContext
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.upstream import Upstream
from flowstone.engine.inputs import to_states
from flowstone.engine.ops import Env, Ops

PATIENCE = 2.0
"""Seconds after which one line says what is waited for."""
STOP_GRACE = 5.0
"""Seconds that running tasks get when their flow run is interrupted."""


async def end_children(context: FlowContext, outcome: Outcome, ops: Ops, env: Env) -> Outcome:
    """Wait until everything submitted has ended, also what that submits.

    Where the body failed, what has not started is cancelled first. Returns what the body came to,
    with final states in place of the futures that it returned.
    """
    if isinstance(outcome, Err):
        withdraw_all(context.children)
    told = False
    while children := list(context.children):
        await ops.wait(children, None if told else PATIENCE)
        if not told and context.children:
            env.report.waiting(context, list(context.children))
            told = True
    if isinstance(outcome, Ok):
        outcome = Ok(to_states(outcome.value))
    if unseen := [child for child in context.failures if not child.is_touched]:
        env.report.unseen(context, unseen)
    context.failures.clear()
    return outcome


async def stop_children(context: FlowContext, ops: Ops) -> None:
    """Cancel what has not started and give the rest a moment: the flow run is interrupted."""
    withdraw_all(context.children)
    if children := list(context.children):
        await ops.wait(children, STOP_GRACE)


def withdraw_all(children: Iterable[Upstream]) -> None:
    """Cancel those that have not started."""
    for child in list(children):
        child.withdraw()
