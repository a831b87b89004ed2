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
from flowstone.task_runners import ProcessPoolTaskRunner

@task
def inner(n):
    return n

@task
def works(n):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(0.002)
    return inner(n)

@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def main():
    for future in works.map(range(2000)):
        future.wait()
        if future.state.is_completed():
            os.write(1, f"seen {future.task_run_id.hex}\\n".encode())

main()
"""


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.faults
@pytest.mark.parametrize("victim", ["driver", "worker"])
@pytest.mark.parametrize("turn", range(int(os.environ.get("FLOWSTONE_TEST_PROCESS_KILLS", "2"))))
def test_a_kill_loses_nothing_that_was_seen_and_leaves_no_process(tmp_path, victim, turn):
    environ = {**os.environ, "FLOWSTONE_HOME": str(tmp_path), "FLOWSTONE_LOGGING_LEVEL": "CRITICAL"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environ, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(3)]
        time.sleep(random.random() * 0.5)
        if victim == "worker":
            os.kill(next(int(line) for line in lines if line.strip().isdigit()), signal.SIGKILL)
            time.sleep(0.3)
        program.kill()
        lines += program.stdout.read().splitlines(keepends=True)
    workers = {int(line) for line in lines if line.strip().isdigit()}
    seen = {line.split()[1] for line in lines if line.startswith("seen") and line.endswith("\n")}
    assert len(workers) >= (3 if victim == "worker" else 1)
    end = time.monotonic() + 5
    while any(map(lives, workers)):
        assert time.monotonic() < end, "a worker outlived its program"
        time.sleep(0.01)
    with open_store(tmp_path) as store:
        rows = store.task_runs(limit=0)
        assert store.flow_runs(limit=0)[0].state_type == "CRASHED"
    assert {row.state_type for row in rows} <= {"COMPLETED", "CRASHED"}
    completed = {row.id.hex() for row in rows if row.state_type == "COMPLETED"}
    assert seen <= completed
