"""Requests to cancel: how they are shown, when they end, and what becomes of them after a death."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowstone.core.states import CANCELLED, COMPLETED, FAILED, RUNNING, SCHEDULED
from flowstone.log.control import CancelAsked, ask, control_path
from flowstone.store.collector import collect
from flowstone.store.database import WriterLock, database_path
from flowstone.store.errors import RunEnded
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from tests.store.contents import contents
from tests.store.segments import LogBuilder

BY_ANN = "Asked for by ann."
DIED = "The process that ran it (pid 4194311 on here) died."


def request(log: LogBuilder, run: bytes, message: str = BY_ANN) -> CancelAsked:
    """Leave a request in a log's control file, as another terminal does."""
    one = CancelAsked(run, log.tick(), message)
    ask(str(log.home / "logs"), log.id, one)
    return one


def control_of(log: LogBuilder) -> Path:
    return Path(control_path(str(log.home / "logs"), log.id))


def fence_of(home: Path, table: str, run: bytes) -> tuple[int, int]:
    with closing(sqlite3.connect(database_path(home))) as connection:
        query = f"SELECT fence, sequence FROM {table} WHERE id = ?"
        found: tuple[int, int] = connection.execute(query, (run,)).fetchone()
        return found


def test_a_request_is_shown_beside_the_run_until_its_owner_records_an_end(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    log.hold()
    collect(home)
    asked = [request(log, flow.run), request(log, task.run)]
    with open_store(home) as store:
        for row, one in zip([*store.flow_runs(), *store.task_runs()], asked, strict=True):
            assert (row.state_type, row.state_name) == ("CANCELLING", "Cancelling")
            assert (row.verdict, row.message, row.end) == ("asked", BY_ANN, None)
            states = [(entry.name, entry.at) for entry in store.history(row)]
            assert states[-1] == ("Cancelling", one.at)
        assert len(store.flow_runs(RunFilter(states=("cancelling",)))) == 1
        assert store.task_runs(RunFilter(states=("running",))) == []
        assert store.task_counts(flow.run) == {"Cancelling": 1}
    contents(home)
    ends = [log.task_changed(task.run, 2, CANCELLED), log.flow_changed(flow.run, 2, CANCELLED)]
    log.add(ends)
    with open_store(home) as store:
        for row in [*store.flow_runs(), *store.task_runs()]:
            assert (row.state_name, row.verdict, row.message) == ("Cancelled", None, None)
            assert [one.name for one in store.history(row)] == ["Pending", "Running", "Cancelled"]
        assert store.task_counts(flow.run) == {"Cancelled": 1}
    contents(home)


def test_what_the_owner_records_before_the_end_does_not_take_a_request_away(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    log.hold()
    request(log, task.run)
    collect(home)
    log.add(
        [
            log.task_changed(task.run, 2, SCHEDULED, "AwaitingRetry"),
            log.task_changed(task.run, 3, RUNNING, "Retrying"),
        ]
    )
    with open_store(home) as store:
        (row,) = store.task_runs()
        assert (row.state_name, row.attempt, row.message) == ("Cancelling", 2, BY_ANN)
        names = [one.name for one in store.history(row)]
        assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "Cancelling"]
    contents(home)


@pytest.mark.parametrize("running", [True, False])
def test_a_task_run_that_completes_all_the_same_is_completed(
    home: Path, log: LogBuilder, running: bool
):
    flow = log.flow_run()
    task = log.task_run(flow.run, running=running)
    log.segment([*log.definitions(), flow, task])
    log.hold()
    request(log, task.run)
    collect(home)
    contents(home)
    if not running:
        log.add([log.task_changed(task.run, 1, RUNNING)])
        collect(home)
        contents(home)
    log.add([log.completed(task.run)])
    with open_store(home) as store:
        (row,) = store.task_runs()
        assert (row.state_name, row.verdict, row.message) == ("Completed", None, None)
        assert store.task_counts(flow.run) == {"Completed": 1}
    contents(home)


def test_only_open_runs_of_the_log_that_was_asked_are_shown_as_cancelling(
    home: Path, log: LogBuilder
):
    flow, other = log.flow_run(name="over"), LogBuilder(home)
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 2, COMPLETED)])
    log.hold()
    elsewhere = other.flow_run(name="elsewhere")
    other.segment([*other.definitions(), elsewhere])
    other.hold()
    for run in (flow.run, elsewhere.run, b"r" * 16, b"short"):
        request(log, run)
    with open_store(home) as store:
        assert store.find_flow_run("over").state_name == "Completed"
        assert store.find_flow_run("elsewhere").state_name == "Running"


def test_the_first_of_several_requests_is_the_one_shown(home: Path, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    request(log, flow.run, "first")
    request(log, flow.run, "second")
    collect(home)
    request(log, flow.run, "third")
    with open_store(home) as store:
        assert store.flow_runs()[0].message == "first"


@pytest.mark.parametrize("is_collected", [True, False])
def test_a_request_whose_reader_died_before_acting_makes_the_run_cancelled(
    home: Path, log: LogBuilder, is_collected: bool
):
    flow, other = log.flow_run(name="asked"), log.flow_run(name="left alone")
    sub = log.flow_run(name="sub", parent_flow_run=flow.run)
    done, left, deep = log.task_run(flow.run), log.task_run(flow.run), log.task_run(sub.run)
    single = log.task_run(flow.run, name="single")
    records = [flow, other, sub, done, left, deep, single, log.completed(done.run)]
    log.segment([*log.definitions(), *records])
    log.hold()
    asked = request(log, flow.run)
    request(log, single.run, "Asked for by bob.")
    if is_collected:
        collect(home)
    log.die()
    with open_store(home) as store:
        row = store.find_flow_run("asked")
        assert (row.state_name, row.verdict) == ("Cancelled", None)
        assert (row.message, row.end) == (f"{BY_ANN} {DIED}", asked.at)
        assert [one.name for one in store.history(row)] == ["Pending", "Running", "Cancelled"]
        assert store.find_flow_run("left alone").verdict == "died"
        children = {one.id: one for one in [*store.task_runs(), *store.flow_runs()]}
        assert children[done.run].state_name == "Completed"
        assert children[single.run].state_name == "Cancelled"
        assert children[single.run].message == f"Asked for by bob. {DIED}"
        for child in (left, deep, sub):
            assert children[child.run].verdict == "closed"
    assert fence_of(home, "flow_run", flow.run) == (1, 2)
    assert fence_of(home, "task_run", single.run) == (1, 2)
    assert os.listdir(home / "logs") == []
    contents(home)


def test_a_living_owner_is_asked_and_writes_the_end_itself(home: Path, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    with open_store(home) as store:
        assert store.cancel(store.flow_runs()[0], BY_ANN) is False
    assert control_of(log).exists()
    with open_store(home) as store:
        (row,) = store.flow_runs()
        assert row.state_name == "Cancelling"
        assert store.cancel(row, "Asked for by bob.") is False  # again: it may have been missed
    assert fence_of(home, "flow_run", flow.run) == (0, 1)


@pytest.mark.parametrize("is_seen_dead", [True, False])
def test_an_open_run_of_a_dead_owner_is_taken_over(home: Path, log: LogBuilder, is_seen_dead: bool):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    log.hold()
    collect(home)
    if is_seen_dead:
        log.die()
    with open_store(home) as store:
        (row,) = store.flow_runs()
        log.die()
        assert store.cancel(row, BY_ANN) is True
    with open_store(home) as store:
        (row,) = store.flow_runs()
        assert (row.state_name, row.verdict) == ("Cancelled", None)
        assert row.message == f"{BY_ANN} {DIED}"
        assert [one.name for one in store.history(row)] == ["Pending", "Running", "Cancelled"]
        (child,) = store.task_runs()
        assert (child.state_name, child.verdict) == (
            "Crashed",
            "died" if is_seen_dead else "closed",
        )
        if is_seen_dead:  # it died with the other: it may be cancelled too
            assert store.cancel(child, BY_ANN) is True
    assert fence_of(home, "flow_run", flow.run) == (1, 2)
    assert os.listdir(home / "logs") == []
    contents(home)


@pytest.mark.parametrize(("kind", "state"), [(COMPLETED, "Completed"), (FAILED, "Failed")])
def test_a_run_that_has_ended_is_not_touched(home: Path, log: LogBuilder, kind: int, state: str):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 2, kind)])
    log.hold()
    with open_store(home) as store, pytest.raises(RunEnded, match=f"ended already: it is {state}"):
        store.cancel(store.flow_runs()[0], BY_ANN)
    assert not control_of(log).exists()
    assert fence_of(home, "flow_run", flow.run) == (0, 2)


def test_the_last_words_of_a_dead_owner_are_read_before_its_run_is_taken_over(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    with open_store(home) as store:
        (row,) = store.flow_runs()
        log.add([log.flow_changed(flow.run, 2, COMPLETED)])
        log.die()
        with pytest.raises(RunEnded, match="it is Completed"):
            store.cancel(row, BY_ANN)
    with open_store(home) as store:
        assert store.flow_runs()[0].state_name == "Completed"


def test_a_run_that_its_flow_run_closed_has_ended(home: Path, log: LogBuilder):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    log.hold()
    with open_store(home) as store:
        (row,) = store.task_runs()
        log.add([log.flow_changed(flow.run, 2, FAILED)])
        log.die()
        with pytest.raises(RunEnded, match="it is Crashed"):
            store.cancel(row, BY_ANN)
    with open_store(home) as store, pytest.raises(RunEnded, match="it is Crashed"):
        store.cancel(store.task_runs()[0], BY_ANN)


def test_what_a_replaced_owner_says_later_is_history(home: Path, log: LogBuilder, tmp_path: Path):
    task = log.task_run()
    log.segment([*log.definitions(), task])
    kept = shutil.copy(log.path, tmp_path / "kept")
    with open_store(home) as store:
        assert store.cancel(store.task_runs()[0], BY_ANN)
    shutil.copy(kept, log.path)
    log.add([log.completed(task.run)])
    log.hold()
    with open_store(home) as store:
        (row,) = store.task_runs()
        assert row.state_name == "Cancelled"
        names = [one.name for one in store.history(row)]
        assert names == ["Pending", "Running", "Completed", "Cancelled"]
    contents(home)


def test_the_control_file_goes_with_the_last_segment_and_is_not_foreign(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    request(log, flow.run)
    with open_store(home) as store:
        status = store.status()
        assert (len(status.logs), status.foreign, status.damages) == (1, (), ())
    assert control_of(log).exists()
    log.add([log.flow_changed(flow.run, 2, CANCELLED)])
    log.die()
    collect(home)
    assert os.listdir(home / "logs") == []


def test_garbage_in_a_control_file_holds_up_neither_requests_nor_the_log(
    home: Path, log: LogBuilder
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    control_of(log).write_bytes(b"cancel it, please")
    for _ in range(2):
        assert collect(home).as_of is None
    request(log, flow.run)
    with open_store(home) as store:
        assert store.flow_runs()[0].state_name == "Cancelling"


def test_a_control_file_that_cannot_be_read_does_not_hold_up_the_log(home: Path, log: LogBuilder):
    log.segment([*log.definitions(), log.flow_run()])
    log.hold()
    control_of(log).mkdir()
    for _ in range(2):
        assert collect(home).as_of is None
    with open_store(home) as store:
        assert store.flow_runs()[0].state_name == "Running"


def test_a_request_that_cannot_be_written_says_so_and_changes_nothing(home: Path, log: LogBuilder):
    log.segment([*log.definitions(), log.flow_run()])
    log.hold()
    control_of(log).mkdir()
    with open_store(home) as store, pytest.raises(OSError, match=r"\.ctl"):
        store.cancel(store.flow_runs()[0], BY_ANN)


def test_what_was_asked_and_is_collected_needs_no_writing_again(home: Path, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    request(log, flow.run)
    collect(home)
    with WriterLock(home).waiting():
        assert collect(home, patience=0).as_of is None
    request(log, flow.run)
    with WriterLock(home).waiting():
        assert collect(home, patience=0).as_of is not None
