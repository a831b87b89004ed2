"""Caching and kept results, as users know them: reference 2.4, 2.8, 7.4 and 7.8."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE, CacheKeyFnPolicy
from flowstone.context import get_run_context
from flowstone.exceptions import ConfigurationError
from flowstone.locking.memory import MemoryLockManager
from flowstone.settings import ResultSettings, TaskSettings
from flowstone.states import Completed, Failed
from flowstone.tasks import task_input_hash
from tests.compat.counting import counted, files, set_settings

# looking up: 7.4


def test_a_call_whose_result_is_kept_is_cached_and_its_function_not_called(recorded):
    double, calls = counted(cache_policy=INPUTS)
    first, second = double(2, return_state=True), double(2, return_state=True)
    assert (first.name, second.name, second.type) == ("Completed", "Cached", "COMPLETED")
    assert first.result() == second.result() == 4
    assert calls == [2]
    assert double(3) == 6
    assert calls == [2, 3]


def test_a_cached_run_was_running_once_and_its_hooks_run(recorded):
    told = []

    def hook(declared, run, state):
        told.append((state.name, run.run_count, state.data))

    @task(cache_policy=INPUTS, on_running=[hook], on_completion=[hook], name="hooked")
    def add(x):
        return x + 1

    @flow
    def both():
        add(1)
        add(1)

    both()
    assert told == [
        ("Running", 1, None), ("Completed", 1, 2), ("Running", 1, None), ("Cached", 1, 2),
    ]  # fmt: skip
    assert recorded.states("hooked-1") == ["Pending", "Running", "Cached"]


def test_submitted_mapped_and_awaited_calls_look_up_too(home):
    double, calls = counted(cache_policy=INPUTS)
    awaited = []

    @task(cache_policy=INPUTS.configure(key_storage=home / "keys"))
    async def adouble(x):
        awaited.append(x)
        return 2 * x

    @flow
    def sync_flow():
        return [
            double.submit(1).result(),
            *double.map([1, 1, 2]).result(),
            adouble.submit(1).result(),
        ]

    @flow
    async def async_flow():
        return await asyncio.gather(adouble(1), adouble(1), adouble(2))

    assert sync_flow() == [2, 2, 2, 4, 2]
    assert asyncio.run(async_flow()) == [2, 2, 4]
    assert (sorted(calls), awaited) == ([1, 2], [1, 2])


def test_a_none_is_found_again(home):
    calls = []

    @task(cache_policy=INPUTS)
    def nothing(x):
        calls.append(x)

    assert (nothing(1), nothing(1), calls) == (None, None, [1])


def test_tasks_that_make_the_same_key_share_a_result_across_flows(home):
    def key(context, arguments):
        return f"shared-{arguments['x']}"

    @task(cache_key_fn=key)
    def one(x):
        return "one"

    @task(cache_key_fn=key)
    def other(x):
        return "other"

    assert flow(lambda: one(1))() == "one"
    assert flow(lambda: other(1))() == "one"
    assert other(2) == "other"


def test_a_key_function_sees_the_run_and_the_arguments(home):
    seen = []

    def key(context, arguments):
        seen.append((context.task.name, context.task_run.name, arguments))
        return "k"

    @task(cache_key_fn=key)
    def add(x, y=2):
        return x + y

    assert add(1) == 3
    assert seen == [("add", "add", {"x": 1, "y": 2})]


def test_a_key_function_that_gives_none_means_no_caching(home):
    double, calls = counted(cache_key_fn=lambda context, arguments: None)
    double(1), double(1)
    assert calls == [1, 1]
    assert files(home) == []


def test_a_result_whose_time_is_over_is_made_anew(home):
    double, calls = counted(cache_policy=INPUTS, cache_expiration=timedelta(days=1))
    kept_short, short_calls = counted(
        cache_key_fn=lambda context, arguments: "k", cache_expiration=timedelta(seconds=-1)
    )
    double(1), double(1), kept_short(1), kept_short(1)
    assert (calls, short_calls) == ([1], [1, 1])


def test_the_writers_expiration_holds_for_all_who_read(home):
    writer, _ = counted(cache_key_fn=lambda *_: "k", cache_expiration=timedelta(seconds=-1))
    reader, calls = counted(cache_key_fn=lambda *_: "k")
    writer(1), reader(1), reader(1)
    assert calls == [1]


def test_refresh_cache_makes_the_result_anew_and_keeps_it(home):
    values = iter("ab")

    @task(cache_key_fn=lambda *_: "k")
    def letter():
        return next(values)

    assert (letter(), letter()) == ("a", "a")
    assert letter.with_options(refresh_cache=True)() == "b"
    assert letter() == "b"


def test_refresh_cache_of_the_settings_gives_way_to_the_tasks_own(home):
    set_settings(home, tasks=TaskSettings(refresh_cache=True))
    double, calls = counted(cache_policy=INPUTS)
    kept, kept_calls = counted(cache_key_fn=lambda *_: "k", refresh_cache=False)
    double(1), double(1), kept(1), kept(1)
    assert (calls, kept_calls) == ([1, 1], [1])


@pytest.mark.parametrize("made", ["disable_caching", "default_no_cache"])
def test_a_setting_switches_caching_off_for_what_is_declared_then(home, made):
    before, before_calls = counted(cache_policy=INPUTS)
    set_settings(
        home, tasks=TaskSettings(**{made: True}), results=ResultSettings(persist_by_default=True)
    )
    usual, usual_calls = counted()
    chosen, chosen_calls = counted(cache_policy=INPUTS)
    for one in (before, usual, chosen):
        one(5), one(5)
    assert before_calls == [5]
    assert usual_calls == [5, 5]
    assert usual.cache_policy == NO_CACHE
    assert chosen_calls == ([5, 5] if made == "disable_caching" else [])


def test_with_the_default_policy_a_result_is_good_within_its_flow_run(home):
    double, calls = counted(persist_result=True)

    @flow
    def twice():
        double(1), double(1)

    twice()
    assert calls == [1]
    twice()
    assert calls == [1, 1]
    double(1), double(1)
    assert calls == [1] * 4


def test_a_failed_run_is_not_found_again(home):
    calls = []

    @task(cache_policy=INPUTS, retries=1)
    def fails(x):
        calls.append(x)
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(ValueError, match="1"):
            fails(1)
    assert calls == [1] * 4


def test_the_data_of_a_returned_state_is_kept_if_it_is_completed(home):
    states = iter([Failed(message="no"), Completed(data=7), Completed(data=8)])

    @task(cache_key_fn=lambda *_: "k")
    def state():
        return next(states)

    assert state(return_state=True).is_failed()
    assert (state(), state()) == (7, 7)


# locks: 7.8


def test_a_serializable_policy_without_locks_is_a_configuration_error(recorded):
    double, calls = counted(cache_policy=INPUTS.configure(isolation_level="SERIALIZABLE"))
    with pytest.raises(ConfigurationError, match="not supported by provided configuration"):
        double(1)
    assert calls == []


def test_a_serializable_policy_holds_the_lock_of_its_key_while_it_computes(home):
    manager, held = MemoryLockManager(), []

    @task(cache_policy=CacheKeyFnPolicy(
        cache_key_fn=lambda *_: "k", isolation_level="SERIALIZABLE", lock_manager=manager
    ))  # fmt: skip
    def look():
        held.append(manager.is_locked("k"))
        return 1

    manager.acquire_lock("k", "somebody else")
    release = threading.Timer(0.05, manager.release_lock, ("k", "somebody else"))
    release.start()
    assert (look(), look(), held) == (1, 1, [True])
    assert not manager.is_locked("k")
    release.join()


# retries of flows: 2.4, 2.8


def test_a_retried_flow_runs_again_only_what_did_not_complete(home):
    double, calls = counted()
    inner_calls, attempts = [], []

    @flow
    def inner(x):
        inner_calls.append(x)
        if len(inner_calls) == 2:
            raise ValueError("inner")
        return [x]

    @flow(retries=3, persist_result=True)
    def outer():
        attempts.append(get_run_context().flow_run.run_count)
        values = double(1), inner(1), inner(2), inner(2)
        if len(attempts) < 4:
            raise ValueError("outer")
        return values

    assert outer() == (2, [1], [2], [2])
    assert calls == [1]
    assert attempts == [1, 2, 3, 4]
    assert inner_calls == [1, 2, 2, 2]


def test_a_subflow_with_other_arguments_is_not_the_one_that_completed(home):
    calls = []

    @flow
    def inner(x):
        calls.append(x)
        return x

    @flow(retries=1, persist_result=True)
    def outer():
        value = inner(get_run_context().flow_run.run_count)
        if value == 1:
            raise ValueError("again")
        return value

    assert outer() == 2
    assert calls == [1, 2]


def test_without_kept_results_a_retried_flow_runs_everything_again(home):
    double, calls = counted()
    attempts = []

    @flow(retries=1)
    def outer():
        double(1)
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("again")

    outer()
    assert calls == [1, 1]


def test_a_refusal_to_keep_is_told_once_a_task(home, caplog):
    caplog.set_level(logging.WARNING)

    @task(cache_policy=INPUTS, name="picky")
    def picky(lock):
        return 1

    flow(lambda: [picky(threading.Lock()) for _ in range(3)])()
    told = [record for record in caplog.records if "picky" in record.getMessage()]
    assert len(told) == 1
    assert "argument 'lock'" in told[0].getMessage()


def test_the_hash_of_the_inputs_makes_a_key_of_task_code_and_arguments(home):
    double, calls = counted(cache_key_fn=task_input_hash)
    assert (double(1), double(1), double(2)) == (2, 2, 4)
    assert calls == [1, 2]


def test_a_counter_that_a_task_assigns_itself_does_not_change_its_key(home):
    count = 0

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def counts(x):
        nonlocal count
        count += 1
        return x

    assert (counts(1), counts(2), counts(1), count) == (1, 2, 1, 2)
