"""Section 2.1: what `@flow` takes and what a flow shows; run names."""

from __future__ import annotations

import asyncio
import functools
import inspect

import pytest

from flowstone import Flow, flow, task
from flowstone.runtime import flow_run
from flowstone.settings import FlowSettings, Settings
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.wiring.process import PROCESS


def load_all(x: int = 1, y: int = 2):
    """Load everything."""
    return x + y


class Loader:
    """Loads."""

    def __call__(self, x: int):
        return x


def test_options_are_keywords():
    with pytest.raises(TypeError):
        flow(load_all, "a name")


def test_bare_with_options_and_as_a_call():
    assert flow(load_all).name == flow()(load_all).name == "load-all"
    assert flow(name="other")(load_all).name == Flow(load_all, name="other").name == "other"


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (load_all, "load-all"),
        (lambda: 1, "unknown-lambda"),
        (Loader(), "Loader"),
        (functools.partial(load_all, 1), "load-all"),
    ],
)
def test_the_name_is_that_of_the_function_with_dashes(fn, name):
    assert flow(fn).name == name


def test_partials_and_callable_objects_run_and_have_their_parameters_checked(home):
    assert flow(functools.partial(load_all, y=3))("4") == 7
    assert flow(Loader())("5") == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"description": 3}, "Expected string for flow parameter 'description'; got int instead."),
        ({"version": 1}, "Expected string for flow parameter 'version'; got int instead."),
        ({"tags": [1]}, "Expected strings in 'tags'; got 1 of type int."),
        ({"retries": "x"}, "`retries` must be a whole number; got 'x' of type str."),
        ({"task_runner": 3}, "`task_runner` must be a task runner; got int."),
        ({"on_crashed": load_all}, "Expected iterable for 'on_crashed'; got function instead."),
        ({"on_cancellation": ["x"]}, "Expected callables in 'on_cancellation'; got str instead."),
    ],
)
def test_options_of_the_wrong_kind_are_refused_at_the_declaration(options, message):
    with pytest.raises(TypeError) as info:
        flow(load_all, **options)
    assert message in str(info.value)


def test_what_nobody_gave_is_nothing():
    made = flow(load_all)
    assert (made.retries, made.retry_delay_seconds, made.timeout_seconds) == (0, 0, None)
    assert (made.flow_run_name, made.log_prints, made.should_validate_parameters) == (
        None,
        None,
        True,
    )
    assert made.description == "Load everything."
    assert made.fn is load_all
    hooks = made.on_running_hooks, made.on_completion_hooks, made.on_failure_hooks
    assert (*hooks, made.on_cancellation_hooks, made.on_crashed_hooks) == ([], [], [], [], [])


def test_retries_come_from_the_settings_unless_they_are_given(home):
    retries = FlowSettings(default_retries=2, default_retry_delay_seconds=0.5)
    PROCESS.restart(Settings(home=str(home), flows=retries))
    made, given = flow(load_all), flow(load_all, retries=0, retry_delay_seconds=0)
    assert (made.retries, made.retry_delay_seconds) == (2, 0.5)
    assert (given.retries, given.retry_delay_seconds) == (0, 0)


def test_fractions_of_a_second_and_several_delays_count():
    assert flow(load_all, retry_delay_seconds=0.25).retry_delay_seconds == 0.25
    assert flow(load_all, retry_delay_seconds=[1, 2.5]).retry_delay_seconds == [1, 2.5]


def test_the_task_runner_is_an_instance_whatever_was_given():
    assert isinstance(flow(load_all).task_runner, ThreadPoolTaskRunner)
    assert isinstance(
        flow(load_all, task_runner=ThreadPoolTaskRunner).task_runner, ThreadPoolTaskRunner
    )
    runner = ThreadPoolTaskRunner(max_workers=3)
    assert flow(load_all, task_runner=runner).task_runner is runner


def test_runs_that_follow_each_other_may_share_a_task_runner(home):
    runner = ThreadPoolTaskRunner(max_workers=1)
    double = task(lambda x: 2 * x)

    @flow(task_runner=runner)
    def child():
        return double.submit(2).result()

    @flow(task_runner=runner)
    def parent():
        return double.submit(child()).result() + child()

    assert parent() == 12
    assert child() == 4


def test_a_flow_looks_like_its_function():
    made = flow(load_all)
    assert (made.__name__, made.__doc__) == ("load_all", "Load everything.")
    assert inspect.signature(made) == inspect.signature(load_all)


def test_calling_fn_makes_no_run(recorded):
    assert flow(load_all).fn(1) == 3
    assert recorded.facts == []


def test_the_entrypoint_is_recorded(recorded):
    flow(load_all)()
    [definition] = recorded.definitions
    assert definition.entrypoint == f"{load_all.__module__}:load_all"


def test_decorated_hooks_come_back_unchanged_and_fire(home):
    fired = []
    made = flow(load_all)

    def hook(flow, run, state):
        fired.append(state.name)

    for register in (
        made.on_running,
        made.on_completion,
        made.on_failure,
        made.on_cancellation,
        made.on_crashed,
    ):
        assert register(hook) is hook
    made()
    assert fired == ["Running", "Completed"]


def test_an_interrupt_fires_on_crashed_alone(home):
    fired = []

    def hook(word):
        return lambda flow, run, state: fired.append((word, state.name))

    @flow(on_crashed=[hook("crashed")], on_failure=[hook("failed")])
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert fired == [("crashed", "Crashed")]


@pytest.mark.parametrize(
    "name", ["{x}-{y:03d}", lambda: f"{flow_run.parameters['x']}-002", lambda parameters: "5-002"]
)
def test_a_run_name_knows_the_checked_parameters(recorded, name):
    flow(load_all, flow_run_name=name)("5")
    assert recorded.states("5-002")[-1] == "Completed"


def test_a_run_name_is_made_once_for_all_attempts(home):
    asked, names = [], []

    def name():
        asked.append(1)
        return f"attempt {len(asked)}"

    @flow(flow_run_name=name, retries=1)
    def flaky():
        names.append(flow_run.name)
        if len(names) == 1:
            raise ValueError("x")

    flaky()
    assert names == ["attempt 1", "attempt 1"]


def test_a_run_name_of_the_wrong_kind_is_found_where_it_was_assigned_later(home):
    made = flow(load_all)
    made.flow_run_name = 3
    with pytest.raises(TypeError, match="Expected string or callable for 'flow_run_name'; got int"):
        made()


@pytest.mark.parametrize(
    ("name", "error"),
    [("{nope}", KeyError), (lambda: None, TypeError), ("{x.nope}", AttributeError)],
)
def test_a_name_that_cannot_be_made_fails_the_run_at_once(home, name, error):
    fired, called = [], []

    @flow(flow_run_name=name, retries=3, on_failure=[lambda flow, run, state: fired.append(run)])
    def named(x=1):
        called.append(x)

    with pytest.raises(error):
        named()
    assert [run.state_name for run in fired] == ["Failed"]
    assert called == []


def test_run_names_that_nobody_gave_are_two_words(home):
    @flow
    def named():
        return flow_run.name

    first, second = named().split("-")
    assert first.isalpha()
    assert second.isalpha()


def test_an_async_flow_gives_a_coroutine(home):
    @flow
    async def later(x: int):
        await asyncio.sleep(0)
        return x

    assert asyncio.run(later("3")) == 3
    assert asyncio.run(later(3, return_state=True)).result() == 3
