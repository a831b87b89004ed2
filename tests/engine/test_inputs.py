from __future__ import annotations

from typing import Any

import pytest

from flowstone.core.outcome import Ok
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.upstream import Input, Upstream
from flowstone.engine import inputs as module
from flowstone.engine.flow_run import flow_run
from flowstone.engine.task_run import task_run
from flowstone.engine.waits import Waits
from tests.engine.scripted import Notebook, Scripted, Spec, body, finish, surroundings


class Waiting(Upstream):
    """A run that has not ended."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def key(self) -> bytes:
        return self._key


class Ended(Waiting):
    """A run that has ended with a value."""

    def __init__(self, key: bytes, value: Any) -> None:
        super().__init__(key)
        self.outcome = Ok(value)

    is_done = True
    outcome = Ok(None)

    def as_input(self) -> Input:
        return Input(self.key, "up-0", "up", "Completed")


class Told(Notebook):
    def searched(self, context: Any, argument: str, nodes: int, seconds: float) -> None:
        self.told.append((argument, nodes, seconds))


def waits_of(waits: Waits, run: str, *sources: str) -> bool:
    return waits.begin(run.encode(), [Waiting(source.encode()) for source in sources])


def test_runs_that_wait_for_older_ones_are_in_no_circle():
    waits = Waits()
    assert not waits_of(waits, "b", "a")
    assert not waits_of(waits, "c", "b", "a")
    assert not waits_of(waits, "d", "c")


def test_a_run_that_waits_for_itself_is_found():
    assert waits_of(Waits(), "b", "a", "b")


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c")])
def test_a_circle_is_found_by_the_run_that_closes_it(order):
    waits, sources = Waits(), {"a": ["c", "0"], "b": ["a"], "c": ["b", "0"]}
    assert [waits_of(waits, run, *sources[run]) for run in order] == [False, False, True]


def test_a_wait_for_a_younger_run_is_no_circle():
    waits = Waits()
    assert not waits_of(waits, "a", "b")
    assert not waits_of(waits, "b", "0")


def test_a_run_that_waits_no_more_closes_no_circle():
    waits = Waits()
    waits_of(waits, "b", "a")
    waits.end(b"b")
    assert not waits_of(waits, "a", "b")


def run_in_flow(notebook: Notebook, calls: Any) -> None:
    """Run `calls(ops, env)` as the body of a flow run."""
    ops, env = Scripted(), surroundings(notebook)
    spec = Spec("Flow", fn=lambda: calls(ops, env), validate=False)
    finish(flow_run(spec, FlowRun(), (), {}, ops, env)).unwrap()


def test_a_large_argument_without_a_future_is_told_with_the_time_that_it_took(monkeypatch):
    monkeypatch.setattr(module, "MANY", 100)
    notebook = Told()
    ended = Ended(b"u" * 16, 5)
    spec = Spec(signature=lambda x, y, z: None)
    args = ([[1]] * 60, ["a"] * 200, [ended] * 200)

    def calls(ops: Any, env: Any) -> Any:
        ops.outcomes = [Ok(1)]
        return finish(task_run(spec, TaskRun(), args, {}, ops, env, [ended])).unwrap()

    run_in_flow(notebook, calls)
    told = [each for each in notebook.told if isinstance(each, tuple)]
    assert [(argument, nodes) for argument, nodes, _ in told] == [("y", 201)]
    assert 0 < told[0][2] < 1e-6  # the clock of these surroundings goes a nanosecond a look


def test_results_passed_on_make_an_edge_in_the_record_after_the_start():
    notebook = Told()

    def calls(ops: Any, env: Any) -> None:
        made = task_run(Spec(name="a"), TaskRun(), (), {}, ops, env)
        ops.outcomes = [Ok({"rows": []}), Ok(None)]
        value = finish(made).unwrap()
        taken = Spec(name="b", signature=lambda first, second: None)
        finish(task_run(taken, TaskRun(), (1,), {"second": value}, ops, env)).unwrap()

    run_in_flow(notebook, calls)
    kinds = [type(fact).__name__ for fact in notebook.facts]
    assert kinds == [
        "FlowRunCreated", "TaskRunCreated", "TaskRunCompleted", "TaskRunCreated", "InputsFound",
        "TaskRunCompleted", "FlowRunChanged",
    ]  # fmt: skip
    first, second = notebook.facts[1], notebook.facts[3]
    edge = notebook.facts[4]
    assert (edge.run, edge.inputs) == (second.run, (("second", first.run),))


def test_outside_of_a_flow_run_nothing_is_remembered():
    notebook, ops = Told(), Scripted(Ok([1]), Ok(None))
    env = surroundings(notebook)
    value = finish(task_run(Spec(), TaskRun(), (), {}, ops, env)).unwrap()
    finish(task_run(Spec(fn=body), TaskRun(), (value,), {}, ops, env)).unwrap()
    assert "InputsFound" not in {type(fact).__name__ for fact in notebook.facts}
