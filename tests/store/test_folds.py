"""The folded graph of a flow run is what its rows say, in whatever order they came."""

from __future__ import annotations

from typing import Any

from flowstone.core.facts import FlowRunCreated, TaskRunCarried
from flowstone.core.states import COMPLETED, RUNNING, SCHEDULED
from flowstone.store.databases import Database
from flowstone.store.folds import fold_of
from flowstone.store.reading.graph import Picture, picture_of
from tests.store.contents import contents
from tests.store.feeding import feed
from tests.store.segments import LogBuilder


def picture(database: Database, flow_run: bytes) -> Picture:
    with database.store() as store:
        return picture_of(store.connection, flow_run, 0)


def begun(database: Database) -> tuple[LogBuilder, FlowRunCreated, list[Any]]:
    log = LogBuilder(database.home)
    flow = log.flow_run()
    first, second = log.task_run(flow.run), log.task_run(flow.run, task=1)
    return log, flow, [first, second]


def test_groups_reach_from_the_first_start_to_the_last_end(any_database: Database):
    log, flow, (first, second) = begun(any_database)
    third = log.task_run(flow.run)
    waits = log.task_changed(third.run, 2, SCHEDULED, "AwaitingRetry")
    done = log.completed(first.run)
    log.segment([*log.definitions(), flow, first, second, third, waits, done])
    log.hold()
    feed(any_database)
    shown = picture(any_database, flow.run)
    assert shown.runs == 3
    (known,) = [group for group in shown.groups if group.runs == 2]
    assert [(one.type, one.runs) for one in known.states] == [("SCHEDULED", 1), ("COMPLETED", 1)]
    assert (known.first, known.started, known.ended) == (first.at, first.at, done.at)
    again, last = log.task_changed(third.run, 3, RUNNING, "Retrying"), log.completed(third.run, 4)
    log.add([again, last])
    feed(any_database)
    (known,) = [group for group in picture(any_database, flow.run).groups if group.runs == 2]
    assert [(one.type, one.runs) for one in known.states] == [("COMPLETED", 2)]
    assert known.ended == last.at
    log.die()


def test_a_result_is_counted_once_for_each_parameter_and_only_within_the_flow_run(
    any_database: Database,
):
    log, flow, (first, second) = begun(any_database)
    other = log.flow_run(name="other")
    outside = log.task_run(other.run)
    inputs = log.inputs(
        second.run, ("x", first.run), ("x", first.run), ("y", first.run), ("z", outside.run)
    )
    log.segment([*log.definitions(), flow, other, first, outside, second, inputs])
    feed(any_database)
    contents(any_database)
    shown = picture(any_database, flow.run)
    assert [count for _, _, count in shown.edges] == [2]
    with any_database.store() as store:
        assert fold_of(store.connection, flow.run).is_known


def test_inputs_that_came_before_what_they_take_are_counted_from_the_rows(any_database: Database):
    log, flow, (first, second) = begun(any_database)
    inputs = log.inputs(second.run, ("x", first.run))
    log.segment([*log.definitions(), flow, second, inputs])
    log.hold()
    feed(any_database)
    assert picture(any_database, flow.run).edges == []
    log.add([first, log.completed(first.run)])
    feed(any_database)
    assert [count for _, _, count in picture(any_database, flow.run).edges] == [1]
    log.die()


def test_inputs_of_a_run_whose_beginning_was_lost_are_counted_from_the_rows(any_database: Database):
    log, flow, (first, second) = begun(any_database)
    inputs = log.inputs(second.run, ("x", first.run))
    log.segment([*log.definitions(), flow, first, inputs])
    log.hold()
    feed(any_database)
    log.add([TaskRunCarried(second, 1, RUNNING, None, second.at, 1), log.completed(second.run)])
    feed(any_database)
    assert [count for _, _, count in picture(any_database, flow.run).edges] == [1]
    log.die()


def test_inputs_that_are_told_again_are_not_counted_again(any_database: Database):
    log, flow, (first, second) = begun(any_database)
    inputs = log.inputs(second.run, ("x", first.run))
    log.segment([*log.definitions(), flow, first, second, inputs])
    log.hold()
    feed(any_database)
    log.add([inputs, log.flow_changed(flow.run, 2, COMPLETED)])
    feed(any_database)
    contents(any_database)
    assert [count for _, _, count in picture(any_database, flow.run).edges] == [1]
    log.die()


def test_a_flow_run_that_is_deleted_leaves_no_fold(any_database: Database):
    log, flow, (first, second) = begun(any_database)
    log.segment([*log.definitions(), flow, first, second, log.inputs(second.run, ("x", first.run))])
    feed(any_database)
    with any_database.store() as store:
        store.delete_flow_run(flow.run)
    with any_database.store() as store:
        assert store.connection.execute("SELECT count(*) FROM fold").fetchone() == (0,)
