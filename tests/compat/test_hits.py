"""What a hit leaves behind, whose its value is, and what it is told to have saved."""

from __future__ import annotations

import gc
import time
import weakref

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS, Inputs
from flowstone.context import get_run_context
from flowstone.face.result_store import ResultStore
from flowstone.results.directory import Directory
from flowstone.results.keeper import Keeper
from flowstone.settings import ResultSettings
from flowstone.transactions import transaction
from flowstone.wiring.process import PROCESS
from tests.compat.counting import counted, files, set_settings


@pytest.mark.parametrize("value", ["a text of some length", b"bytes of some length", 12345.5])
def test_a_small_value_that_was_kept_or_found_leads_to_the_run_that_gave_it(recorded, value):
    made = []

    @task(cache_policy=INPUTS)
    def make(x):
        made.append(x)
        return type(value)(value[:-1] + value[-1:]) if hasattr(value, "join") else value + 1

    @task
    def use(given):
        return {name: [one.name for one in runs] for name, runs in inputs_here().items()}

    def inputs_here():
        return get_run_context().task_run.task_inputs

    @flow
    def etl():
        return [use(make(1)) for _ in range(4)]  # made, read, read again and held, from memory

    assert etl() == [{"given": [f"make-{n}"]} for n in range(4)]
    assert made == [1]


@pytest.mark.parametrize("times", [2, 4])
def test_what_one_caller_changes_in_a_result_the_next_one_does_not_see(home, times):
    ran = []

    @task(cache_policy=INPUTS)
    def rows(x):
        ran.append(x)
        return [x]

    for _ in range(times):
        found = rows(1)
        assert found == [1]
        found.append(2)
    assert ran == [1]


@pytest.mark.parametrize("is_hit", [True, False])
def test_a_cached_task_lets_go_of_its_arguments_without_a_garbage_collection(home, is_hit):
    class Big:
        pass

    @task(cache_policy=INPUTS - "big")
    def use(big, x):
        return x

    @flow
    def once():
        if is_hit:
            use(Big(), 1)
        gc.collect()
        gc.disable()
        big = Big()
        seen = weakref.ref(big)
        use(big, 1)
        del big
        return seen() is None

    try:
        assert once()
    finally:
        gc.enable()


def test_what_a_hit_saved_is_the_time_of_the_body_not_that_of_the_transaction(home):
    took = []

    @task(cache_policy=INPUTS)
    def work(x):
        began = time.time()
        time.sleep(0.05)
        took.append(time.time() - began)
        return x

    @flow
    def etl():
        began = time.time()
        with transaction():
            work(1)
            time.sleep(0.3)
        return time.time() - began

    whole = etl()
    (name,) = files(home)
    header = Keeper(Directory(str(home / "results"))).header(name)
    assert header is not None
    assert took[0] <= header.seconds <= whole - 0.3


def test_a_policy_that_is_derived_from_one_of_ours_is_asked_for_its_key(home):
    class Rounded(Inputs):
        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            return super().compute_key(task_ctx, {"x": round(inputs["x"])}, flow_parameters)

    double, calls = counted(cache_policy=Rounded())
    assert [double(1.1), double(0.9)] == [2.2, 2.2]
    assert calls == [1.1]


def test_a_result_store_keeps_to_the_bounds_of_the_settings(home):
    set_settings(home, results=ResultSettings(max_bytes=25_000))
    store = ResultStore()
    for number in range(8):
        store.write(b"x" * 10_000, f"key-{number}")
        time.sleep(0.01)
    ends = time.monotonic() + 10
    while len(files(home)) > 3 and time.monotonic() < ends:
        time.sleep(0.01)
    assert 1 <= len(files(home)) <= 3
    assert PROCESS.settings.results.max_bytes == 25_000
