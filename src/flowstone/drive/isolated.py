"""`timeout_isolated=True`: a direct call in a thread of its own, which can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from flowstone.core.context import RunContext
from flowstone.core.outcome import Err, Outcome
from flowstone.core.stopping import Interrupted
from flowstone.drive.left_behind import SeatBout
from flowstone.drive.seats import HERE
from flowstone.drive.waiting import Pause


class _Isolated(SeatBout):
    __slots__ = ("_gate",)

    def __init__(self, gate: SimpleQueue[Outcome]) -> None:
        super().__init__(HERE.seat)
        self._gate = gate

    def give_up(self) -> None:
        if self.claim():
            self._gate.put(Err(Interrupted()))
            self.leave()


def run_isolated(
    run_body: Callable[..., Outcome],
    context: RunContext,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Outcome:
    """Call the function of a run in a thread of its own; at its deadline, go on without it."""
    gate: SimpleQueue[Outcome] = SimpleQueue()

    def work() -> None:
        context.reach = bout = _Isolated(gate)
        try:
            outcome = run_body(context, args, kwargs)
        except BaseException as error:  # noqa: BLE001  raised again in the thread that asked
            outcome = Err(error, error.__traceback__)
        bout.is_over = True
        if bout.claim():
            gate.put(outcome)

    target, name = copy_context().run, f"flowstone-isolated-{context.run.name}"
    threading.Thread(target=target, args=(work,), name=name, daemon=True).start()
    try:
        with Pause(context, lambda: gate.put(Err(Interrupted()))):
            outcome = gate.get()
    except Interrupted as interrupt:
        outcome = Err(interrupt)
    if isinstance(outcome, Err) and not isinstance(outcome.error, Exception):
        if context.reach is not None:
            context.reach.give_up()
        if not context.is_stopped:
            raise outcome.error
    context.reach = None
    return outcome
