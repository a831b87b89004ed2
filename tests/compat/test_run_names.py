"""What runs are called: reference section 11."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from datetime import date

import pytest

from flowstone import flow, task
from flowstone.context import get_run_context
from flowstone.runtime import flow_run, task_run


@dataclasses.dataclass
class Dataset:
    name: str
    a: int = 3


@task
def own_name(*args, **kwargs):
    return task_run.name


def named(template, *args, fn=None, **kwargs):
    """Return what a run of a task with this `task_run_name` is called, directly and submitted."""

    def default(x=1, date=date(2026, 1, 5), dataset=None, d=None, **kwargs):
        return task_run.name

    made = task(fn or default, task_run_name=template)

    @flow
    def outer():
        return [made(*args, **kwargs), made.submit(*args, **kwargs).result()]

    direct, submitted = outer()
    assert direct == submitted
    return direct


@pytest.mark.parametrize(
    ("template", "kwargs", "name"),
    [
        ("plain", {}, "plain"),
        ("x={x}", {"x": 5}, "x=5"),
        ("x={x}", {}, "x=1"),
        ("{x:>4}|{x!r}", {"x": "a"}, "   a|'a'"),
        ("{date:%A}", {}, "Monday"),
        ("{dataset.name}", {"dataset": Dataset("iris")}, "iris"),
        ("{d[key]}", {"d": {"key": "value"}}, "value"),
        ("{kwargs[more]}", {"more": 7}, "7"),
        ("{{x}}", {}, "{x}"),
    ],
)
def test_a_template_is_filled_with_the_parameters_and_their_defaults(home, template, kwargs, name):
    assert named(template, **kwargs) == name


def test_a_template_sees_the_instance_of_a_method(home):
    class Model:
        a = 3

        @task(task_run_name="model {self.a} on {x}")
        def fit(self, x):
            return task_run.name

    assert Model().fit(2) == "model 3 on 2"


def test_a_template_sees_values_and_not_futures(recorded):
    @task
    def up():
        return "value"

    @task(task_run_name="got {x}")
    def down(x):
        return task_run.name

    @flow
    def outer():
        return [down.submit(up.submit()).result(), down(up.submit())]

    assert outer() == ["got value", "got value"]


class Namer:
    def __call__(self):
        return f"object for {task_run.task_name}"

    def method(self, parameters):
        return f"method {parameters['x']}"


class AsyncNamer:
    async def __call__(self, parameters):
        return f"async object {parameters['x']}"


async def async_name():
    await asyncio.sleep(0)
    return "async"


def with_parameters(prefix, parameters):
    return f"{prefix} {parameters}"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (lambda: "lambda", "lambda"),
        (Namer(), "object for body"),
        (Namer().method, "method 5"),
        (functools.partial(with_parameters, "partial"), "partial {'x': 5, 'y': 2}"),
        (async_name, "async"),
        (AsyncNamer(), "async object 5"),
    ],
)
def test_a_name_may_be_made_by_any_callable(home, source, name):
    def body(x, y=2):
        return task_run.name

    assert named(source, 5, fn=body) == name


def test_a_function_of_the_parameters_gets_them_resolved(home):
    @task
    def up():
        return 4

    @task(task_run_name=lambda parameters: f"{parameters['x']:03d}")
    def down(x):
        return task_run.name

    @flow
    def outer():
        return down.submit(up.submit()).result()

    assert outer() == "004"


@pytest.mark.parametrize("value", [None, 5, b"bytes", ["a"]])
def test_a_callable_that_gives_no_text_fails_the_run(recorded, value):
    def name():
        return value

    @task(task_run_name=name, name="unnamed", retries=3)
    def unnamed():
        pytest.fail("the body ran")

    with pytest.raises(TypeError, match=r"Callable <function .*name") as info:
        unnamed()
    assert "for 'task_run_name' returned type " + type(value).__name__ in str(info.value)
    assert "but a string is required" in str(info.value)
    assert recorded.states("unnamed") == ["Pending", "Failed"]


@pytest.mark.parametrize(
    ("template", "error", "message"),
    [
        ("{nope}", KeyError, "'nope' in the run name '{nope}'; the parameters are: x"),
        ("{x.nope}", AttributeError, "nope"),
        ("{x:%Q%}", ValueError, "format"),
        ("{}", IndexError, "index"),
        ("{x", ValueError, "expected"),
    ],
)
def test_a_template_that_cannot_be_filled_fails_the_run_and_fires_its_hooks(
    recorded, template, error, message
):
    fired = []

    @task(task_run_name=template, name="unnamed", retries=3)
    def unnamed(x):
        pytest.fail("the body ran")

    unnamed.on_failure(lambda task, run, state: fired.append(type(state.data)))
    with pytest.raises(error) as info:
        unnamed(1)
    assert message in str(info.value)
    assert fired == [error]
    assert recorded.states("unnamed") == ["Pending", "Failed"]


@pytest.mark.parametrize("template", ["load {name!r} {n:02d}", lambda: "load 'a' 01"])
def test_a_flow_run_is_named_by_the_same_rules(recorded, template):
    @flow(flow_run_name=template)
    def load(name, n=1):
        return flow_run.name

    assert load("a") == "load 'a' 01"
    assert recorded.states("load 'a' 01")[-1] == "Completed"


def test_a_flow_run_name_is_made_of_validated_parameters(home):
    @flow(flow_run_name="{when:%Y} {n:03d}")
    def load(when: date, n: int):
        return flow_run.name

    assert load("2026-01-05", "7") == "2026 007"


def test_a_function_for_a_flow_run_name_may_ask_for_the_parameters_of_the_run(home):
    def name():
        context = get_run_context()
        assert context.flow_run.name == flow_run.name
        return f"{flow_run.flow_name} {flow_run.parameters['n']}"

    @flow(flow_run_name=name)
    def load(n: int):
        return flow_run.name

    assert load("7") == "load 7"


def test_a_flow_run_name_is_known_before_the_body_runs_and_made_once(recorded):
    made = []

    def name():
        made.append(1)
        return f"named {len(made)}"

    @flow(flow_run_name=name, retries=1)
    def load():
        if flow_run.run_count == 1:
            raise ValueError(flow_run.name)
        return flow_run.name

    assert load() == "named 1"
    assert recorded.states("named 1") == ["Pending", "Running", "Retrying", "Completed"]


def test_a_flow_whose_name_cannot_be_made_fails_and_fires_its_hooks(home):
    fired = []

    @flow(flow_run_name="{nope}", on_failure=[lambda flow, run, state: fired.append(state.name)])
    def load(x):
        pytest.fail("the body ran")

    with pytest.raises(KeyError, match="nope"):
        load(1)
    assert fired == ["Failed"]


def test_without_a_name_of_its_own_a_task_run_is_numbered_in_its_flow_run_only(home):
    @flow
    def outer():
        return [own_name(), own_name(), own_name.submit().result()]

    assert own_name() == "own_name"
    assert outer() == ["own_name-0", "own_name-1", "own_name-2"]


def test_without_a_name_of_its_own_a_flow_run_has_two_words(home):
    @flow
    def outer():
        return flow_run.name

    assert [len(outer().split("-")) for _ in range(3)] == [2, 2, 2]
