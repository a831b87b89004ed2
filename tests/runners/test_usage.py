"""What a task run used is recorded where its process runs nothing else meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from flowstone import flow, task
from flowstone.cli.main import main
from flowstone.runners import usage
from flowstone.runners.usage import Meter
from flowstone.task_runners import DaskTaskRunner, ProcessPoolTaskRunner, ThreadPoolTaskRunner
from flowstone.testing.recorded import recorded_runs
from tests.runners.conftest import dask_address, home

MIB = 1 << 20


def works_for(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@task
def fills(mib):
    block = bytearray(mib * MIB)
    block[:: 1 << 12] = b"x" * (len(block) >> 12)
    works_for(0.05)


@task
def starts():
    code = "import time\nwhile time.process_time() < 0.1: pass"
    subprocess.run([sys.executable, "-c", code], check=True)


def measured(runner):
    @flow(task_runner=runner)
    def body():
        fills.submit(100).wait()
        fills.submit(1).wait()
        starts.submit().wait()

    body()
    return {run.name: run for run in recorded_runs() if run.kind == "task"}


def check(runs):
    assert 0.05 <= runs["fills-0"].cpu_seconds < 5
    assert runs["fills-0"].peak_memory > 100 * MIB
    # The peak of a run that ended before is not that of the next one in the same process.
    assert runs["fills-1"].peak_memory < runs["fills-0"].peak_memory - 50 * MIB
    assert runs["starts-0"].cpu_seconds >= 0.1  # that of processes it waited for too


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak of memory is not known")
def test_workers_of_a_pool_tell_the_memory_and_the_processor_time_of_each_run(home):
    check(measured(ProcessPoolTaskRunner(max_workers=1)))


@pytest.mark.dask
@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak of memory is not known")
def test_workers_of_dask_with_one_thread_tell_it_too(home, dask_address):
    check(measured(DaskTaskRunner(address=dask_address)))


ALONE = """
import os
from flowstone.runners.usage import Meter

reads, pread = [], os.pread
os.pread = lambda *given: reads.append(given) or pread(*given)
meter = Meter()
block = bytearray(64 << 20)
meter.begin()
block[:: 1 << 12] = b"x" * (len(block) >> 12)
print(meter.end().memory)
del block  # a body that comes next has no part in it
left = [None] * 100
for number in range(100):
    meter.begin()
    left[number] = meter.end().memory
print(len(reads), *left)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak of memory is not known")
def test_a_body_to_which_no_page_came_has_the_memory_that_the_last_one_left():
    said = subprocess.run([sys.executable, "-c", ALONE], check=True, capture_output=True, text=True)
    filled, reads, *left = map(int, said.stdout.split())
    assert filled - max(left) > 60 * MIB
    assert max(left[10:]) - min(left[10:]) < 2 * MIB
    assert reads < 50


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak of memory is not known")
def test_what_a_body_freed_is_not_told_of_the_next_one_where_no_page_came(monkeypatch):
    told = iter([b"VmHWM: 900 kB\nVmRSS: 900 kB", b"VmHWM: 100 kB\nVmRSS: 100 kB"])
    monkeypatch.setattr(os, "pread", lambda *_: next(told))
    monkeypatch.setattr(usage, "_spent", lambda: (0.0, 7))
    meter = Meter()
    found = []
    for _ in range(3):
        meter.begin()
        found.append(meter.end().memory)
    assert found == [900 << 10, 100 << 10, 100 << 10]


def test_where_many_run_at_once_nothing_is_said(home):
    runs = measured(ThreadPoolTaskRunner())
    assert {run.cpu_seconds for run in runs.values()} == {None}


def test_inspect_shows_what_a_run_used(home, capsys, monkeypatch):
    run = measured(ProcessPoolTaskRunner(max_workers=1))["fills-0"]
    monkeypatch.setenv("FLOWSTONE_HOME", str(home))
    assert main(["task-run", "inspect", str(run.id)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("CPU") and line.endswith("ms") for line in lines), lines
    assert any(line.startswith("Memory") and "MiB at most" in line for line in lines), lines
    assert main(["task-run", "inspect", str(run.id), "-o", "json"]) == 0
    assert '"peak_memory": ' in capsys.readouterr().out


__all__ = ["dask_address", "home"]
