"""Section 1: what `@task` takes, what a task shows, how its arguments find their parameters."""

from __future__ import annotations

import functools
import inspect
from datetime import timedelta

import pytest

from flowstone import Task, flow, task
from flowstone.exceptions import ParameterBindError
from flowstone.settings import Settings, TaskSettings
from flowstone.states import Completed
from flowstone.wiring.process import PROCESS


def add(x, y=2):
    """Add two numbers."""
    return x + y


class Adder:
    """Adds."""

    def __call__(self, x, y=2):
        return x + y


def traced(fn):
    """Wrap a function so that it shows how it was called."""

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return args, kwargs

    return wrapper


def test_options_are_keywords():
    with pytest.raises(TypeError):
        task(add, "a name")
    with pytest.raises(TypeError):
        Task(add, "a name")


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (add, "add"),
        (lambda x: x, "<lambda>"),
        (Adder(), "Adder"),
        (functools.partial(add, 1), "add"),
        (functools.partial(functools.partial(Adder(), 1), y=1), "Adder"),
    ],
)
def test_the_name_is_that_of_the_function_or_the_objects_class(fn, name):
    assert task(fn).name == name
    assert task(fn, name="given").name == "given"


def test_a_tasks_name_may_have_any_characters(recorded):
    task(add, name="a/b %&<>é")(1)
    assert recorded.states("a/b %&<>é")[-1] == "Completed"


@pytest.mark.parametrize(
    ("fn", "text"),
    [
        (add, "Add two numbers."),
        (Adder(), "Adds."),
        (functools.partial(add, 1), "Add two numbers."),
        (lambda x: x, None),
    ],
)
def test_the_description_is_the_docstring(fn, text):
    assert task(fn).description == text
    assert task(fn, description="given").description == "given"


@pytest.mark.parametrize(
    "fn",
    [Adder(), functools.partial(add, y=2), lambda x, y=2: x + y, add],
    ids=["object", "partial", "lambda", "function"],
)
@pytest.mark.parametrize("options", [{}, {"name": "given"}])
def test_any_callable_makes_a_task_that_runs(home, fn, options):
    made = task(fn, **options)
    assert made(1) == 3
    assert made(1, y=5) == 6


def test_tags_may_be_any_iterable_and_are_recorded(recorded):
    made = task(add, tags=(letter for letter in "ba"))
    assert made.tags == {"a", "b"}
    made(1)
    assert recorded.created("add").tags == ("a", "b")


def test_the_version_is_recorded(recorded):
    task(add, version="1.5")(1)
    [definition] = recorded.definitions
    assert definition.version == "1.5"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 3}, "Expected string for task parameter 'name'; got int instead."),
        ({"description": 3}, "Expected string for task parameter 'description'; got int"),
        ({"version": 1}, "Expected string for task parameter 'version'; got int instead."),
        ({"tags": [1]}, "Expected strings in 'tags'; got 1 of type int."),
        ({"retries": "x"}, "`retries` must be a whole number; got 'x' of type str."),
        ({"retries": 1.5}, "`retries` must be a whole number; got 1.5 of type float."),
        ({"retry_delay_seconds": ["x"]}, "Invalid `retry_delay_seconds` provided"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_at_the_declaration(options, message):
    with pytest.raises(TypeError) as info:
        task(add, **options)
    assert message in str(info.value)


def test_what_nobody_gave_is_nothing():
    made = task(add)
    assert (made.retries, made.retry_delay_seconds, made.retry_jitter_factor) == (0, 0, None)
    assert (made.timeout_seconds, made.version, made.log_prints) == (None, None, None)
    assert (made.task_run_name, made.retry_condition_fn, made.viz_return_value) == (None,) * 3
    assert made.tags == set()
    hooks = made.on_running_hooks, made.on_completion_hooks, made.on_failure_hooks
    assert hooks == ([], [], [])


def test_retries_come_from_the_settings_unless_they_are_given(home):
    retries = TaskSettings(default_retries=2, default_retry_delay_seconds=0.5)
    PROCESS.restart(Settings(home=str(home), tasks=retries))
    made, given = task(add), task(add, retries=0, retry_delay_seconds=0)
    assert (made.retries, made.retry_delay_seconds) == (2, 0.5)
    assert (given.retries, given.retry_delay_seconds) == (0, 0)


def test_fewer_than_no_retries_are_none(home):
    attempts = []

    @task(retries=-1)
    def fails():
        attempts.append(1)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert attempts == [1]


def test_fifty_delays_are_not_too_many():
    assert len(task(add, retry_delay_seconds=range(50)).retry_delay_seconds) == 50
    with pytest.raises(ValueError, match="Can not configure more than 50 retry delays per task"):
        task(add, retries=60, retry_delay_seconds=lambda retries: [1] * retries)


def test_a_function_of_delays_is_asked_once_at_the_declaration():
    asked = []

    def delays(retries):
        asked.append(retries)
        return [retries]

    assert task(add, retries=4, retry_delay_seconds=delays).retry_delay_seconds == 4
    assert asked == [4]


def test_a_run_name_of_the_wrong_kind_is_found_where_it_was_assigned_later(recorded):
    made = task(add)
    made.task_run_name = 3
    with pytest.raises(TypeError, match="Expected string or callable for 'task_run_name'; got int"):
        made(1)
    assert recorded.states("add")[-1] == "Failed"


def test_a_task_looks_like_its_function():
    made = task(add)
    assert (made.__name__, made.__qualname__, made.__doc__) == ("add", "add", "Add two numbers.")
    assert made.__module__ == __name__
    assert inspect.signature(made) == inspect.signature(add)


def test_the_source_code_is_the_functions_text():
    assert task(add).source_code == inspect.getsource(add)
    assert task(Adder()).source_code is None
    scope: dict = {}
    exec("def typed_in(): ...", scope)
    assert task(scope["typed_in"]).source_code is None


def test_the_source_code_goes_along_where_a_task_is_sent_elsewhere():
    assert task(add).__getstate__()["source_code"] == inspect.getsource(add)


def test_calling_fn_makes_no_run(recorded):
    assert task(add).fn(1) == 3
    assert recorded.facts == []


def test_variadic_arguments_are_one_tuple_and_one_dict(recorded):
    @task(task_run_name="{x} {rest} {named[a]}")
    def takes(x, *rest, **named):
        return x, rest, named

    assert takes(1, 2, 3, a=4) == (1, (2, 3), {"a": 4})
    assert recorded.states("1 (2, 3) 4")[-1] == "Completed"


def test_defaults_are_among_the_parameters_of_a_name(recorded):
    task(add, task_run_name="{x}+{y}")(1)
    assert recorded.states("1+2")[-1] == "Completed"


def test_annotations_of_tasks_mean_nothing(home):
    def takes(x: int, y: 3, z: "no such name"):  # noqa: F722
        return x, y, z

    takes.__annotations__ = {"x": int, "y": 3, "z": "no such name"}
    assert task(takes)("a", "b", "c") == ("a", "b", "c")


def test_what_a_task_changes_in_an_argument_its_caller_sees(home):
    found = []

    @task
    def append(to):
        to.append(1)
        return to

    assert append(found) is found
    assert found == [1]


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1,), {}), ((1,), {"y": 3}), ((), {"x": 1}), ((1, 2), {})]
)
def test_arguments_reach_the_function_as_they_were_given(home, args, kwargs):
    assert task(traced(add))(*args, **kwargs) == (args, kwargs)


def test_a_keyword_that_is_also_given_by_position_is_refused(recorded):
    @task
    def takes(x, **others): ...

    with pytest.raises(ParameterBindError, match="multiple values for argument 'x'"):
        takes(1, x=2)
    assert recorded.facts == []


def test_a_keyword_may_have_the_name_of_a_positional_only_parameter(home):
    @task
    def takes(x, /, **others):
        return x, others

    assert takes(1, x=2) == (1, {"x": 2})


def test_an_async_task_refuses_its_arguments_before_it_is_awaited(recorded):
    @task
    async def takes(x): ...

    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        takes()
    assert recorded.facts == []


def test_values_that_are_no_futures_may_be_waited_for(home):
    assert task(add)(1, wait_for=[3, "x", None]) == 3


def test_a_run_may_be_passed_to_a_task_like_any_value(home):
    runs = []

    @task(on_completion=[lambda task, run, state: runs.append(run)])
    def first(): ...

    @flow
    def passes():
        first()
        return task(lambda run: run)(runs[0]) is runs[0]

    assert passes() is True


def test_the_key_is_the_same_after_an_edit_and_other_for_other_tags():
    scope: list[dict] = [{"__name__": "module"}, {"__name__": "module"}]
    exec("def load(): return 1", scope[0])
    exec("def load(): return 2", scope[1])
    first, edited = (task(one["load"]) for one in scope)
    assert first.task_key == edited.task_key
    assert task(scope[0]["load"], tags=["t"]).task_key != first.task_key
    assert task(Adder()).task_key.startswith("Adder-")
    assert task(functools.partial(add, 1)).task_key.startswith("add-")


def test_hooks_may_be_partials_and_may_take_more_with_defaults(home):
    calls = []

    def hook(word, task, run, state, more="default"):
        calls.append((word, task.name, state.name, more))

    task(add, on_completion=[functools.partial(hook, "a"), functools.partial(hook, "b")])(1)
    assert calls == [("a", "add", "Completed", "default"), ("b", "add", "Completed", "default")]


def test_decorated_hooks_come_back_unchanged():
    made = task(add)

    def hook(task, run, state): ...

    for register in (made.on_running, made.on_completion, made.on_failure):
        assert register(hook) is hook
    assert made.on_running_hooks == made.on_completion_hooks == made.on_failure_hooks == [hook]


def test_on_completion_fires_for_completed_states_of_any_name(home):
    names = []

    @task(on_completion=[lambda task, run, state: names.append(state.name)])
    def checked():
        return Completed(name="Checked")

    checked()
    assert names == ["Checked"]


def test_on_running_fires_for_every_attempt_before_the_body(home):
    order = []

    @task(retries=1, on_running=[lambda task, run, state: order.append(state.name)])
    def flaky():
        order.append("body")
        if order.count("body") == 1:
            raise ValueError("x")

    flaky()
    assert order == ["Running", "body", "Retrying", "body"]


def test_hooks_are_told_in_the_log(recorded):
    def note(task, run, state): ...

    task(add, on_completion=[note])(1)
    assert "Running hook 'note' in response to entering state 'Completed'" in recorded.lines
    assert "Hook 'note' finished running successfully" in recorded.lines


def test_a_hook_that_is_a_partial_is_told_by_its_functions_name(recorded):
    def note(word, task, run, state): ...

    task(add, on_completion=[functools.partial(note, "a")])(1)
    assert "Hook 'note' finished running successfully" in recorded.lines


def test_a_task_run_tells_its_times_and_attempts(home):
    runs, attempts = [], []

    @task(retries=2, on_completion=[lambda task, run, state: runs.append(run)])
    def flaky():
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("x")

    flaky()
    [run] = runs
    assert run.run_count == 3
    assert run.created <= run.start_time <= run.end_time
    rounded = timedelta(microseconds=1)
    assert timedelta(0) <= run.total_run_time <= run.end_time - run.start_time + rounded
