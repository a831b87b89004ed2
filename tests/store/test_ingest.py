from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowstone.core.facts import (
    FlowRunCarried,
    TaskDefined,
    TaskRunCarried,
    TaskRunChanged,
    TaskRunCompleted,
)
from flowstone.core.states import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    SCHEDULED,
)
from flowstone.log.records import Gap
from flowstone.store.collector import collect
from flowstone.store.databases import Database
from flowstone.store.rows import RunFilter, StateEntry
from tests.store.contents import contents
from tests.store.feeding import fed, feed
from tests.store.segments import LogBuilder


def test_a_plain_task_run_is_pending_running_and_completed(database: Database, log: LogBuilder):
    created = log.task_run(name="add-7")
    log.segment([*log.definitions(), created, done := log.completed(created.run)])

    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.id, row.name, row.task_name, row.task_key) == (
            created.run,
            "add-7",
            "add",
            "add-12345678",
        )
        assert (row.state_type, row.state_name, row.attempt) == ("COMPLETED", "Completed", 1)
        assert (row.created, row.start, row.end) == (created.at, created.at, done.at)
        assert store.history(row) == [
            StateEntry("PENDING", "Pending", created.at, None),
            StateEntry("RUNNING", "Running", created.at, None),
            StateEntry("COMPLETED", "Completed", done.at, None),
        ]


def test_a_plain_run_keeps_no_history_column(database: Database, log: LogBuilder):
    log.segment(log.story(5))
    feed(database)
    with database.store() as store:
        found = store.connection.execute("SELECT DISTINCT history FROM task_run").fetchall()
        found += store.connection.execute("SELECT DISTINCT history FROM flow_run").fetchall()
    assert found == [(None,), (None,)]


def test_retries_are_attempts_of_one_run_and_each_state_is_in_its_history(
    database: Database, log: LogBuilder
):
    created = log.task_run()
    run = created.run
    wait = log.task_changed(run, 2, SCHEDULED, "AwaitingRetry", message="no", scheduled=log.clock)
    again = log.task_changed(run, 3, RUNNING, "Retrying")
    end = log.task_changed(run, 4, FAILED, message="Task run encountered an exception: no")
    log.segment([*log.definitions(), created, wait, again, end])

    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.attempt, row.state_name, row.message) == (2, "Failed", end.message)
        assert (row.start, row.end) == (created.at, end.at)
        assert [(one.name, one.at, one.message) for one in store.history(row)] == [
            ("Pending", created.at, None),
            ("Running", created.at, None),
            ("AwaitingRetry", wait.at, "no"),
            ("Retrying", again.at, None),
            ("Failed", end.at, end.message),
        ]


def test_a_run_that_was_submitted_starts_when_it_runs(database: Database, log: LogBuilder):
    created = log.task_run(running=False)
    started = log.task_changed(created.run, 1, RUNNING)
    log.segment([*log.definitions(), created, started, log.completed(created.run)])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.created, row.start, row.attempt) == (created.at, started.at, 1)
        assert [one.at for one in store.history(row)][:2] == [created.at, started.at]


def test_records_over_several_collections_come_to_the_same_as_at_once(
    tmp_path: Path, database: Database, log: LogBuilder
):
    story = log.story(4)
    log.segment(story)
    twin = tmp_path / "twin"
    shutil.copytree(database.home, twin)
    feed(database)

    assert not log.path.exists()
    source = next((twin / "logs").iterdir())
    data = source.read_bytes()
    ends = []
    at = 0
    while at < len(data):
        at += 8 + int.from_bytes(data[at : at + 4], "little")
        ends.append(at)
    holder = LogBuilder(twin)
    holder.id, holder.number = log.id, 0
    for end in ends:
        source.write_bytes(data[:end])
        holder.hold()
        collect(twin)
        holder.die()
    collect(twin)
    assert contents(twin) == contents(database)


def test_applying_a_log_twice_changes_nothing(database: Database, log: LogBuilder):
    created = log.task_run(name="late", tags=("red", "blue"))
    log.segment([*log.story(6), created, log.line("one", task_run=created.run)])
    data = log.path.read_bytes()
    feed(database)
    before = contents(database)

    log.path.write_bytes(data)
    feed(database)
    assert contents(database) == before
    assert not log.path.exists()

    with database.transaction() as connection:  # as if it had never been seen
        connection.execute("UPDATE log SET applied = 0, ended = NULL")
    log.path.write_bytes(data)
    feed(database)
    assert contents(database) == before


def test_a_lower_sequence_that_comes_late_only_enters_the_history(
    database: Database, log: LogBuilder
):
    created = log.task_run()
    run = created.run
    end = log.completed(run, 4)
    again = log.task_changed(run, 3, RUNNING, "Retrying")
    wait = log.task_changed(run, 2, SCHEDULED, "AwaitingRetry")
    log.segment([*log.definitions(), created, end, again, wait])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.state_name, row.end, row.attempt) == ("Completed", end.at, 2)
        names = [one.name for one in store.history(row)]
    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]


def test_a_higher_fence_wins_whichever_log_is_read_first(database: Database):
    first, second = sorted(
        (LogBuilder(database.home), LogBuilder(database.home)), key=lambda one: one.id
    )
    created = second.task_run(name="taken")
    over = TaskRunCompleted(created.run, 1, first.tick(), fence=1)
    first.segment([over])
    failed = second.task_changed(created.run, 2, FAILED)
    second.segment([*second.definitions(), created, failed])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.name, row.task_name, row.state_name) == ("taken", "add", "Completed")
        assert row.log_id == first.id
        names = [one.name for one in store.history(row)]
    assert names == ["Pending", "Running", "Failed", "Completed"]


def test_a_run_that_ended_does_not_run_again_under_the_same_fence(
    database: Database, log: LogBuilder
):
    created = log.task_run()
    failed = log.task_changed(created.run, 2, FAILED)
    again = log.task_changed(created.run, 3, RUNNING)
    rolled = log.task_run(name="rolled")
    log.segment(
        [
            *log.definitions(),
            created,
            failed,
            again,
            rolled,
            log.completed(rolled.run),
            log.task_changed(rolled.run, 3, COMPLETED, "RolledBack"),
        ]
    )
    with fed(database) as store:
        assert [one.state_name for one in store.task_runs()] == ["RolledBack", "Failed"]
        (refused,) = store.status().rejected
    assert "ended as Failed and cannot become Running" in refused.reason


@pytest.mark.parametrize(
    "record",
    [
        TaskRunChanged(b"short", 0, RUNNING, None, 1),
        TaskRunChanged(b"x" * 16, 0, 77, None, 1),
        TaskRunChanged(b"x" * 16, 0, RUNNING, None, 2**64 - 1),
        TaskRunCompleted(b"y" * 16, 2**64 - 1, 1),
    ],
)
def test_a_record_that_cannot_be_kept_is_put_aside_and_holds_nothing_up(
    database: Database, log: LogBuilder, record: object
):
    story = log.story(3)
    log.segment([*story[:-1], record, story[-1]])
    with fed(database) as store:
        assert [one.state_name for one in store.task_runs()] == ["Completed"] * 3
        assert [one.state_name for one in store.flow_runs()] == ["Completed"]
        (refused,) = store.status().rejected
        assert refused.log_id == log.id
        assert refused.reason
    assert not log.path.exists()


def test_what_a_segment_carries_makes_up_for_a_lost_one(database: Database, log: LogBuilder):
    log.segment([])
    lost = log.path
    flow = log.flow_run(name="carried-flow", parameters='{"n":1}')
    task = log.task_run(flow.run, name="carried-task")
    log.segment(
        [
            *log.definitions(),
            FlowRunCarried(flow, 1, RUNNING, None, flow.at, 1),
            TaskRunCarried(task, 5, RUNNING, "Retrying", log.tick(), 3),
            log.completed(task.run, 6),
            log.flow_changed(flow.run, 2, COMPLETED),
        ]
    )
    lost.unlink()
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.name, row.attempt, row.state_name) == ("carried-task", 3, "Completed")
        (parent,) = store.flow_runs()
        assert (parent.name, parent.attempt) == ("carried-flow", 1)
        assert parent.parameters == '{"n":1}'
        (damage,) = store.status().damages
        assert "not there" in damage.reason


def test_carried_records_of_known_runs_change_nothing(database: Database, log: LogBuilder):
    flow, task = log.flow_run(), log.task_run(running=False)
    log.segment([*log.definitions(), flow, task, log.task_changed(task.run, 1, RUNNING)])
    at = log.clock
    log.segment(
        [
            *log.definitions(),
            FlowRunCarried(flow, 1, RUNNING, None, flow.at, 1),
            TaskRunCarried(task, 1, RUNNING, None, at, 1),
            log.completed(task.run),
            log.flow_changed(flow.run, 2, COMPLETED),
        ]
    )
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.attempt, row.created, row.start) == (1, task.at, at)
        assert len(store.history(row)) == 3
        (parent,) = store.flow_runs()
        assert (parent.attempt, parent.start) == (1, flow.at)


def test_a_run_whose_creation_is_lost_is_still_shown(database: Database, log: LogBuilder):
    run = log.ids.new(log.tick())
    log.segment([log.completed(run)])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.id, row.name, row.task_name) == (run, "(unknown)", "(unknown)")
        assert row.state_name == "Completed"


def test_counts_follow_the_rows(database: Database, log: LogBuilder):
    flow = log.flow_run()
    runs = [log.task_run(flow.run) for _ in range(5)]
    log.segment(
        [
            *log.definitions(),
            flow,
            *runs,
            log.completed(runs[0].run),
            log.task_changed(runs[1].run, 2, COMPLETED, "Cached"),
            log.task_changed(runs[2].run, 2, FAILED),
        ]
    )
    log.hold()
    with fed(database) as store:
        assert store.task_counts(flow.run) == {
            "Running": 2,
            "Cached": 1,
            "Completed": 1,
            "Failed": 1,
        }
    log.add([log.completed(runs[3].run)])
    with fed(database) as store:
        assert store.task_counts(flow.run)["Running"] == 1
    contents(database)


def test_gaps_are_counted_for_their_log(database: Database, log: LogBuilder):
    log.segment([*log.story(1), Gap(7, 5, 1, 2), Gap(3, 0, 3, 4)])
    log.hold()
    with fed(database) as store:
        (facts,) = store.status().logs
    assert (facts.lost_records, facts.lost_lines) == (10, 5)


def test_lines_come_in_the_order_of_time_with_those_of_task_runs(
    database: Database, log: LogBuilder
):
    flow = log.flow_run()
    task = log.task_run(flow.run, name="add-3")
    lines = [
        log.line("first", flow_run=flow.run),
        log.line("second", flow_run=flow.run, task_run=task.run, level=30),
        log.line("third", flow_run=flow.run, level=10),
    ]
    log.segment([*log.definitions(), flow, task, *reversed(lines)])
    with fed(database) as store:
        assert [one.message for one in store.lines(flow.run)] == ["first", "second", "third"]
        (of_task,) = store.lines(task_run=task.run)
        assert (of_task.message, of_task.task_run_name) == ("second", "add-3")
        assert [one.message for one in store.lines(flow.run, level=20)] == ["first", "second"]
        assert [one.message for one in store.lines(flow.run, limit=2)] == ["first", "second"]
        last = store.lines(flow.run, limit=2, tail=True)
        assert [one.message for one in last] == ["second", "third"]


def test_numbers_of_tasks_belong_to_their_log(database: Database):
    for name in ("one", "two"):
        log = LogBuilder(database.home)
        log.segment([TaskDefined(0, f"{name}-key", name), log.task_run(name=name)])
    with fed(database) as store:
        assert {row.name: row.task_name for row in store.task_runs()} == {
            "one": "one",
            "two": "two",
        }
        assert [row.name for row in store.task_runs(RunFilter(task="two"))] == ["two"]


def test_a_task_run_that_was_not_ready_has_an_end_but_no_start(database: Database, log: LogBuilder):
    created = log.task_run(running=False)
    not_ready = log.task_changed(created.run, 1, PENDING, "NotReady")
    log.segment([*log.definitions(), created, not_ready])
    log.hold()
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.start, row.end, row.attempt) == (None, not_ready.at, 0)
        assert (row.state_type, row.state_name) == ("PENDING", "NotReady")
        assert [one.name for one in store.history(row)] == ["Pending", "NotReady"]
