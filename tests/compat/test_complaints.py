"""What users of such tools complain about, each named after its symptom: servers, forks, loggers.

More of them stand where their subject is: look for the number.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.store.queries import open_store

POOLS = """
import asyncio, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from flowstone import flow, get_run_logger, task

def square(n):
    get_run_logger().info("square of %s", n)
    return n * n

@task
def one_more(n):
    return n + 1

def in_a_run(n):
    return one_more(n)

@task
def pools(kind):
    context = multiprocessing.get_context(kind)
    with context.Pool(2) as pool:
        squares = pool.map(square, range(4))
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return squares, list(pool.map(in_a_run, range(4)))

@flow
def direct(kind):
    return pools(kind)

@flow
def submitted(kind):
    return pools.submit(kind).result()

@flow
async def awaited(kind):
    return await asyncio.to_thread(pools, kind)

if __name__ == "__main__":
    way, kind = sys.argv[1:]
    answer = globals()[way](kind)
    print(asyncio.run(answer) if way == "awaited" else answer)
"""


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a run needs no network")

    monkeypatch.setattr(socket, "socket", refuse)


def test_a_one_line_task_needs_no_server_and_takes_no_second(home, no_network):
    """A1: a task of one line takes over a second, because it talks to a server."""

    @task
    def one_line():
        return 1

    @flow
    def calls():
        began = time.thread_time()
        total = sum(one_line() for _ in range(1000))
        return total, time.thread_time() - began

    total, seconds = calls()
    assert total == 1000
    assert seconds < 1  # all of them together
    with open_store(home) as store:
        [run] = store.flow_runs()
        assert store.task_counts(run.id) == {"Completed": 1000}


@pytest.mark.parametrize("way", ["call", "submit"])
def test_a_run_outlives_the_place_where_it_is_recorded(home, way):
    """A1: a run dies with the server that was only to watch it."""

    @task
    def add(x):
        return x + 1

    @flow
    def sums():
        total = 0
        for n in range(200):
            if n == 100:
                shutil.rmtree(home)
            total = add(total) if way == "call" else add.submit(total).result()
        return total

    state = sums(return_state=True)
    assert (state.name, state.result()) == ("Completed", 200)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fork", "spawn"])
@pytest.mark.parametrize("way", ["direct", "submitted", "awaited"])
def test_a_task_may_have_processes_of_its_own(tmp_path, way, kind):
    """D6: multiprocessing inside a task hangs."""
    script = tmp_path / "pools.py"
    script.write_text(POOLS)
    home = tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(script), way, kind],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        capture_output=True,
        check=False,
        text=True,
        timeout=50,
    )
    assert ended.stdout == "([0, 1, 4, 9], [1, 2, 3, 4])\n"
    assert "Traceback" not in ended.stderr
    with open_store(home) as store:
        assert [run.state_name for run in store.flow_runs()] == ["Completed"]
        names = [run.state_name for run in store.task_runs(limit=0)]
    assert names == ["Completed"] * 5


def linger(begun):
    begun.set()
    time.sleep(20)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("way", ["call", "submit"])
def test_a_process_that_a_task_forked_ends_when_it_is_told_to(home, way):
    """D6: a child made by a fork still does what the tool of its parent set up there."""
    forking = multiprocessing.get_context("fork")

    @task
    def starts():
        begun = forking.Event()
        child = forking.Process(target=linger, args=(begun,))
        child.start()
        assert begun.wait(10)
        child.terminate()
        child.join(10)
        code = child.exitcode
        child.kill()
        return code

    @flow
    def runs():
        return starts() if way == "call" else starts.submit().result()

    assert runs() == -signal.SIGTERM


def test_the_run_logger_works_in_a_plain_thread(recorded, caplog):
    """D7: the run logger raises in a thread that the user began."""
    said = []

    def talks():
        get_run_logger().warning("from a thread")
        said.append(threading.current_thread())

    @task
    def begins_one():
        thread = threading.Thread(target=talks)
        thread.start()
        thread.join()

    @flow
    def runs():
        begins_one()
        begins_one.submit().result()

    runs()
    assert len(set(said)) == 2
    assert [r.getMessage() for r in caplog.records].count("from a thread") == 2


def test_what_an_executor_of_the_user_logs_belongs_to_the_run(recorded):
    """D7: lines of threads that the user's executor began are lost."""

    def talks(n):
        get_run_logger().info("own line %s", n)
        logging.getLogger("some.library").warning("line of a library %s", n)

    @task
    def spreads():
        with ThreadPoolExecutor(2) as executor:
            list(executor.map(talks, range(3)))

    @flow
    def runs():
        spreads()

    runs()
    run = recorded.created("spreads-0").run
    lines = [f.message for f in recorded.facts if getattr(f, "task_run", None) == run]
    for n in range(3):
        assert f"own line {n}" in lines
        assert f"line of a library {n}" in lines


def test_a_body_that_logs_can_be_tested_as_a_plain_function(home, caplog):
    """D7: the run logger raises in a unit test that calls the function itself."""

    @task
    def talks(x):
        get_run_logger().warning("x is %s", x)
        return x + 1

    assert talks.fn(1) == 2
    assert "x is 1" in [record.getMessage() for record in caplog.records]
    assert not list(home.iterdir())  # no run, no record
