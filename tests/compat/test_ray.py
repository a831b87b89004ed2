"""Tasks on Ray as users meet them, and what they complained about elsewhere."""

from __future__ import annotations

import ctypes
import os
import signal
import time

import pytest

from flowstone import flow, task
from flowstone.exceptions import ConfigurationError, CrashedRun, WorkerDied
from flowstone.ray import remote_options
from flowstone.task_runners import RayTaskRunner
from flowstone.testing.recorded import recorded_runs
from tests.compat.test_dask import LARGE, makes, takes, takes_many
from tests.runners import bodies
from tests.runners.conftest import home, ray_here, recorded
from tests.runners.test_contract import wait_for_file

pytestmark = [pytest.mark.ray, pytest.mark.timeout(90)]


@pytest.fixture
def on_ray(home, ray_here):
    """Run a function as a flow whose tasks run on Ray."""

    def run(body, **options):
        return flow(body, task_runner=RayTaskRunner(), **options)()

    return run


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_result_that_a_task_there_takes_is_never_unpacked_here(on_ray, size):
    places, maker, taker = on_ray(lambda: takes.submit(makes.submit(size)).result())
    assert os.getpid() not in {*places, maker, taker}
    assert set(places) <= {maker, taker}


def test_large_results_stand_in_containers_and_come_home_when_asked_for(on_ray):
    def body():
        made = makes.map([LARGE, 2 * LARGE])
        lengths = takes_many.submit(made, {"one": made[0]}).result()
        return lengths, len(made[0].result()[0].load), len(made[0].state.result()[0].load)

    assert on_ray(body) == ([LARGE, 2 * LARGE, LARGE], LARGE, LARGE)


def test_a_run_that_waits_for_a_place_is_pending(on_ray):
    def body():
        futures = [bodies.sleeps.submit(0.3) for _ in range(8)]
        time.sleep(0.2)
        states = [future.state.name for future in futures]
        for future in futures:
            future.wait()
        return states

    states = on_ray(body)
    assert states.count("Pending") >= 4, states


def test_options_of_ray_hold_for_what_is_submitted_in_the_block(on_ray):
    @task
    def asks():
        import ray

        return ray.get_runtime_context().get_assigned_resources().get("CPU")

    def body():
        with remote_options(num_cpus=2):
            with remote_options(max_retries=1):
                inner = asks.submit()
            outer = asks.submit()
        return inner.result(), outer.result(), asks.submit().result()

    assert on_ray(body) == (2.0, 2.0, 1.0)


def test_a_worker_that_dies_crashes_its_run_whose_body_runs_once(on_ray, tmp_path):
    """Ray begins a task again whose worker died; a run's body is not (I2, I7)."""
    marks = tmp_path / "marks"

    @task
    def dies():
        with marks.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    def body():
        future = dies.submit()
        with pytest.raises(WorkerDied, match="Ray worker died") as raised:
            future.result()
        assert isinstance(raised.value, CrashedRun)
        return future.state.name, future.state.message, bodies.double.submit(4).result()

    name, message, other = on_ray(body)
    assert (name, other) == ("Crashed", 8)
    assert "died before the task had ended" in message
    assert marks.read_text() == "x"
    assert {run.name: run.state_name for run in recorded_runs()}["dies-0"] == "Crashed"


def test_infrastructure_retries_begin_the_body_in_another_worker(on_ray, recorded, tmp_path):
    steady = bodies.dies.with_options(infrastructure_retries=1)
    pid = on_ray(lambda: steady.submit(3, str(tmp_path / "mark")).result())
    assert pid != os.getpid()
    assert recorded.states("dies-0") == ["Pending", "Running", "Completed"]


def test_a_body_that_hears_nothing_is_killed_when_its_run_is_cancelled(on_ray, tmp_path):
    """Who began the work can always end it (C9)."""
    path = tmp_path / "pid"

    @task
    def hears_nothing():
        path.write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(60)

    def body():
        future = hears_nothing.submit()
        pid = int(wait_for_file(path))
        future.cancel()
        future.wait()
        end = time.monotonic() + 30
        while os.path.exists(f"/proc/{pid}"):
            assert time.monotonic() < end
            time.sleep(0.02)
        return future.state.name, bodies.double.submit(1).result()

    assert on_ray(body) == ("Cancelled", 2)


def test_a_task_tells_what_it_used(on_ray):
    @task
    def uses():
        block = bytearray(64 << 20)
        block[:: 1 << 12] = b"x" * (len(block) >> 12)
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    on_ray(lambda: uses.submit().wait())
    [run] = [run for run in recorded_runs() if run.kind == "task"]
    assert run.cpu_seconds >= 0.1
    assert run.peak_memory > 64 << 20


def test_without_ray_the_error_says_what_to_install(home, monkeypatch):
    monkeypatch.setattr("flowstone.task_runners.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "flowstone\[ray\]"'):
        RayTaskRunner().start()


def test_ray_that_was_begun_before_is_left_running(on_ray, ray_here):
    assert on_ray(lambda: bodies.double.submit(1).result()) == 2
    assert ray_here.is_initialized()


__all__ = ["home", "ray_here", "recorded"]
