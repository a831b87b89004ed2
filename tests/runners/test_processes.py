"""What a pool of processes is for: bodies that die, hang, or are large, and take nobody along."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import threading
import time
from contextvars import ContextVar, copy_context
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.exceptions import CrashedRun, NotInFlowstoneError, SerializationError, WorkerDied
from flowstone.settings import temporary_settings
from flowstone.task_runners import ProcessPoolTaskRunner
from flowstone.testing.recorded import recorded_runs
from flowstone.wiring.process import PROCESS
from tests.concurrency.cells import deaf
from tests.runners import bodies
from tests.runners.test_contract import wait_for_file, within

ROOT = Path(__file__).parents[2]
OWN = ContextVar("OWN", default="none")


def pool(**options):
    return ProcessPoolTaskRunner(**{"max_workers": 2, **options})


def lives(pid):
    """Whether a process runs; one that ended and was not asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(is_so, seconds=10.0):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (3, "exited with code 3"),
        (-signal.SIGKILL, r"killed by signal 9 \(SIGKILL\), maybe because memory ran out"),
        (-signal.SIGSEGV, r"killed by signal 11 \(SIGSEGV\)"),
    ],
)
def test_a_worker_that_dies_crashes_its_own_run_and_is_replaced(home, recorded, how, said):
    def body():
        future = bodies.dies.submit(how)
        others = bodies.double.map(range(10))
        with pytest.raises(WorkerDied, match=said) as raised:
            future.result()
        assert isinstance(raised.value, CrashedRun)
        return future.state, others.result(), bodies.double.map(range(10)).result()

    state, others, later = within(pool(), body)
    assert state.is_crashed()
    assert others == later == [*range(0, 20, 2)]
    assert recorded.states("dies-0") == ["Pending", "Running", "Crashed"]


def test_a_worker_that_is_killed_from_outside_crashes_the_run_that_it_had(home, tmp_path):
    path = tmp_path / "pid"

    def body():
        future = bodies.sleeps.submit(30, str(path))
        bodies.kill(int(wait_for_file(path)))
        future.wait()
        return future.state.name

    assert within(pool(), body) == "Crashed"


def test_infrastructure_retries_run_the_body_in_another_worker(home, recorded, tmp_path):
    def body():
        steady = bodies.dies.with_options(infrastructure_retries=1)
        saved = steady.submit(3, str(tmp_path / "mark")).result()
        lost = steady.submit(3)
        lost.wait()
        return saved, lost.state.name

    pid, lost = within(pool(), body)
    assert pid != os.getpid()
    assert lost == "Crashed"
    assert recorded.states("dies-0") == ["Pending", "Running", "Completed"]
    assert len([line for line in recorded.lines if "is run in another one" in line]) == 2


@pytest.mark.parametrize("by", ["timeout", "cancel"])
def test_a_body_that_hears_nothing_is_killed(home, tmp_path, by):
    path = tmp_path / "pid"

    @task(timeout_seconds=0.5 if by == "timeout" else None)
    def hears_nothing():
        path.write_text(str(os.getpid()))
        # With the interpreter's lock held: no other thread of that process runs either.
        ctypes.PyDLL(None).sleep(30)

    def body():
        future = hears_nothing.submit()
        pid = int(wait_for_file(path))
        if by == "cancel":
            future.cancel()
        future.wait()
        wait_until(lambda: not lives(pid))
        return future.state.name, bodies.double.submit(1).result()

    began = time.monotonic()
    assert within(pool(), body) == ("TimedOut" if by == "timeout" else "Cancelled", 2)
    assert time.monotonic() - began < 10


def test_what_a_killed_body_started_dies_with_it(home, tmp_path):
    path = tmp_path / "pid"

    @task(timeout_seconds=1)
    def starts():
        child = subprocess.Popen(["sleep", "60"])
        path.write_text(str(child.pid))
        deaf(60)

    def body():
        bodies.sleeps.submit(0).wait()  # the deadline is not for the start of a worker
        starts.submit().wait()

    within(pool(), body)
    pid = int(wait_for_file(path))
    wait_until(lambda: not lives(pid))


def test_a_slot_is_held_until_a_killed_body_has_ended(home, tmp_path):
    PROCESS.limits.definitions.create("tag:narrow", 1)
    first, second = tmp_path / "first", tmp_path / "second"

    @task(tags=["narrow"], timeout_seconds=1)
    def hears_nothing():
        first.write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(30)

    @task(tags=["narrow"])
    def follows():
        second.write_text(str(lives(int(first.read_text()))))

    def body():
        bodies.sleeps.submit(0).wait()  # the deadline is not for the start of a worker
        lost = hears_nothing.submit()
        wait_for_file(first)
        later = follows.submit()
        lost.wait()
        later.result()

    within(pool(), body)
    assert second.read_text() == "False"


def test_what_a_body_began_is_closed_when_its_worker_is_killed(home, tmp_path):
    path = tmp_path / "pid"

    @task
    def outer():
        bodies.sleeps(30, str(path))

    def body():
        future = outer.submit()
        bodies.kill(int(wait_for_file(path)))
        future.wait()

    within(pool(), body)
    runs = {run.name: run for run in recorded_runs()}
    assert runs["outer-0"].state_name == "Crashed"
    assert runs["sleeps-0.0"].state_name == "Crashed"


def test_everything_of_a_run_is_one_run_in_the_store(home):
    @flow(task_runner=pool(), flow_run_name="it")
    def body():
        bodies.nests.submit(1).wait()
        bodies.tells.submit("x").wait()

    body()
    runs = recorded_runs()
    [around] = [run for run in runs if run.kind == "flow"]
    assert {run.flow_run_id for run in runs if run.kind == "task"} == {around.id}
    assert {run.state_name for run in runs} == {"Completed"}
    assert sorted(run.name for run in runs) == [
        *("double-0.0", "double-0.1", "double-0.2", "it", "nests-0", "tells-0"),
    ]


def test_large_values_come_and_go_whole(home):
    import numpy as np

    @task
    def turns(array, text):
        array[0] = 7
        return array[::-1].copy(), text * 2

    given = np.arange(1_000_000)
    array, text = within(pool(), lambda: turns.submit(given, "x" * 2_000_000).result())
    assert (array[:-1] == given[:0:-1]).all()
    assert (array[-1], given[0]) == (7, 0)
    assert len(text) == 4_000_000
    array[0] = 1  # it can be written to


def test_what_cannot_be_pickled_is_named(home):
    lock = threading.Lock()

    @task
    def takes(fine, lock):
        return lock

    @task
    def gives():
        return threading.Lock()

    def body():
        with pytest.raises(SerializationError, match=r"Argument 'lock' of task 'takes'.*_thread"):
            takes.submit(1, lock).result()
        with pytest.raises(SerializationError, match=r"The result of task 'gives'.*_thread"):
            gives.submit().result()
        with pytest.raises(SerializationError, match=r"Task 'held' cannot go.*_thread"):
            task(lambda: lock, name="held").submit().result()

    within(pool(), body)


def test_a_future_inside_of_what_a_body_returns_is_refused_with_what_to_do(home):
    @task
    def returns_a_future():
        return bodies.double.submit(1)

    def body():
        with pytest.raises(SerializationError, match="send its result"):
            returns_a_future.submit().result()

    within(pool(), body)


def greet(word):
    os.environ["GREETING"] = word


def refuse():
    raise LookupError("no licence")


def test_the_initializer_runs_once_in_each_worker(home):
    @task
    def greeting():
        return os.environ.get("GREETING"), os.getpid()

    def body():
        return greeting.submit().result(), greeting.submit().result()

    first, second = within(pool(initializer=greet, initargs=["hello"]), body)
    assert first == second
    assert first[0] == "hello"


def test_an_initializer_that_fails_is_told_by_every_run(home):
    def body():
        future = bodies.double.submit(1)
        with pytest.raises(WorkerDied, match=r"initializer.*no licence") as raised:
            future.result()
        assert isinstance(raised.value.__cause__, LookupError)
        return future.state.name

    assert within(pool(initializer=refuse), body) == "Crashed"


def test_workers_stay_warm_for_the_next_flow_run(home):
    def body():
        return bodies.pid.submit().result()

    runner = pool(max_workers=1)
    first = within(runner, body)
    assert within(runner, body) == first != os.getpid()


def test_environment_and_settings_are_those_of_the_submission(home, monkeypatch):
    @task
    def environment():
        return os.environ.get("COLOUR_OF_TEST")

    @task
    def retries():
        return task(lambda: 1, name="inner").retries

    def body():
        monkeypatch.setenv("COLOUR_OF_TEST", "red")
        first = environment.submit()
        monkeypatch.setenv("COLOUR_OF_TEST", "blue")
        second = environment.submit()
        monkeypatch.delenv("COLOUR_OF_TEST")
        third = environment.submit()
        with temporary_settings({"tasks.default_retries": 4}):
            many = retries.submit()
        few = retries.submit()
        return [one.result() for one in (first, second, third, many, few)]

    assert within(pool(), body) == ["red", "blue", None, 4, 0]


def test_context_variables_go_along_where_that_is_asked_for(home):
    @task
    def own():
        return OWN.get()

    def body():
        bodies.COLOUR.set("red")
        OWN.set("mine")
        return bodies.sees.submit().result()["colour"], own.submit().result()

    def seen(runner):
        return copy_context().run(within, runner, body)

    assert seen(pool()) == ("none", "none")
    assert seen(pool(context_variables=[bodies.COLOUR, OWN])) == ("red", "mine")


def test_a_task_may_use_multiprocessing(home):
    @task
    def squares(method):
        import multiprocessing

        with multiprocessing.get_context(method).Pool(2) as processes:
            return processes.map(abs, [-1, -2, 3])

    def body():
        return squares.submit("fork").result(), squares.submit("spawn").result()

    assert within(pool(), body) == ([1, 2, 3], [1, 2, 3])


def test_no_more_bodies_run_at_once_than_there_are_workers(home):
    @task
    def spans():
        began = time.monotonic()
        time.sleep(0.05)
        return began, time.monotonic(), os.getpid()

    spans_seen = within(pool(), lambda: _spans(spans))
    assert len({pid for *_, pid in spans_seen}) <= 2
    for began, _, _ in spans_seen:
        assert sum(start <= began < end for start, end, _ in spans_seen) <= 2


def _spans(spans):
    return [future.result() for future in [spans.submit() for _ in range(8)]]


def test_the_number_of_workers_comes_from_the_setting_or_the_processors(home):
    def most(**options):
        started = ProcessPoolTaskRunner(**options).start()
        try:
            return started._stories.most
        finally:
            started.close()

    assert most(max_workers=3) == 3
    assert most() == most(max_workers=0) == len(os.sched_getaffinity(0))
    with temporary_settings({"tasks.runner.process_pool_max_workers": 5}):
        assert most() == 5


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        ProcessPoolTaskRunner(max_workers=-1)
    with pytest.raises(TypeError, match="whole number"):
        ProcessPoolTaskRunner(max_workers="2")
    with pytest.raises(TypeError, match="callable"):
        ProcessPoolTaskRunner(initializer=3)
    with pytest.raises(NotInFlowstoneError, match="logging filter"):
        ProcessPoolTaskRunner(subprocess_message_processor_factories=[print])


def test_a_runner_is_equal_to_one_with_its_options_and_can_be_pickled():
    one = pool(initializer=greet, initargs=("a",))
    assert one.name == "processpool"
    assert one == one.duplicate() == pool(initializer=greet, initargs=["a"])
    assert hash(one) == hash(one.duplicate())
    assert one != pool(initializer=greet)
    assert one != pool()
    with one:
        assert pickle.loads(pickle.dumps(one)) == one


def test_tasks_made_for_each_submission_are_forgotten_again(home, monkeypatch):
    monkeypatch.setattr("flowstone.runners.processes._MOST_KNOWN", 5)

    def body():
        made = [bodies.double.with_options(name=f"double {n}") for n in range(30)]
        return [one.submit(n).result() for n, one in enumerate(made)]

    assert within(pool(), body) == [*range(0, 60, 2)]


def test_a_run_that_ends_near_its_deadline_takes_no_other_along(home):
    quick = bodies.sleeps.with_options(timeout_seconds=0.05)

    def body():
        for _ in range(8):
            futures = [quick.submit(0.04 + n / 200) for n in range(4)]
            for future in futures:
                future.wait()
            yield from (future.state.name for future in futures)

    names = within(pool(), lambda: [*body()])
    assert {*names} <= {"Completed", "TimedOut"}
