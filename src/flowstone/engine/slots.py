"""Slots of the limits that a task run's tags have: taken before an attempt, given back after it."""

from __future__ import annotations

from flowstone.core.context import RunContext
from flowstone.core.outcome import Err
from flowstone.core.states import PENDING
from flowstone.core.upstream import Slots
from flowstone.engine.ops import Env, Ops


def ask_for_slots(context: RunContext, env: Env) -> Slots | None:
    """Ask for the slots that the run's tags need; return None where they need none.

    Whoever runs the body gives them back when that has ended.
    """
    run = context.run
    asks = run.tags or env.limits.gives_places
    context.slots = env.limits.holding(run.tags, f"task run {run.name}") if asks else None
    return context.slots


async def wait_for_slots(context: RunContext, slots: Slots, ops: Ops, env: Env) -> Err | None:
    """Wait for them, as a run that says what it waits for; return why they cannot be had."""
    run = context.run
    if slots.answer is not None:
        await ops.wait(context, [slots.answer])
    if not slots.is_done:
        env.log.append(run.enter(PENDING, env.now(), None, f"Queued: {slots.waiting_for()}"))
        await ops.wait(context, [slots])
    return None if slots.error is None else Err(slots.error)
