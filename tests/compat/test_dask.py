"""Tasks on Dask as users meet them, and what they complained about elsewhere."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.dask import get_async_dask_client, get_dask_client
from flowstone.exceptions import ConfigurationError, CrashedRun, MissingResult, WorkerDied
from flowstone.runners.dask import KEY, DaskScheduler
from flowstone.task_runners import DaskTaskRunner
from flowstone.testing.recorded import recorded_runs
from tests.runners import bodies
from tests.runners.conftest import dask_address, home, recorded
from tests.runners.test_contract import wait_for_file

pytestmark = [pytest.mark.dask, pytest.mark.timeout(60)]
LARGE = 1 << 20


@pytest.fixture
def on_dask(home, dask_address):
    """Run a function as a flow whose tasks run on Dask."""

    def run(body, **options):
        return flow(body, task_runner=DaskTaskRunner(address=dask_address), **options)()

    return run


class Traveller:
    """A value that notes in which processes it is unpacked."""

    def __init__(self, size, places=()):
        self.load, self.places = bytes(size), places

    def __reduce__(self):
        return _arrived, (len(self.load), self.places)


def _arrived(size, places):
    return Traveller(size, (*places, os.getpid()))


@task
def makes(size):
    return Traveller(size), os.getpid()


@task
def takes(pair):
    traveller, maker = pair
    return traveller.places, maker, os.getpid()


@task
def takes_many(pairs, more):
    return [len(one[0].load) for one in pairs] + [len(more["one"][0].load)]


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_result_that_a_task_there_takes_is_never_unpacked_here(on_dask, size):
    places, maker, taker = on_dask(lambda: takes.submit(makes.submit(size)).result())
    assert os.getpid() not in {*places, maker, taker}
    assert set(places) <= {maker, taker}


def test_large_results_stand_in_containers_and_come_home_when_asked_for(on_dask):
    def body():
        made = makes.map([LARGE, 2 * LARGE])
        lengths = takes_many.submit(made, {"one": made[0]}).result()
        return lengths, len(made[0].result()[0].load), len(made[0].state.result()[0].load)

    assert on_dask(body) == ([LARGE, 2 * LARGE, LARGE], LARGE, LARGE)


def test_hooks_and_names_see_values_not_where_they_lie(on_dask):
    seen = []

    @task(
        task_run_name=lambda: "named",
        on_completion=[lambda _task, _run, state: seen.append(len(state.result()))],
    )
    def lengthens(data):
        return data + b"x"

    @task(task_run_name="of {data[0]}")
    def measures(data):
        return len(data)

    def body():
        longer = lengthens.submit(bytes(LARGE))
        measured = measures.submit(longer)
        return measured.result(), measured.state.name, [*longer.result()][:1]

    assert on_dask(body) == (LARGE + 1, "Completed", [0])
    assert seen == [LARGE + 1]


def test_large_arguments_reach_a_task(on_dask):
    assert on_dask(lambda: bodies.add.submit(b"x" * LARGE, y=b"y").result())[-2:] == b"xy"


def test_a_run_that_waits_for_a_place_is_pending(on_dask, recorded):
    def body():
        futures = [bodies.sleeps.with_options(timeout_seconds=4).submit(0.5) for _ in range(20)]
        time.sleep(0.5)
        states = [future.state.name for future in futures]
        for future in futures:
            future.result()  # no timeout passes in the queue
        return states

    states = on_dask(body)
    assert states.count("Pending") >= 8, states
    assert "Running" in states


def test_runs_that_wait_for_inputs_hold_up_nobody_behind_them(on_dask, monkeypatch):
    monkeypatch.setattr("flowstone.runners.cluster._MOST_BEGUN", 5)

    def body():
        slow = bodies.sleeps.submit(6)  # longer than all others on a busy machine
        behind = [bodies.add.submit(1, wait_for=[slow]) for _ in range(20)]
        others = bodies.double.map(range(20))
        cancelled = [future.cancel() for future in bodies.double.map(range(20))]
        early = [future.result() for future in others], slow.state.name
        return early, [future.result() for future in behind], len(cancelled)

    assert on_dask(body) == (([*range(0, 40, 2)], "Running"), [2] * 20, 20)


def test_annotations_go_to_dask(on_dask, dask_address):
    import dask
    import distributed

    with distributed.Client(dask_address) as client:
        client.wait_for_workers(2)
        worker = min(client.nthreads())
        pid = client.submit(os.getpid, workers=worker, pure=False).result()

    def body():
        with dask.annotate(workers=[worker], priority=3):
            return {future.result() for future in [bodies.pid.submit() for _ in range(6)]}

    assert on_dask(body) == {pid}


def test_a_worker_that_dies_crashes_its_run_whose_body_runs_once(on_dask, tmp_path):
    """Dask begins a task again whose worker died; a run's body is not (I2, I7)."""
    marks = tmp_path / "marks"

    @task
    def dies():
        with marks.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    def body():
        future = dies.submit()
        with pytest.raises(WorkerDied, match=r"Dask worker tcp.* died") as raised:
            future.result()
        assert isinstance(raised.value, CrashedRun)
        return future.state.name, future.state.message, bodies.double.submit(4).result()

    name, message, other = on_dask(body)
    assert (name, other) == ("Crashed", 8)
    assert "died before the task had ended" in message
    assert marks.read_text() == "x"
    by_name = {run.name: run for run in recorded_runs()}
    assert by_name["dies-0"].state_name == "Crashed"


def test_an_answer_that_is_lost_with_its_worker_is_not_computed_again(dask_address, tmp_path):
    """Dask computes again what a worker had in memory when it died."""
    distributed = pytest.importorskip("distributed")
    marks = tmp_path / "marks"

    def leaves_a_mark():
        with marks.open("a") as file:
            file.write("x")
        return os.getpid()

    with distributed.Client(dask_address) as client:
        scheduler = DaskScheduler(client, print, bool)
        answer = client.submit(leaves_a_mark, key=f"{KEY}-{tmp_path.name}", pure=False)
        distributed.wait(answer)
        where = client.who_has([answer])[answer.key]
        pids = client.run(os.getpid, workers=list(where))
        os.kill(*pids.values(), signal.SIGKILL)
        with pytest.raises(distributed.client.FutureCancelledError) as lost:
            answer.result(timeout=15)
        client.wait_for_workers(2, timeout=15)
    assert isinstance(scheduler.failure(lost.value), WorkerDied)
    assert marks.read_text() == "x"


def test_infrastructure_retries_begin_the_body_in_another_worker(on_dask, recorded, tmp_path):
    steady = bodies.dies.with_options(infrastructure_retries=1)
    pid = on_dask(lambda: steady.submit(3, str(tmp_path / "mark")).result())
    assert pid != os.getpid()
    assert recorded.states("dies-0") == ["Pending", "Running", "Completed"]


def test_a_result_that_is_lost_with_its_worker_says_so(on_dask, tmp_path):
    marks = tmp_path / "marks"

    @task
    def makes_once():
        with marks.open("a") as file:
            file.write("x")
        return bytes(LARGE), os.getpid()

    @task
    def who(pair):
        return pair[1]

    def body():
        made = makes_once.submit()
        bodies.kill(who.submit(made).result())
        end = time.monotonic() + 10
        while True:
            after = who.submit(made)
            after.wait()
            if not after.state.is_completed():
                break
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(MissingResult, match="its worker, or the cluster, has ended"):
            made.result()
        return after.state.name, after.state.message

    name, message = on_dask(body)
    assert name == "Crashed"
    assert "lost" in message or "died" in message
    assert marks.read_text() == "x"


def test_what_an_async_task_and_its_children_do_is_recorded(on_dask, recorded):
    on_dask(lambda: (bodies.apid.submit().wait(), bodies.nests.submit(2).wait()))
    assert {"apid-0", "nests-0", "double-0.0"} <= {run.name for run in recorded_runs()}


def test_a_cancelled_run_that_dask_has_not_begun_never_begins(on_dask, tmp_path):
    """Also where others than we fill the cluster."""
    import dask

    path = tmp_path / "never"

    def body():
        with dask.annotate(resources={"unheard of": 1}):
            future = bodies.writes.submit(str(path))
        time.sleep(0.3)
        assert future.cancel()
        future.wait()
        return future.state.name

    assert on_dask(body) == "Cancelled"
    assert not path.exists()


@task
def sums_there(numbers):
    with get_dask_client(timeout=10) as client:
        return sum(client.gather(client.map(abs, numbers, pure=False)))


@task
async def sums_there_async(numbers):
    async with get_async_dask_client() as client:
        return sum(await client.gather(client.map(abs, numbers, pure=False)))


def test_a_client_of_the_cluster_is_at_hand_in_tasks_and_flows(on_dask):
    def body():
        with get_dask_client() as client:
            here = client.submit(abs, -3, pure=False).result()
        there = sums_there.submit([-1, 2]).result()
        return here, there, sums_there_async.submit([-4, 5]).result()

    assert on_dask(body) == (3, 3, 9)
    with pytest.raises(RuntimeError, match="no Dask cluster around"), get_dask_client():
        pass


def test_a_cluster_grows_when_there_is_more_to_do(home):
    runner = DaskTaskRunner(
        cluster_kwargs={"n_workers": 0, "threads_per_worker": 1, "dashboard_address": ":0"},
        adapt_kwargs={"minimum": 0, "maximum": 2, "interval": "200ms"},
    )

    @flow(task_runner=runner)
    def body():
        seen, end = set(), time.monotonic() + 30
        while len(seen) < 2 and time.monotonic() < end:  # a busy machine starts a worker slowly
            seen |= {future.result() for future in [bodies.rests.submit(0.5) for _ in range(12)]}
        return seen

    assert len(body()) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"address": "tcp://127.0.0.1:1", "cluster": object()},
        {"address": "tcp://127.0.0.1:1", "cluster_kwargs": {"n_workers": 1}},
        {"cluster": object(), "adapt_kwargs": {"maximum": 2}},
        {"cluster": object(), "cluster_class": "a.b"},
    ],
)
def test_arguments_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValueError, match="contradict each other"):
        DaskTaskRunner(**options)


def test_without_dask_the_error_says_what_to_install(home, monkeypatch):
    monkeypatch.setattr("flowstone.task_runners.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "flowstone\[dask\]"'):
        DaskTaskRunner().start()


def test_a_cluster_of_ones_own_class_begins_and_ends_with_the_flow_run(home):
    distributed = pytest.importorskip("distributed")
    made = []

    def make(**options):
        made.append(distributed.LocalCluster(processes=False, dashboard_address=":0", **options))
        return made[0]

    runner = DaskTaskRunner(
        cluster_class=make,
        cluster_kwargs={"n_workers": 1, "threads_per_worker": 2},
        client_kwargs={"timeout": 20},
    )

    @flow(task_runner=runner)
    def body():
        return bodies.pid.submit().result(), bodies.nests.submit(2).result()

    # Its workers are threads of this process, which share what it records with.
    assert body() == (os.getpid(), (4, 4, [0, 2]))
    assert made[0].status.name == "closed"
    assert {run.state_name for run in recorded_runs()} == {"Completed"}


def test_a_cluster_that_is_given_is_left_running(home, dask_address):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        for _ in range(2):
            with DaskTaskRunner(cluster=cluster) as runner:
                assert runner.submit(bodies.double, {"x": 2}).result() == 4
        assert cluster.status.name == "running"


def test_a_tasks_lines_are_there_while_it_runs_where_the_home_is_shared(
    on_dask, recorded, tmp_path
):
    path = tmp_path / "path"

    @task(log_prints=True)
    def tells():
        print("early")
        Path(path).write_text("told")
        time.sleep(0.5)

    def body():
        future = tells.submit()
        wait_for_file(path)
        early = list(recorded.lines)
        future.wait()
        return early

    assert "early" in on_dask(body)


__all__ = ["dask_address", "home", "recorded"]
