"""Programs with worker processes, killed at random moments: nothing is lost, nobody left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowstone.store.queries import open_store

PROGRAM = """
import os, sys, time
from flowstone import flow, task
from flowstone.task_runners import DaskTaskRunner, ProcessPoolTaskRunner, RayTaskRunner

RUNNERS = {
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
    "dask": lambda: DaskTaskRunner(
        cluster_kwargs=dict(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    ),
    "ray": lambda: RayTaskRunner(
        init_kwargs=dict(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 << 20,
            log_to_driver=False,
        )
    ),
}

def tell(text):
    with open(os.environ["OUT"], "ab", buffering=0) as file:
        file.write(f"{text}\\n".encode())

@task
def inner(n):
    return n

@task
def works(n):
    tell(os.getpid())
    time.sleep(0.002)
    return inner(n)

def main():
    for future in works.map(range(20_000)):
        future.wait()
        if future.state.is_completed():
            tell(f"seen {future.task_run_id.hex}")

if __name__ == "__main__":
    flow(main, task_runner=RUNNERS[sys.argv[1]]())()
"""
TURNS = range(int(os.environ.get("FLOWSTONE_TEST_PROCESS_KILLS", "1")))
RUNNERS = [
    "processes",
    pytest.param("dask", marks=pytest.mark.dask),
    pytest.param("ray", marks=pytest.mark.ray),
]
BEGIN = 60
"""Seconds in which a cluster has begun, on a machine that has a lot to do."""


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def workers_in(path):
    """Return the processes that ran bodies, in the order in which they first did."""
    lines = path.read_text().split("\n")[:-1]
    return list(dict.fromkeys(int(line) for line in lines if line.isdigit()))


def seen_in(path):
    lines = path.read_text().split("\n")[:-1]
    return {line.split()[1] for line in lines if line.startswith("seen")}


def wait_until(is_so, seconds, what):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def session_of(program):
    """Return the processes that a program has begun, and those that they did."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if belongs(pid, program.pid)]


def belongs(pid, session):
    """Whether a process is of a session, those aside that Ray gives a minute to end."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return os.getsid(pid) == session and b"Agent" not in command
    except OSError:
        return False


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["driver", "worker"])
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("turn", TURNS)
def test_a_kill_loses_nothing_that_was_seen_and_leaves_no_process(tmp_path, runner, victim, turn):
    script, out, home = tmp_path / "script.py", tmp_path / "out", tmp_path / "home"
    errors = tmp_path / "errors"
    script.write_text(PROGRAM)
    out.touch()
    environ = {**os.environ, "FLOWSTONE_HOME": str(home), "FLOWSTONE_LOGGING_LEVEL": "CRITICAL"}
    environ |= {"OUT": str(out), "RAY_AUTH_MODE": "disabled"}
    with (
        errors.open("wb") as told,
        subprocess.Popen(
            [sys.executable, str(script), runner],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        ) as program,
    ):
        others: set[int] = set()
        try:
            wait_until(lambda: len(workers_in(out)) >= 2, BEGIN, "no two workers came to work")
            wait_until(lambda: seen_in(out), BEGIN, "nothing was seen")
            time.sleep(random.random() * 0.5)
            if victim == "worker":
                before = set(workers_in(out))
                os.kill(workers_in(out)[0], signal.SIGKILL)
                replaced = lambda: set(workers_in(out)) - before  # noqa: E731
                wait_until(replaced, BEGIN, "no other worker came")
            others = set(session_of(program))
        except AssertionError as error:
            error.add_note(errors.read_text())
            for pid in session_of(program):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            program.kill()
    workers = workers_in(out)
    wait_until(lambda: not any(map(lives, workers)), 20, "a worker outlived its program")
    wait_until(lambda: not any(map(lives, others)), 20, "a process outlived its program")
    seen = seen_in(out)
    with open_store(home) as store:
        rows = store.task_runs(limit=0)
        assert store.flow_runs(limit=0)[0].state_type == "CRASHED"
    assert {row.state_type for row in rows} <= {"COMPLETED", "CRASHED"}
    completed = {row.id.hex() for row in rows if row.state_type == "COMPLETED"}
    assert seen <= completed
