from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.core.states import COMPLETED, FAILED, NOT_READY, PENDING, RUNNING
from flowstone.log.machine import process_start
from flowstone.store.changes import TASK_RUNS, changes_since, newest_change
from flowstone.store.databases import Database
from flowstone.store.rows import RunFilter
from tests.store.contents import contents
from tests.store.feeding import fed, feed
from tests.store.segments import LogBuilder


def test_open_runs_of_a_dead_process_are_crashed(database: Database, log: LogBuilder):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    with fed(database) as store:
        (row,) = store.flow_runs()
        (child,) = store.task_runs()
        for one in (row, child):
            assert (one.state_type, one.state_name, one.verdict) == ("CRASHED", "Crashed", "died")
            assert one.message == f"The process that ran it (pid {log.pid} on here) died."
            assert one.end is not None
        assert [one.name for one in store.history(child)] == ["Pending", "Running", "Crashed"]
        assert store.task_counts(flow.run) == {"Crashed": 1}
        assert len(store.task_runs(RunFilter(states=("crashed",)))) == 1
        assert store.task_runs(RunFilter(states=("running",))) == []
    assert not log.path.exists()
    contents(database)


def test_a_run_that_was_not_ready_is_never_crashed(database: Database, log: LogBuilder):
    flow, sub = log.flow_run(), log.flow_run(running=False, name="sub")
    task, waiting = log.task_run(flow.run, running=False), log.task_run(flow.run, running=False)
    ends = {
        task.run: log.task_changed(task.run, 1, PENDING, NOT_READY, message="x failed"),
        sub.run: log.flow_changed(sub.run, 1, PENDING, NOT_READY, message="x failed"),
    }
    log.segment([*log.definitions(), flow, sub, task, waiting, *ends.values()])
    log.hold()
    feed(database)
    log.add([log.flow_changed(flow.run, 2, FAILED)])
    with fed(database) as store:
        assert store.task_counts(flow.run) == {"NotReady": 1, "Crashed": 1}
    log.die()
    with fed(database) as store:
        for row in (store.find_task_run(task.run.hex()), store.find_flow_run("sub")):
            assert (row.state_type, row.state_name, row.verdict) == ("PENDING", NOT_READY, None)
            assert (row.end, row.message) == (ends[row.id].at, "x failed")
        assert store.task_counts(flow.run) == {"NotReady": 1, "Crashed": 1}
        assert [row.id for row in store.task_runs(RunFilter(states=("notready",)))] == [task.run]
    contents(database)


def test_open_runs_of_a_living_process_stay_running(database: Database, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    with fed(database) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Running"]
    assert log.path.exists()
    log.die()
    with fed(database) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Crashed"]


def test_a_process_that_closed_its_descriptors_is_not_taken_for_dead(
    database: Database, log: LogBuilder
):
    log.pid, log.process_start = os.getpid(), process_start(os.getpid())
    log.segment([*log.definitions(), log.flow_run()])
    for _ in range(2):
        with fed(database) as store:
            assert [one.state_name for one in store.flow_runs()] == ["Running"]
            assert [one.alive for one in store.status().logs] == [True]
    assert log.path.exists()


def test_a_process_that_was_not_waited_for_is_dead(database: Database, log: LogBuilder):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        log.pid, log.process_start = child.pid, process_start(child.pid)
        log.segment([*log.definitions(), log.flow_run()])
        feed(database)
        assert log.path.exists()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with fed(database) as store:
            assert [one.state_name for one in store.flow_runs()] == ["Crashed"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_flow_run_that_ends_closes_what_is_open_below_it(
    database: Database, log: LogBuilder, at_once: bool
):
    flow = log.flow_run(name="top")
    sub = log.flow_run(name="sub", parent_flow_run=flow.run)
    done, left, deep = log.task_run(flow.run), log.task_run(flow.run), log.task_run(sub.run)
    other = log.task_run(name="elsewhere")
    begin = [*log.definitions(), flow, sub, done, left, deep, other, log.completed(done.run)]
    end = log.flow_changed(flow.run, 2, FAILED, message="no")
    log.segment([*begin, end] if at_once else begin)
    log.hold()
    if not at_once:
        feed(database)
        log.add([end])
    with fed(database) as store:
        found = {row.id: row for row in [*store.task_runs(), *store.flow_runs()]}
        assert found[done.run].state_name == "Completed"
        assert found[other.run].state_name == "Running"
        for one in (left, deep, sub):
            row = found[one.run]
            assert (row.state_name, row.verdict, row.end) == ("Crashed", "closed", end.at)
        assert store.task_counts(flow.run) == {"Completed": 1, "Crashed": 1}
    contents(database)


def test_a_flow_run_does_not_close_what_another_process_runs(database: Database, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 2, COMPLETED)])
    other = LogBuilder(database.home)
    other.segment([*other.definitions(), other.task_run(flow.run)])
    other.hold()
    with fed(database) as store:
        assert [one.state_name for one in store.task_runs()] == ["Running"]


def test_a_later_record_of_the_owner_takes_the_mark_away(database: Database, log: LogBuilder):
    flow = log.flow_run()
    task, silent = log.task_run(flow.run), log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task, silent, log.flow_changed(flow.run, 2, COMPLETED)])
    log.hold()
    with fed(database) as store:
        assert store.task_counts(flow.run) == {"Crashed": 2}
    log.add([log.completed(task.run)])
    with fed(database) as store:
        row = store.find_task_run(task.run.hex())
        assert (row.state_name, row.verdict, row.message) == ("Completed", None, None)
        assert store.find_task_run(silent.run.hex()).verdict == "closed"
        assert store.task_counts(flow.run) == {"Completed": 1, "Crashed": 1}
        assert [one.name for one in store.history(row)] == ["Pending", "Running", "Completed"]
    contents(database)


def test_a_log_that_goes_on_after_its_owner_was_called_dead_is_read_on(
    database: Database, log: LogBuilder, tmp_path: Path
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    kept = tmp_path / "kept"
    shutil.copy(log.path, kept)
    feed(database)
    shutil.copy(kept, log.path)
    log.add([log.task_run(flow.run), log.flow_changed(flow.run, 2, RUNNING, "Retrying")])
    log.hold()
    with fed(database) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Retrying"]
        assert [one.state_name for one in store.task_runs()] == ["Running"]


def test_a_log_whose_lock_proves_nothing_is_not_judged(database: Database, log: LogBuilder):
    header = log.header

    def leased(number: int):
        one = header(number)
        return type(one)(*[getattr(one, name) for name in one.__struct_fields__[:-1]], "lease")

    log.header = leased
    log.segment([*log.definitions(), log.flow_run()])
    with fed(database) as store:
        assert [one.state_name for one in store.flow_runs()] == ["Running"]
        assert [one.alive for one in store.status().logs] == [None]
    assert log.path.exists()


def test_whoever_looks_at_a_flow_run_hears_that_its_subflow_died(
    database: Database, log: LogBuilder
):
    flow, other = log.flow_run(), LogBuilder(database.home)
    log.segment([*log.definitions(), flow])
    log.hold()
    other.segment([*other.definitions(), other.flow_run(parent_flow_run=flow.run)])
    other.hold()
    feed(database)
    with database.store() as store:
        before = newest_change(store.connection)
    other.die()
    with fed(database) as store:
        told = {(one.topic, one.run) for one in changes_since(store.connection, before)}
    assert (TASK_RUNS, flow.run) in told
