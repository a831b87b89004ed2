"""`with_options`: every option can be set, is carried on, and can be cleared."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS
from flowstone.flows import FlowOptions
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.tasks import TaskOptions, exponential_backoff


def add(x, y=2):
    """Add."""
    return x + y


def hook(declared, run, state): ...


def condition(task, run, state): ...


FOLDER = Path("/tmp/results")
RUNNER = ThreadPoolTaskRunner(max_workers=2)
SHARED = {
    "name": ("other", "other"),
    "description": ("what it does", "what it does"),
    "tags": (["a", "b"], {"a", "b"}),
    "version": ("7", "7"),
    "retries": (3, 3),
    "retry_delay_seconds": ([1, 2], [1, 2]),
    "log_prints": (True, True),
    "persist_result": (True, True),
    "result_storage": (FOLDER, FOLDER),
    "result_serializer": ("json", "json"),
    "cache_result_in_memory": (False, False),
    "timeout_seconds": (5, 5.0),
    "on_running": ([hook], [hook]),
    "on_completion": ([hook], [hook]),
    "on_failure": ([hook], [hook]),
}
TASK = SHARED | {
    "task_run_name": ("{x}", "{x}"),
    "retry_jitter_factor": (0.5, 0.5),
    "retry_condition_fn": (condition, condition),
    "timeout_isolated": (True, True),
    "infrastructure_retries": (2, 2),
    "viz_return_value": (3, 3),
    "on_commit": ([hook], [hook]),
    "on_rollback": ([hook], [hook]),
    "cache_policy": (INPUTS, INPUTS),
    "cache_key_fn": (condition, condition),
    "cache_expiration": (timedelta(days=1), timedelta(days=1)),
    "refresh_cache": (True, True),
    "result_storage_key": ("{parameters[x]}", "{parameters[x]}"),
}
FLOW = SHARED | {
    "flow_run_name": ("{x}", "{x}"),
    "task_runner": (RUNNER, RUNNER),
    "validate_parameters": (False, False),
    "on_cancellation": ([hook], [hook]),
    "on_crashed": ([hook], [hook]),
}
CASES = [
    pytest.param(make, option, *values, id=f"{make.__name__}-{option}")
    for make, options in ((task, TASK), (flow, FLOW))
    for option, values in options.items()
]
CANNOT_BE_NONE = {"cache_policy", "timeout_isolated", "validate_parameters"}


def seen(declared, option):
    if option == "validate_parameters":
        return declared.should_validate_parameters
    return getattr(declared, f"{option}_hooks" if option.startswith("on_") else option)


def test_the_cases_below_are_all_options():
    assert set(TASK) | {"cache_policy"} >= set(TaskOptions.__annotations__)
    assert set(FLOW) == set(FlowOptions.__annotations__)


@pytest.mark.parametrize(("make", "option", "given", "expected"), CASES)
def test_an_option_given_to_with_options_is_that_of_the_decorator(make, option, given, expected):
    plain = make(add)
    before = seen(plain, option)
    assert before != expected
    assert seen(make(add, **{option: given}), option) == expected
    assert seen(plain.with_options(**{option: given}), option) == expected
    assert seen(plain, option) == before


@pytest.mark.parametrize(("make", "option", "given", "expected"), CASES)
def test_an_option_is_carried_through_with_options(make, option, given, expected):
    another = "description" if option == "name" else "name"
    made = make(add, **{option: given}).with_options(**{another: "new"})
    assert seen(made.with_options(), option) == expected
    assert getattr(made, another) == "new"


@pytest.mark.parametrize(
    ("make", "option", "given", "expected"),
    [case for case in CASES if case.values[1] not in CANNOT_BE_NONE],
)
def test_none_clears_an_option(make, option, given, expected):
    made = make(add, **{option: given}).with_options(**{option: None})
    assert type(seen(made, option)) is type(seen(make(add), option))
    if option != "task_runner":
        assert seen(made, option) == seen(make(add), option)


@pytest.mark.parametrize("make", [task, flow])
def test_zero_and_nothing_clear_too(make):
    made = make(
        add, retries=3, retry_delay_seconds=3, timeout_seconds=3, tags=["a"], on_failure=[hook]
    )
    cleared = made.with_options(
        retries=0, retry_delay_seconds=0, timeout_seconds=0, tags=[], on_failure=[]
    )
    assert (cleared.retries, cleared.retry_delay_seconds, cleared.timeout_seconds) == (0, 0, None)
    assert (cleared.tags, cleared.on_failure_hooks) == (set(), [])


@pytest.mark.parametrize("make", [task, flow])
def test_tags_and_hooks_are_copied_not_shared(make):
    made = make(add, tags=["a"], on_completion=[hook])
    other = made.with_options()
    other.tags.add("b")
    other.on_completion(condition)
    assert made.tags == {"a"}
    assert made.on_completion_hooks == [hook]


@pytest.mark.parametrize("make", [task, flow])
def test_tags_replace_and_do_not_add_up(make):
    assert make(add, tags=["a"]).with_options(tags=["b"]).tags == {"b"}


@pytest.mark.parametrize("make", [task, flow])
def test_what_can_be_read_once_only_is_carried_too(make):
    made = make(
        add,
        tags=(letter for letter in "ab"),
        on_completion=iter([hook]),
        retries=2,
        retry_delay_seconds=iter([1, 2]),
    )
    other = made.with_options(name="other")
    assert other.tags == made.tags == {"a", "b"}
    assert other.on_completion_hooks == made.on_completion_hooks == [hook]
    assert other.retry_delay_seconds == made.retry_delay_seconds == [1, 2]


@pytest.mark.parametrize("option", ["on_running", "on_completion", "on_failure"])
@pytest.mark.parametrize("make", [task, flow])
def test_hooks_added_after_the_declaration_are_carried(make, option):
    made = make(add)
    getattr(made, option)(hook)
    assert seen(made.with_options(name="other"), option) == [hook]


def test_hooks_for_the_ends_of_flows_are_carried():
    made = flow(add)
    made.on_cancellation(hook)
    made.on_crashed(hook)
    other = made.with_options(name="other")
    assert (other.on_cancellation_hooks, other.on_crashed_hooks) == ([hook], [hook])


def test_a_run_name_assigned_after_the_declaration_is_carried():
    made = task(add)
    made.task_run_name = "{x}!"
    assert made.with_options(name="other").task_run_name == "{x}!"


def test_a_function_of_delays_is_asked_again_for_other_retries():
    made = task(add, retries=1, retry_delay_seconds=exponential_backoff(2))
    assert made.retry_delay_seconds == 2
    assert made.with_options(retries=3).retry_delay_seconds == [2, 4, 8]


@pytest.mark.parametrize("make", [task, flow])
def test_an_unknown_option_is_named_with_the_likely_one(make):
    with pytest.raises(TypeError, match=r"'retires'\. Did you mean 'retries'"):
        make(add).with_options(retires=3)


@pytest.mark.parametrize("make", [task, flow])
def test_the_result_is_of_the_same_class(make):
    class Special(type(make(add))):
        pass

    assert type(Special(add).with_options(name="x")) is Special


def test_a_flow_keeps_its_entrypoint(home):
    made = flow(add)
    assert made.with_options(name="other").definition.entrypoint == made.definition.entrypoint


def test_the_new_options_hold_in_runs(recorded):
    made = task(add, retries=2).with_options(name="renamed", tags=["t"], version="2")
    assert made(1) == 3
    assert recorded.created("renamed").tags == ("t",)
    [definition] = recorded.definitions
    assert (definition.name, definition.version, definition.retries) == ("renamed", "2", 2)
