"""What users of other tools complain about in caching and results, each by its symptom."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.cache_policies import DEFAULT, INPUTS
from flowstone.concurrency.sync import concurrency
from flowstone.exceptions import MissingResult, OutsideStorage, UnfinishedRun
from flowstone.locking.memory import MemoryLockManager
from flowstone.results import result_of, state_of
from flowstone.settings import ResultSettings, TaskSettings
from flowstone.states import get_state_exception
from flowstone.wiring.process import PROCESS
from tests.compat.counting import counted, files, set_settings


def in_a_process(home, code, *arguments):
    """Run a script in a process of its own, with that home; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_argument_that_cannot_be_hashed_never_gives_the_result_of_another_one(home):
    """B1: a key without the part that failed gave one input's result for another."""
    calls = []

    @task(cache_policy=DEFAULT)
    def use(connection, x):
        calls.append(x)
        return x

    @flow
    def both():
        return use(threading.Lock(), 1), use(threading.Lock(), 1), use(threading.Lock(), 2)

    assert both() == (1, 1, 2)
    assert calls == [1, 1, 2]
    assert flow(lambda: (use("dsn", 3), use("dsn", 3)))() == (3, 3)
    assert calls == [1, 1, 2, 3]  # what can be hashed is cached


def test_a_method_without_self_in_its_key_is_cached_for_all_instances(home):
    """B2: `DEFAULT - "self"` added inputs rather than removing one."""
    calls = []

    class Client:
        def __init__(self, name):
            self.name, self.connection = name, threading.Lock()

        @task(cache_policy=DEFAULT - "self")
        def fetch(self, x):
            calls.append((self.name, x))
            return x

    @flow
    def three():
        return Client("a").fetch(1), Client("b").fetch(1), Client("b").fetch(2)

    assert three() == (1, 1, 2)
    assert calls == [("a", 1), ("b", 2)]


def test_the_second_run_of_a_script_finds_what_the_first_one_kept(home, tmp_path):
    """B3: pickled keys of a script's own classes differed from run to run."""
    script = tmp_path / "script.py"
    script.write_text(
        "from dataclasses import dataclass\n"
        "from flowstone import flow, task\n"
        "from flowstone.cache_policies import INPUTS, TASK_SOURCE\n"
        "@dataclass\n"
        "class Order:\n"
        "    items: set[str]\n"
        "@task(cache_policy=INPUTS + TASK_SOURCE)\n"
        "def price(order):\n"
        "    return len(order.items)\n"
        "@flow\n"
        "def shop():\n"
        "    return price(Order({'a', 'b', 'c'}), return_state=True)\n"
        "print(shop().name)\n"
    )
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    assert [in_a_process(home, code) for _ in range(3)] == ["Completed", "Cached", "Cached"]


def test_one_setting_switches_the_default_cache_off(home):
    """B5: nothing global did."""
    keeping = ResultSettings(persist_by_default=True)
    for disables, times in ((False, 1), (True, 2)):
        set_settings(home, TaskSettings(disable_caching=disables), keeping)
        double, calls = counted()
        flow(lambda task=double: [task(1), task(1)])()
        assert calls == [1] * times


@pytest.mark.parametrize("policy", [INPUTS, INPUTS.configure(
    isolation_level="SERIALIZABLE", lock_manager=MemoryLockManager()
)], ids=["usual", "serializable"])  # fmt: skip
def test_identical_coroutines_and_threads_compute_once(home, policy):
    """B6: the SERIALIZABLE level did not isolate coroutines, or said that no lock was held."""
    calls = []

    @task(cache_policy=policy)
    async def slow(x):
        calls.append(x)
        await asyncio.sleep(0.05)
        return x

    @task(cache_policy=policy)
    def slow_too(x):
        calls.append(x)
        time.sleep(0.05)
        return x

    @flow
    async def gathered():
        return await asyncio.gather(*(slow(1) for _ in range(20)))

    @flow
    def mapped():
        return [*slow_too.map([2] * 20).result(), *slow.map([3] * 20).result()]

    assert asyncio.run(gathered()) == [1] * 20
    assert mapped() == [2] * 20 + [3] * 20
    assert calls == [1, 2, 3]


def test_a_run_that_waits_for_an_identical_one_says_so_and_is_cached(recorded):
    begun, go_on = threading.Event(), threading.Event()

    @task(cache_policy=INPUTS)
    def slow(x):
        begun.set()
        assert go_on.wait(20)
        return x

    @flow
    def both():
        first = slow.submit(1)
        assert begun.wait(20)
        second = slow.submit(1)
        while second.state.message is None:
            time.sleep(0.005)
        assert second.state.message == "Queued: an identical call is under way"
        go_on.set()
        return first.result(), second.result()

    assert both() == (1, 1)
    assert recorded.states("slow-1") == ["Pending", "Pending", "Running", "Cached"]


def test_who_waits_for_a_run_that_fails_takes_over(home):
    attempts = []

    @task(cache_policy=INPUTS)
    def flaky(x):
        attempts.append(x)
        time.sleep(0.05)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return x

    @flow
    def several():
        states = [flaky.submit(1) for _ in range(6)]
        for state in states:
            state.wait()
        return sorted(future.state.name for future in states)

    assert several() == ["Cached"] * 3 + ["Completed"] + ["Failed"] * 2


def test_a_task_that_calls_itself_with_the_same_key_does_not_wait_for_itself(home):
    """B6: nested runs of one key hung."""
    depth = []

    @task(cache_key_fn=lambda *_: "k")
    def directly():
        depth.append(1)
        return directly() + 1 if len(depth) < 3 else 0

    @task(cache_key_fn=lambda *_: "other")
    def submitted():
        depth.append(1)
        return submitted.submit().result() + 1 if len(depth) < 6 else 0

    @flow
    def nested():
        return directly(), submitted()

    assert nested() == (2, 2)


def test_a_blocking_call_on_a_loop_does_not_wait_for_a_coroutine_of_that_loop(home):
    @task(cache_key_fn=lambda *_: "k")
    async def slow():
        await asyncio.sleep(0.05)
        return "slow"

    @task(cache_key_fn=lambda *_: "k")
    def quick():
        return "quick"

    @flow
    async def both():
        first = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        return quick(), await first

    assert asyncio.run(both()) == ("quick", "slow")


def test_two_tasks_that_call_each_other_crosswise_both_end(home, monkeypatch):
    monkeypatch.setattr("flowstone.drive.flights._PATIENCE", 0.05)
    both_begun = threading.Barrier(2, timeout=20)
    depth = threading.local()

    @task(cache_policy=INPUTS)
    def call(name, other):
        if getattr(depth, "is_inner", False):
            return name
        both_begun.wait()
        depth.is_inner = True
        return name + call(other, name)

    @flow
    def crosswise():
        return sorted([one.result() for one in (call.submit("a", "b"), call.submit("b", "a"))])

    assert crosswise() in (["ab", "ba"], ["ab", "bab"], ["aba", "ba"])


CROWD = """
import sys, time
from flowstone import flow, task
from flowstone.cache_policies import INPUTS

@task(cache_policy=INPUTS)
def slow(x):
    with open(sys.argv[1], "a") as file:
        file.write("computed\\n")
    time.sleep(0.1)
    return x

@flow
def many():
    return slow.map([7] * 50).result()

assert many() == [7] * 50
"""


def test_eight_processes_with_fifty_identical_calls_each_compute_once(home, tmp_path):
    told = tmp_path / "told"
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, str(told)],
            env=os.environ | {"FLOWSTONE_HOME": str(home)},
            stderr=subprocess.DEVNULL,
        )
        for _ in range(8)
    ]
    assert [process.wait(60) for process in crowd] == [0] * 8
    assert told.read_text() == "computed\n"


def test_a_process_that_dies_while_it_computes_frees_the_key_at_once(home, tmp_path):
    code = (
        "import os, sys\n"
        "from flowstone import task\n"
        "@task(cache_key_fn=lambda *_: 'k')\n"
        "def dies():\n"
        "    print('begun', flush=True)\n"
        "    os.read(0, 1)\n"
        "dies()\n"
    )
    dying = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert dying.stdout is not None
    assert dying.stdout.readline() == b"begun\n"

    @task(cache_key_fn=lambda *_: "k")
    def takes_over():
        return "here"

    @flow
    def waits():
        future = takes_over.submit()
        while future.state.message is None:
            time.sleep(0.005)
        dying.kill()
        return future.result()

    assert waits() == "here"
    dying.communicate()


def test_a_cached_result_needs_no_slot_of_the_tags_limit(home):
    """B7: a hit waited for the slot of its tag."""
    double, calls = counted(cache_policy=INPUTS, tags=["db"])
    PROCESS.start()
    PROCESS.limits.definitions.create("tag:db", 1)
    assert double(1) == 2
    with concurrency("tag:db"):
        assert flow(lambda: double.submit(1).result(timeout=20))() == 2
    assert calls == [1]


def test_a_retried_flow_does_not_repeat_completed_tasks(home):
    """B8, B9: the key of each call was random, so a retry ran everything again."""
    double, calls = counted()
    attempts = []

    @flow(retries=1, persist_result=True)
    def etl():
        total = sum(double.map([1, 2, 3]).result())
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError
        return total

    assert etl() == 12
    assert sorted(calls) == [1, 2, 3]


def test_a_result_is_in_the_storage_as_soon_as_its_task_ends(home):
    """B10: with a generator upstream nothing was written before the flow's end."""
    double, _ = counted(cache_policy=INPUTS)
    seen = []

    @task
    def numbers():
        yield from range(3)

    @flow
    def etl():
        for number in numbers():
            double(number)
            seen.append(len(files(home)))

    etl()
    assert seen == [1, 2, 3]


def test_a_result_is_there_for_another_process_by_the_id_of_its_run(home):
    """B11: `MissingResult: state data is missing`."""

    @task(persist_result=True, name="sums")
    def total(x):
        if x < 0:
            raise ValueError("negative")
        return {"total": x}

    @flow(persist_result=True)
    def etl():
        first = total(3, return_state=True)
        cached, failed = total(3, return_state=True), total(-1, return_state=True)
        return [str(one.state_details.task_run_id) for one in (first, cached, failed)]

    state = etl(return_state=True)
    *completed, failed = state.result()
    code = "import sys; from flowstone.results import result_of; print(result_of(sys.argv[1]))"
    assert [in_a_process(home, code, one) for one in completed] == ["{'total': 3}"] * 2
    assert in_a_process(home, code, state.state_details.flow_run_id) == str(state.result())
    with pytest.raises(ValueError, match="negative"):
        result_of(failed)
    assert isinstance(get_state_exception(state_of(failed)), ValueError)
    assert isinstance(result_of(failed, raise_on_failure=False), ValueError)


def test_a_result_that_was_not_kept_names_the_option_and_the_setting(home):
    @task
    def plain():
        return 1

    state = flow(lambda: plain(return_state=True))()
    with pytest.raises(MissingResult, match=r"persist_result=True.*results\.persist_by_default"):
        result_of(state.state_details.task_run_id)


def test_a_result_in_a_storage_that_nobody_configured_is_not_read(home, tmp_path):
    code = (
        "import pathlib, sys\n"
        "from flowstone import task\n"
        "@task(result_storage=pathlib.Path(sys.argv[1]))\n"
        "def elsewhere():\n"
        "    return 7\n"
        "print(elsewhere(return_state=True).state_details.task_run_id)\n"
    )
    run = in_a_process(home, code, tmp_path / "elsewhere")
    with pytest.raises(OutsideStorage, match="no storage of this process"):
        result_of(run)
    assert result_of(run, storage=tmp_path / "elsewhere") == 7


def test_a_result_whose_key_lies_elsewhere_is_found_by_the_id_of_its_run(home, tmp_path):
    policy = INPUTS.configure(key_storage=tmp_path / "keys")

    @task(cache_policy=policy, result_storage=tmp_path / "values")
    def total(x):
        return {"total": x}

    @task(cache_policy=policy)
    def in_the_home(x):
        return [x]

    @flow
    def etl():
        states = total(3, return_state=True), in_the_home(4, return_state=True)
        return [one.state_details.task_run_id for one in states]

    assert [result_of(run) for run in etl()] == [{"total": 3}, [4]]


def test_a_run_that_has_not_ended_has_no_result_yet(home):
    @task(persist_result=True)
    def asks():
        return result_of(own[0])

    own = []

    @flow
    def outer():
        future = waits.submit()
        own.append(future.task_run_id)
        with pytest.raises(UnfinishedRun):
            result_of(future.task_run_id)
        go_on.set()

    go_on = threading.Event()

    @task(persist_result=True)
    def waits():
        assert go_on.wait(20)

    outer()
    assert asks() is None
