"""The end of a flow run: when it says what it waits for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowstone.core.context import FlowContext
from flowstone.core.outcome import Ok
from flowstone.core.runs import FlowRun
from flowstone.engine.ending import PATIENCE, end_children
from tests.engine.scripted import Notebook, Spec, finish, surroundings


class Told(Notebook):
    """Notes how many runs were waited for when it was told so."""

    def waiting(self, context: Any, children: list[Any]) -> None:
        self.told.append(len(children))


class Child:
    """A submitted run that lasts so many seconds; `then` are the runs that it submits."""

    is_done = False
    is_touched = True

    def __init__(self, seconds: float, *then: Child) -> None:
        self.seconds = seconds
        self.then = then


class Waits:
    """Lets time go by as it is waited for, by a clock of its own."""

    def __init__(self, context: FlowContext) -> None:
        self.context = context
        self.seconds = 0.0

    def now(self) -> int:
        return int(self.seconds * 1e9)

    async def wait(self, context: Any, runs: list[Child], timeout: float | None = None) -> None:
        waited = min(max(run.seconds for run in runs), timeout or 1e9)
        self.seconds += waited
        for run in runs:
            run.seconds -= waited
            if run.seconds <= 0:
                self.context.children.remove(run)
                self.context.children.update(run.then)


def told_while_waiting_for(*children: Child) -> tuple[list[Any], float]:
    """Return what was told, and the seconds that were waited."""
    notebook = Told()
    context = FlowContext(FlowRun(), Spec("Flow"), None, log_prints=False)
    context.children.update(children)
    ops = Waits(context)
    env = msgspec.structs.replace(surroundings(notebook), now=ops.now)
    assert finish(end_children(context, Ok(7), ops, env)) == Ok(7)
    assert not context.children
    return notebook.told, ops.seconds


def chain(*lengths: float) -> Child | None:
    """Return runs of which each submits the next."""
    child: Child | None = None
    for seconds in reversed(lengths):
        child = Child(seconds, *([child] if child else []))
    return child


def test_what_ends_within_two_seconds_is_not_spoken_of():
    assert told_while_waiting_for(Child(1.9), Child(0.5)) == ([], 1.9)


def test_a_run_that_another_one_submitted_is_not_spoken_of_before_that():
    assert told_while_waiting_for(chain(0.1, 0.1, 0.1))[0] == []


@pytest.mark.parametrize("children", [[Child(9), Child(7)], [chain(*[0.25] * 40)]])
def test_after_two_seconds_one_line_says_what_is_waited_for(children):
    told, seconds = told_while_waiting_for(*children)
    assert told == [len(children)]
    assert seconds > 4 * PATIENCE
