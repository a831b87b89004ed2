"""Which results are kept, and where, as users know it: reference 1.1, 1.7, 2.1 and 7.5."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.cache_policies import DEFAULT, INPUTS, NO_CACHE, CacheKeyFnPolicy
from flowstone.results import get_result_store, should_persist_result
from flowstone.serializers import JSONSerializer
from flowstone.settings import ResultSettings, TaskSettings
from tests.compat.counting import counted, files, set_settings


def test_by_default_nothing_is_kept(home):
    double, calls = counted()
    flow(lambda: double(1))()
    double(1)
    assert calls == [1, 1]
    assert not (home / "results").exists()


@pytest.mark.parametrize(
    ("options", "persists", "policy"),
    [
        ({}, None, DEFAULT),
        ({"persist_result": True}, True, DEFAULT),
        ({"persist_result": False}, False, NO_CACHE),
        ({"cache_policy": INPUTS}, True, INPUTS),
        ({"cache_policy": None}, None, None),
        ({"cache_policy": NO_CACHE}, None, NO_CACHE),
        ({"result_storage": Path("/tmp/r")}, True, DEFAULT),
        ({"result_serializer": "json"}, True, DEFAULT),
        ({"result_storage_key": "k"}, True, None),
        ({"result_storage_key": "k", "cache_policy": INPUTS}, True, None),
        ({"result_storage_key": "k", "cache_policy": NO_CACHE}, True, NO_CACHE),
        ({"cache_policy": NO_CACHE, "persist_result": False}, False, NO_CACHE),
    ],
)
def test_persistence_and_policy_follow_from_what_was_given(options, persists, policy, caplog):
    made = task(lambda x: x, **options)
    assert (made.persist_result, made.cache_policy) == (persists, policy)
    again = made.with_options(name="other")
    assert (again.persist_result, again.cache_policy) == (persists, policy)
    assert caplog.records == []


def test_a_key_function_makes_the_policy_and_wins_over_one_with_a_warning(caplog):
    def key(context, arguments):
        return "k"

    made = task(lambda: 1, name="both", cache_key_fn=key, cache_policy=INPUTS)
    assert isinstance(made.cache_policy, CacheKeyFnPolicy)
    assert (made.cache_key_fn, made.persist_result) == (key, True)
    assert "`cache_key_fn` will be used" in caplog.text
    assert "'both'" in caplog.text


def test_a_policy_without_a_kept_result_is_ignored_with_a_warning(caplog):
    made = task(lambda: 1, cache_policy=INPUTS, persist_result=False)
    assert made.cache_policy == NO_CACHE
    assert "Ignoring `cache_policy` because `persist_result` is False" in caplog.text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cache_policy": "inputs"}, TypeError),
        ({"cache_key_fn": "key"}, TypeError),
        ({"cache_expiration": 60}, TypeError),
        ({"result_storage": "s3-bucket/name"}, ValueError),
        ({"result_storage": 7}, TypeError),
        ({"result_serializer": "jsn"}, ValueError),
        ({"result_storage_key": 7}, TypeError),
    ],
)
def test_a_wrong_option_is_refused_at_the_declaration(options, error):
    with pytest.raises(error):
        task(lambda: 1, **options)


def test_a_flow_decides_for_what_does_not_say(home):
    plain, calls = counted()
    never, never_calls = counted(persist_result=False)

    @flow(persist_result=True)
    def keeping():
        assert should_persist_result()
        plain(1), plain(1), never(1), never(1)
        inner()

    @flow
    def inner():
        assert should_persist_result()
        plain(2), plain(2)

    keeping()
    assert (calls, never_calls) == ([1, 2], [1, 1])
    assert len(files(home)) == 4  # two of the task, two of the flows


def test_a_setting_of_tasks_comes_before_the_flow_and_one_of_results_behind_it(home):
    set_settings(
        home, TaskSettings(default_persist_result=False), ResultSettings(persist_by_default=True)
    )
    double, calls = counted()
    flow(lambda: [double(1), double(1)], persist_result=True)()
    assert calls == [1, 1]
    set_settings(home, results=ResultSettings(persist_by_default=True))
    flow(lambda: [double(2), double(2)])()
    flow(lambda: [double(3), double(3)], persist_result=False)()
    assert calls == [1, 1, 2, 3, 3]


def test_a_default_storage_turns_persistence_on(home, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    set_settings(home, results=ResultSettings(default_storage=str(other)))
    double, calls = counted()
    flow(lambda: [double(1), double(1)])()
    assert calls == [1]
    assert len([path for path in other.iterdir() if path.is_file()]) == 2


def test_storage_and_serializer_come_from_the_task_then_the_flows_around(home, tmp_path_factory):
    outer_place, own_place = tmp_path_factory.mktemp("outer"), tmp_path_factory.mktemp("own")
    seen = []

    @task(result_storage_key="inherits")
    def inherits():
        store = get_result_store()
        seen.append((store.result_storage.basepath, store.serializer))
        return [1]

    @task(result_storage=own_place, result_storage_key="own", result_serializer="pickle")
    def has_its_own():
        return [2]

    @flow
    def inner():
        inherits(), has_its_own()

    @flow(result_storage=outer_place, result_serializer="json")
    def outer():
        inner()

    outer()
    assert seen == [(str(outer_place), JSONSerializer())]
    assert (outer_place / "inherits").read_bytes().endswith(b"[1]")
    assert (own_place / "own").is_file()
    assert files(home) == []


def test_a_storage_key_is_filled_in_and_what_is_there_is_not_computed_again(home):
    calls = []

    @task(result_storage_key="{flow_run.flow_name}/{task_run.task_name}-{parameters[x]}.bin")
    def double(x):
        calls.append(x)
        return 2 * x

    @flow(name="etl")
    def both():
        return [double(1), double(1), double(2)]

    assert both() == [2, 2, 4]
    assert both() == [2, 2, 4]
    assert calls == [1, 2]
    assert (home / "results" / "etl" / "double-1.bin").is_file()


def test_without_a_cache_a_storage_key_is_written_each_time(home):
    double, calls = counted(result_storage_key="k", cache_policy=NO_CACHE)
    double(1), double(2)
    assert calls == [1, 2]
    assert files(home) == ["k"]


def test_a_storage_key_that_cannot_be_filled_in_is_one_warning_and_no_error(home, caplog):
    double, calls = counted(result_storage_key="{parameters[y]}")
    assert flow(lambda: [double(1), double(1)])() == [2, 2]
    assert calls == [1, 1]
    assert caplog.text.count("result_storage_key '{parameters[y]}' cannot be filled in") == 1


def test_inherited_persistence_leaves_no_file_without_a_key(home):
    double, _ = counted(cache_policy=NO_CACHE)
    flow(lambda: double(1), persist_result=True)()
    assert len(files(home)) == 1  # the flow's own


def test_a_result_that_was_asked_for_is_kept_without_a_key_too(home):
    double, calls = counted(persist_result=True, cache_policy=NO_CACHE)
    double(1), double(1)
    assert calls == [1, 1]
    assert len(files(home)) == 2


@pytest.mark.parametrize("cached", [INPUTS, NO_CACHE])
def test_a_result_that_cannot_be_written_is_a_warning_and_reaches_the_caller(home, caplog, cached):
    @task(persist_result=True, cache_policy=cached)
    def lock(x):
        return threading.Lock()

    state = lock(1, return_state=True)
    assert state.name == "Completed"
    assert state.result().acquire(blocking=False)
    assert "The result was not kept" in caplog.text
    assert files(home) == []


def test_nothing_of_results_in_memory_still_finds_them_in_the_storage(home):
    double, calls = counted(cache_policy=INPUTS, cache_result_in_memory=False)
    assert (double(1), double(1), calls) == (2, 2, [1])
    assert double.cache_result_in_memory is False


def test_what_a_caller_changes_in_a_result_the_next_one_does_not_see(home):
    @task(cache_policy=INPUTS)
    def numbers(x):
        return [x]

    numbers(1).append("mine")
    numbers(1).append("mine too")
    assert numbers(1) == [1]
