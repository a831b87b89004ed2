"""The process pool as users meet it, and what they complained about elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from flowstone import flow, task
from flowstone.futures import TaskFuture, as_completed, wait
from flowstone.settings import temporary_settings
from flowstone.task_runners import ProcessPoolTaskRunner
from flowstone.testing.recorded import recorded_runs
from tests.runners import bodies


@task
async def naps(seconds):
    await asyncio.sleep(seconds)
    return os.getpid()


def in_processes(body, **options):
    return flow(body, task_runner=ProcessPoolTaskRunner(max_workers=2, **options))()


def test_submitting_does_not_wait_for_inputs_or_workers(home):
    def body():
        began = time.monotonic()
        slow = bodies.sleeps.submit(1.0)
        later = [bodies.add.submit(1, y=2, wait_for=[slow]) for _ in range(20)]
        took = time.monotonic() - began
        return took, [future.result() for future in later]

    took, results = in_processes(body)
    assert took < 0.9
    assert results == [3] * 20


def test_futures_as_inputs_are_never_pickled(home, monkeypatch):
    """Futures in `wait_for` and deep inside of arguments are only waited for (D5)."""

    def refuse(future):
        raise AssertionError("a future was pickled")

    monkeypatch.setattr(TaskFuture, "__reduce__", refuse)

    def body():
        first = bodies.double.submit(1)
        return bodies.double.submit([{"in": (first,)}], wait_for=[first, [first]]).result()

    assert in_processes(body) == [{"in": (2,)}, {"in": (2,)}]


def test_a_future_of_a_process_is_one_like_any_other(home):
    def body():
        futures = bodies.double.map([1, 2, 3])
        called = []
        futures[0].add_done_callback(called.append)
        done, left = wait(futures, timeout=10)
        assert (len(done), len(left), called) == (3, 0, [futures[0]])
        with pytest.raises(TimeoutError, match=r"did not complete within 0\.01 seconds"):
            bodies.sleeps.submit(0.5).result(timeout=0.01)
        return sorted(future.result() for future in as_completed(futures))

    assert in_processes(body) == [2, 4, 6]


def test_async_tasks_run_after_others_in_the_same_worker(home):
    """Nothing of an event loop is left over from one task, or from the parent (D6)."""

    def body():
        return {naps.submit(0.01).result() for _ in range(5)} | {bodies.pid.submit().result()}

    assert os.getpid() not in in_processes(body)


def test_a_second_flow_run_finds_warm_workers(home):
    """The first start costs, not each run (A10)."""

    def body():
        return bodies.pid.submit().result()

    assert in_processes(body) == in_processes(body)


def test_a_run_whose_workers_are_killed_again_and_again_does_not_stay_running(home):
    """Its state says what happened, however often it was begun again (I2, I7)."""

    def body():
        future = bodies.dies.with_options(infrastructure_retries=3).submit(-signal.SIGKILL)
        future.wait()
        return future.state.name, future.state.message

    name, message = in_processes(body)
    assert name == "Crashed"
    assert "killed by signal 9 (SIGKILL)" in message
    [run] = [run for run in recorded_runs() if run.kind == "task"]
    assert run.state_name == "Crashed"
    assert run.message == message


def test_cancelling_the_flow_run_ends_bodies_that_hear_nothing(home, tmp_path):
    """Who owns the processes can always end them (C9)."""
    path = tmp_path / "pid"

    @task
    def hears_nothing(path):
        import ctypes

        path.write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(60)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1), timeout_seconds=1.5)
    def body():
        hears_nothing.submit(path).wait()

    with temporary_settings({"flows.stop_grace_seconds": 0.5}):
        assert body(return_state=True).name == "TimedOut"
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{path.read_text()}"):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert {run.state_type for run in recorded_runs()} <= {"FAILED", "CANCELLED"}
