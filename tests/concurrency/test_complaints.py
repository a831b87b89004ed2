"""What users of such tools complain about, each named after its symptom: sizes, timeouts, threads.

More of them stand where their subject is: look for the number.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowstone import flow, task
from flowstone.annotations import SEEN, quote
from flowstone.core.inputs import Search
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from flowstone.task_runners import ThreadPoolTaskRunner

GOES_ON = """
import asyncio, sys, time
from flowstone import flow, task
from flowstone.task_runners import ThreadPoolTaskRunner

bodies = []

@task
def step(n):
    bodies.append(n)
    time.sleep(0.02)

@task
async def astep(n):
    bodies.append(n)
    await asyncio.sleep(0.02)

@flow(flow_run_name="stubborn")
def direct():
    for n in range(3000):
        try:
            step(n)
        except BaseException:
            continue

@flow(flow_run_name="stubborn", task_runner=ThreadPoolTaskRunner(max_workers=2))
def submitted():
    for future in [step.submit(n) for n in range(3000)]:
        try:
            future.result()
        except Exception:
            continue

@flow(flow_run_name="stubborn")
async def awaited():
    for n in range(3000):
        try:
            await astep(n)
        except Exception:
            continue

kind = globals()[sys.argv[1]]
print("begins", flush=True)
state = asyncio.run(kind(return_state=True)) if kind.isasync else kind(return_state=True)
print(state.name, len(bodies))
"""
CLEANS_UP = """
import asyncio, os, sys, time
from flowstone import flow, task

def tidy(_flow, run, state):
    print("hook for", state.name, flush=True)

def half_written():
    with open(sys.argv[2], "w") as file:
        print("half of it", file=file, flush=True)
        print("begins", flush=True)

def remove():
    os.remove(sys.argv[2])

@task
def write():
    try:
        half_written()
        while True:
            time.sleep(0.05)
    finally:
        remove()

@task
async def awrite():
    try:
        half_written()
        await asyncio.sleep(60)
    finally:
        remove()

hooks = {"on_cancellation": [tidy], "on_crashed": [tidy]}

@flow(flow_run_name="writer", **hooks)
def direct():
    write()

@flow(flow_run_name="writer", **hooks)
def submitted():
    write.submit()

@flow(flow_run_name="writer", **hooks)
async def awaited():
    await awrite()

kind = globals()[sys.argv[1]]
asyncio.run(kind(return_state=True)) if kind.isasync else kind(return_state=True)
"""
KINDS = ("direct", "submitted", "awaited")


@pytest.fixture
def start(tmp_path):
    """Start a program in a process of its own; none outlives its test."""
    programs = []

    def start_one(source, *words):
        programs.append(Program(tmp_path, source, *words))
        return programs[-1]

    yield start_one
    for program in programs:
        with program.process as process:
            process.kill()


class Program:
    """A program in a process of its own, that prints `begins` when it is under way."""

    def __init__(self, home, source, *words) -> None:
        self.environ = os.environ | {"FLOWSTONE_HOME": str(home)}
        command = [sys.executable, "-c", source, *words]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environ,
            text=True,
        )
        assert self.process.stdout.readline() == "begins\n"

    def cancel(self, run) -> subprocess.CompletedProcess:
        """Cancel a flow run as from another terminal."""
        command = [sys.executable, "-m", "flowstone.cli", "flow-run", "cancel", run]
        return subprocess.run(
            [*command, "--timeout", "15"], env=self.environ, capture_output=True, check=False
        )

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what else it printed."""
        printed, _ = self.process.communicate(timeout=15)
        return self.process.returncode, printed


@task
def add(x, y=1):
    return x + y


@task
async def later(x):
    await asyncio.sleep(0)
    return x


@task
def measure(x):
    return len(x)


def spin(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def least(call, times=5) -> float:
    """The least time of the processor that a call took this thread, in seconds."""
    return min(_used(call) for _ in range(times))


def _used(call) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def test_a_map_of_thousands_asks_nothing_of_a_server(home, monkeypatch, caplog):
    """A3: one `map` of 2,000 brings the server to its knees."""

    # What an earlier test left behind may still look for its server.
    older = {*threading.enumerate()} - {threading.current_thread()}
    opened = socket.socket

    def refuse(*args, **kwargs):
        if threading.current_thread() in older:
            return opened(*args, **kwargs)
        raise AssertionError("a run needs no network")

    monkeypatch.setattr(socket, "socket", refuse)

    @flow
    def maps():
        return sum(add.map(range(2000)).result())

    with caplog.at_level("INFO", logger="flowstone"):
        assert maps() == sum(range(1, 2001))
    assert len(caplog.records) < 50  # what is told does not grow with the map either
    with open_store(home) as store:
        [run] = store.flow_runs()
        assert store.task_counts(run.id) == {"Completed": 2000}
        assert len(store.task_runs(RunFilter(flow_run=run.id), limit=0)) == 2000


def test_submitting_does_not_get_slower_with_the_number_submitted(home):
    """A4: submitting thousands of tasks is itself slow."""
    gate = threading.Event()

    @task
    def wait_for_all():
        gate.wait(15)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def submits():
        spent = [_used(lambda: [wait_for_all.submit() for _ in range(500)]) for _ in range(10)]
        gate.set()
        return spent

    spent = submits()
    assert min(spent[5:]) < 3 * min(spent[:5])
    assert min(spent) / 500 < 0.001


def test_a_direct_call_takes_no_longer_with_a_large_argument(home, monkeypatch):
    """A5: the delay before a task grows with the size of its arguments."""
    large = [[number] for number in range(10_000)]
    looking = least(lambda: Search(large))
    monkeypatch.setattr(SEEN, "any", False)  # as where nothing was submitted

    @flow
    def calls():
        return least(lambda: measure(large))

    assert calls() < looking / 4


def test_submitting_takes_no_longer_with_a_large_argument(home):
    """A5: the same of `submit`: its caller does not wait for a search."""
    large = [[number] for number in range(10_000)]
    looking = least(lambda: Search(large))

    @flow
    def submits():
        return least(lambda: measure.submit(large)), measure.submit(large).result()

    spent, length = submits()
    assert length == 10_000
    assert spent < looking / 4


def test_a_search_that_takes_long_names_the_argument_and_the_way_out(home, caplog):
    """A5: nothing says where the time before a task goes."""
    large = [list(range(1000)) for _ in range(101)]

    @task
    def measures(many, one=None):
        return len(many)

    def warnings():
        return [r.getMessage() for r in caplog.records if "for futures" in r.getMessage()]

    @flow
    def searches():
        lengths = [measures.submit(quote(large)).result()]
        assert not warnings()
        return lengths + [measures.submit(large, add.submit(1)).result() for _ in range(3)]

    assert searches() == [101] * 4
    [said] = warnings()
    assert "'many' of task 'measures'" in said
    assert "quote(value)" in said


def test_a_body_that_outlasts_its_timeout_is_seen_as_timed_out_at_once(home):
    """C2: a limit of four hours, nine hours of running, and nothing said meanwhile."""
    gate = threading.Event()
    ended = threading.Event()

    @task(timeout_seconds=0.2)
    def lingers():
        gate.wait(15)  # an exception does not wake it
        ended.set()

    @flow
    def runs():
        future = lingers.submit()
        future.wait()
        with open_store(home) as store:
            [row] = store.task_runs(RunFilter(task="lingers"))
            seen = row.state_name, row.message, ended.is_set()
            lines = [line.message for line in store.lines(task_run=row.id)]
        gate.set()
        return future.state.name, seen, lines

    name, (state, message, was_over), lines = runs()
    assert (name, state, was_over) == ("TimedOut", "TimedOut", False)
    assert message == "Task run exceeded timeout of 0.2 second(s)"
    assert any("exceeded timeout of 0.2 second(s)" in line for line in lines)


def test_each_of_many_tasks_that_hang_is_ended_and_told(recorded):
    """C3: 10 of 1,022 tasks pass their timeout, and no log says anything of them."""
    gate = threading.Event()

    @task(timeout_seconds=1)
    def work(n):
        if n % 30 == 7:
            gate.wait(15)
        return n

    @flow
    def many():
        futures = work.map(range(300))
        futures.wait(timeout=12)
        names = [future.state.name for future in futures]
        gate.set()
        return names

    hung = range(7, 300, 30)
    assert many() == ["TimedOut" if n in hung else "Completed" for n in range(300)]
    told = [line for line in recorded.lines if "exceeded timeout of 1.0 second(s)" in line]
    for n in hung:
        assert recorded.states(f"work-{n}") == ["Pending", "Running", "TimedOut"]
    assert len(told) == len(hung)


def test_an_async_task_that_blocks_ends_at_its_timeout_and_holds_up_nobody(home):
    """C4: the timeout of an async task is ignored where its body blocks."""
    gate = threading.Event()

    @task(timeout_seconds=0.2)
    async def blocks():
        gate.wait(15)

    @flow
    def runs():
        stuck = blocks.submit()
        stuck.wait(timeout=10)
        others = [later.submit(n).result(timeout=10) for n in range(3)]
        name = stuck.state.name
        gate.set()
        return name, others

    assert runs() == ("TimedOut", [0, 1, 2])


def test_a_timeout_that_is_kept_leaves_nothing_behind(home):
    """C6: timeouts hit the wrong code, or nothing, and a team removes them all."""
    disturbed, seconds = [], 0.003

    @task(timeout_seconds=0.003)
    def near():
        spin(seconds)

    def code_between_the_calls():
        try:
            spin(0.0005)
        except BaseException as error:
            disturbed.append(error)

    names = []
    for _ in range(500):
        names.append(near(return_state=True).name)
        code_between_the_calls()
        # So every body ends in the very moment in which its time is over.
        seconds += 0.00002 if names[-1] == "Completed" else -0.00002
    assert set(names) == {"Completed", "TimedOut"}
    assert not disturbed


def test_a_flow_does_not_warn_of_futures_that_nobody_waited_for(home, caplog):
    """D3: futures are dropped where a flow ends, and the warning of it comes for nothing."""
    ended = []

    @task
    def slow(n):
        time.sleep(0.02)
        ended.append(n)
        return n

    @flow
    def forgets():
        slow.map(range(20))
        add.submit(slow.submit(20), wait_for=[slow.submit(21)])

    forgets()
    assert sorted(ended) == list(range(22))
    assert [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")] == []


def test_sync_and_async_mix_in_every_way_and_always_give_values(home):
    """D4: a mix of sync and async raises, hangs, or gives coroutines that nobody awaited."""

    @flow
    def sync_flow(n):
        return add(n) + later.submit(n).result(timeout=10) + asyncio.run(later(n))

    @flow
    async def async_flow(n):
        both = await later(n) + add(n) + later.submit(n).result(timeout=10)
        return both + add.submit(n).result(timeout=10)

    @flow
    async def async_parent(n):
        return await async_flow(n) + sync_child(n)

    @flow
    def sync_child(n):
        return add(n) + later.submit(n).result(timeout=10)

    @flow
    def sync_parent(n):
        return asyncio.run(async_flow(n)) + sync_flow(n)

    assert asyncio.run(async_parent(1)) == (1 + 2 + 1 + 2) + (2 + 1)
    assert sync_parent(1) == (1 + 2 + 1 + 2) + (2 + 1 + 1)
    with ThreadPoolExecutor(1) as pool:  # as a notebook or a web server would
        assert pool.submit(sync_parent, 1).result() == 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_run_starts_nothing_more(start, tmp_path, kind):
    """C7: a run that was cancelled keeps starting tasks."""
    program = start(GOES_ON, kind)
    asked = time.time_ns()
    assert program.cancel("stubborn").returncode == 0
    code, printed = program.end()
    name, bodies = printed.split()
    assert (code, name) == (0, "Cancelled")
    assert int(bodies) < 2000  # of 3,000, which take 30 s and more
    with open_store(tmp_path) as store:
        run = store.find_flow_run("stubborn")
        tasks = store.task_runs(RunFilter(flow_run=run.id), limit=0)
    assert run.state_name == "Cancelled"
    assert run.end - asked < 8e9  # the design says 2 s, of a machine that has the time
    assert max(one.created for one in tasks) <= run.end
    states = [one.state_name for one in tasks]
    assert set(states) <= {"Completed", "Cancelled"}
    assert states.count("Completed") <= int(bodies)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["cancel", "SIGTERM"])
def test_a_run_that_is_ended_cleans_up_and_calls_its_hooks(start, tmp_path, kind, how):
    """C10: nothing can clean up where a run is cancelled, and a half-written file stays."""
    file = tmp_path / "half"
    program = start(CLEANS_UP, kind, str(file))
    assert file.exists()
    if how == "cancel":
        assert program.cancel("writer").returncode == 0
        expected = 0, "hook for Cancelled\n"
    else:
        program.process.send_signal(signal.SIGTERM)
        expected = -signal.SIGTERM, "hook for Crashed\n"
    assert program.end() == expected
    assert not file.exists()
    with open_store(tmp_path) as store:
        name = store.find_flow_run("writer").state_name
        [task_run] = store.task_runs()
    assert f"hook for {name}\n" == expected[1]
    assert task_run.state_name in ("Cancelled", "Crashed")
