from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowstone.core.outcome import Err, Ok
from flowstone.core.policy import Policy
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.engine.flow_run import flow_run
from flowstone.engine.task_run import task_run
from flowstone.exceptions import ParameterTypeError, PausedRun
from flowstone.states import State
from tests.engine.scripted import Notebook, Scripted, Spec, finish, surroundings


def tell(*outcomes: Any, args: tuple = (), kwargs: dict | None = None, **options: Any):
    ops, notebook, run = Scripted(*outcomes), Notebook(), FlowRun()
    spec = Spec("Flow", **options)
    story = flow_run(spec, run, args, kwargs or {}, ops, surroundings(notebook))
    return finish(story), run, notebook, ops


def test_a_plain_successful_flow_run_is_two_facts():
    outcome, run, notebook, _ops = tell(Ok(7))
    assert outcome == Ok(7)
    assert notebook.states == ["Running", "Completed"]
    assert notebook.told == ["began", "ended Completed"]
    assert not notebook.open
    assert "-" in run.name


def test_a_parameter_that_does_not_fit_fails_the_run_before_it_runs():
    fired = []
    outcome, run, notebook, ops = tell(
        args=("x",),
        signature=_takes_a_number,
        policy=Policy(retries=3),
        on_failure=[lambda *given: fired.append(given)],
    )
    assert isinstance(outcome.error, ParameterTypeError)
    assert "n: Input should be a valid integer" in str(outcome.error)
    assert "'x' of type str" in str(outcome.error)
    assert notebook.states == ["Pending", "Failed"]
    assert "call" not in ops.log
    assert len(fired) == 1
    assert run.end_time is not None


def test_a_value_is_converted_where_it_can_be():
    seen = []

    def takes(n: int, other: str = "a"):
        seen.append((n, other))

    tell(args=("5",), fn=takes)
    assert seen == [(5, "a")]


def test_without_validation_values_pass_untouched():
    seen = []

    def takes(n: int):
        seen.append(n)

    tell(args=("x",), fn=takes, validate=False)
    assert seen == ["x"]


def test_parameters_are_recorded_as_json():
    class Thing: ...

    _, _, notebook, _ = tell(
        Ok(None), args=(1, [Thing(), float("nan")], 1 << 80), signature=lambda n, things, huge: 0
    )
    recorded = msgspec.json.decode(notebook.facts[0].parameters)
    assert recorded == {"n": 1, "things": ["<Thing>", "nan"], "huge": str(1 << 80)}


def test_a_retried_flow_keeps_its_run():
    outcome, run, notebook, _ = tell(Err(ValueError()), Ok(2), policy=Policy(retries=1))
    assert outcome == Ok(2)
    assert notebook.states == ["Running", "Retrying", "Completed"]
    assert run.run_count == 2
    assert len({fact.run for fact in notebook.facts}) == 1


def test_tasks_in_a_flow_are_numbered_by_name_and_know_their_flow_run():
    notebook = Notebook()
    env = surroundings(notebook)
    ops = Scripted()
    runs = []

    def call_tasks():
        for name in ("add", "mul", "add"):
            run = TaskRun()
            finish(task_run(Spec(fn=int, name=name), run, (), {}, ops, env))
            runs.append(run)

    flow = FlowRun()
    finish(flow_run(Spec("Flow", fn=call_tasks), flow, (), {}, ops, env))
    assert [run.name for run in runs] == ["add-0", "mul-0", "add-1"]
    assert {run.flow_run_key for run in runs} == {flow.key}
    assert {run.parent_key for run in runs} == {None}


def test_a_task_called_by_a_task_has_it_as_parent():
    notebook = Notebook()
    env, ops = surroundings(notebook), Scripted()
    inner, outer, flow = TaskRun(), TaskRun(), FlowRun()

    def call_inner():
        finish(task_run(Spec(fn=int), inner, (), {}, ops, env))

    def call_outer():
        finish(task_run(Spec(fn=call_inner), outer, (), {}, ops, env))

    finish(flow_run(Spec("Flow", fn=call_outer), flow, (), {}, ops, env))
    assert inner.parent_key == outer.key
    assert inner.flow_run_key == flow.key


def test_a_subflow_knows_the_flow_run_and_the_task_run_that_called_it():
    notebook = Notebook()
    env, ops = surroundings(notebook), Scripted()
    child, caller, parent = FlowRun(), TaskRun(), FlowRun()

    def call_child():
        finish(flow_run(Spec("Flow", fn=int), child, (), {}, ops, env))

    def call_task():
        finish(task_run(Spec(fn=call_child), caller, (), {}, ops, env))

    finish(flow_run(Spec("Flow", fn=call_task), parent, (), {}, ops, env))
    assert child.parent_flow_run_key == parent.key
    assert child.parent_key == caller.key


@pytest.mark.parametrize("inner", [True, False, None])
def test_log_prints_is_the_runs_own_or_that_of_the_flow_around_it(inner):
    notebook = Notebook()
    env, ops = surroundings(notebook), Scripted()
    seen = []

    def look():
        from flowstone.core.context import current

        seen.append(current.get().log_prints)

    def call_task():
        finish(task_run(Spec(fn=look, log_prints=inner), TaskRun(), (), {}, ops, env))

    finish(flow_run(Spec("Flow", fn=call_task, log_prints=True), FlowRun(), (), {}, ops, env))
    assert seen == [True if inner is None else inner]


def test_a_flow_that_returns_a_paused_state_is_paused():
    outcome, _, notebook, _ = tell(Ok(State("PAUSED")))
    assert notebook.states == ["Running", "Paused"]
    assert isinstance(outcome.error, PausedRun)


def test_failure_messages_say_flow_run():
    _, run, _, _ = tell(Err(ValueError("x")))
    assert run.message == "Flow run encountered an exception: ValueError: x"


def _takes_a_number(n: int):
    """Have a parameter with an annotation."""
