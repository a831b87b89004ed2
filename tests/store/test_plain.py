"""The usual runs go a quick way into the store, which nobody may notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import pytest

from flowstone.core.facts import TaskRunChanged, TaskRunCompleted
from flowstone.core.states import COMPLETED, FAILED, RUNNING, SCHEDULED
from flowstone.store import ingest
from flowstone.store.databases import Database
from flowstone.store.lives import Growing
from tests.store.contents import contents
from tests.store.feeding import fed, feed
from tests.store.segments import LogBuilder


@pytest.fixture
def no_lives(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the task runs that need their states in memory."""
    made: list[Any] = []

    class Counted(Growing):
        def __init__(self, row: Any, present: Any) -> None:
            made.append(row)
            super().__init__(row, present)

    monkeypatch.setattr(ingest, "Growing", Counted)
    return lambda: len([row for row in made if hasattr(row, "flow_run")])


def submitted(log: LogBuilder, count: int) -> list[list[Any]]:
    """Return, for each of three moments, what is told then of runs that were submitted."""
    created = [log.task_run(running=False, name=f"add-{n}", tags=("x",)) for n in range(count)]
    started = [log.task_changed(one.run, 1, RUNNING) for one in created]
    return [created, started, [log.completed(one.run) for one in created]]


def collect_pieces(log: LogBuilder, database: Database, pieces: Iterable[list[Any]]) -> None:
    log.segment(log.definitions())
    log.hold()
    for piece in pieces:
        log.add(piece)
        feed(database)


@pytest.mark.parametrize("cuts", list(product([False, True], repeat=2)))
def test_a_submitted_run_goes_the_quick_way_wherever_a_batch_ends(
    database: Database, log: LogBuilder, no_lives: Callable[[], int], cuts: tuple[bool, bool]
):
    created, started, ended = submitted(log, 700)
    pieces = [created]
    for cut, more in zip(cuts, (started, ended), strict=True):
        if cut:
            pieces.append(more)
        else:
            pieces[-1] = pieces[-1] + more
    collect_pieces(log, database, pieces)
    assert no_lives() == 0
    with fed(database) as store:
        found = {row.id: row for row in store.task_runs(limit=0)}
        for one, begin, end in zip(created, started, ended, strict=True):
            row = found[one.run]
            assert (row.created, row.start, row.end) == (one.at, begin.at, end.at)
            assert (row.state_name, row.attempt, row.tags) == ("Completed", 1, ("x",))
        states = [(one.name, one.at) for one in store.history(row)]
        assert states == [("Pending", one.at), ("Running", begin.at), ("Completed", end.at)]
    assert len(contents(database)["tag"]) == 700
    with database.store() as store:
        found = store.connection.execute("SELECT DISTINCT history FROM task_run").fetchall()
        assert found == [(None,)]


@pytest.mark.parametrize("told", [1, 2])
def test_a_run_is_shown_as_far_as_it_is_told(database: Database, log: LogBuilder, told: int):
    flow = log.flow_run()
    created = log.task_run(flow.run, running=False)
    story = [created, log.task_changed(created.run, 1, RUNNING), log.completed(created.run)]
    collect_pieces(log, database, [[flow, *story[:told]]])
    with fed(database) as store:
        (row,) = store.task_runs()
        names = [one.name for one in store.history(row)]
        assert names == ["Pending", "Running"][:told]
        assert (row.attempt, row.end) == (told - 1, None)
        assert store.task_counts(flow.run) == {names[-1]: 1}
    log.die()
    with fed(database) as store:
        assert store.task_counts(flow.run) == {"Crashed": 1}
    contents(database)


def test_a_run_that_does_more_leaves_the_quick_way_with_all_that_was_told(
    database: Database, log: LogBuilder
):
    created = log.task_run(running=False)
    run = created.run
    more = [
        log.task_changed(run, 1, RUNNING),
        log.task_changed(run, 2, SCHEDULED, "AwaitingRetry", message="no"),
        log.task_changed(run, 3, RUNNING, "Retrying"),
        log.completed(run, 4),
    ]
    collect_pieces(log, database, [[created], more])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.start, row.attempt, row.end) == (more[0].at, 2, more[3].at)
        names = [one.name for one in store.history(row)]
    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]


def test_what_was_applied_before_is_passed_over(database: Database, log: LogBuilder):
    created, started, ended = submitted(log, 5)
    collect_pieces(log, database, [created + started + ended])
    before = contents(database)["task_run"]
    log.add(created + started + ended)
    feed(database)
    log.add(started)
    feed(database)
    log.add(ended)
    feed(database)
    assert contents(database)["task_run"] == before


def test_runs_whose_creation_was_lost_are_kept(database: Database, log: LogBuilder):
    _, started, ended = submitted(log, 3)
    collect_pieces(log, database, [started[:2] + ended[1:]])
    with fed(database) as store:
        rows = store.task_runs()
        assert [row.state_name for row in rows] == ["Completed", "Completed", "Running"]
        assert [row.name for row in rows] == ["(unknown)"] * 3
    contents(database)


def test_a_run_that_failed_before_is_not_completed(database: Database, log: LogBuilder):
    created, other = log.task_run(running=False), log.task_run(running=False)
    begin = [created, log.task_changed(created.run, 1, FAILED), other]
    late = [log.completed(created.run), log.task_changed(other.run, 1, RUNNING)]
    collect_pieces(log, database, [begin, late])
    with fed(database) as store:
        assert [row.state_name for row in store.task_runs()] == ["Running", "Failed"]
        (refused,) = store.status().rejected
    assert "ended as Failed and cannot become Completed" in refused.reason
    contents(database)


def test_another_fence_is_another_story(database: Database, log: LogBuilder):
    created = log.task_run(running=False)
    run = created.run
    over = [
        TaskRunChanged(run, 1, RUNNING, None, log.tick(), fence=1),
        log.task_changed(run, 1, RUNNING),
        TaskRunCompleted(run, 2, log.tick(), fence=1),
    ]
    collect_pieces(log, database, [[created, *over]])
    other = LogBuilder(database.home)
    twin = other.task_run(running=False)
    collect_pieces(
        other, database, [[twin], [TaskRunCompleted(twin.run, 2, other.tick(), fence=1)]]
    )
    with fed(database) as store:
        one, two = store.find_task_run(run.hex()), store.find_task_run(twin.run.hex())
        assert [row.attempt for row in (one, two)] == [2, 0]
        names = [state.name for state in store.history(one)]
        assert names == ["Pending", "Running", "Running", "Completed"]
        assert [state.name for state in store.history(two)] == ["Pending", "Completed"]
    contents(database)


@pytest.mark.parametrize(
    "record",
    [
        TaskRunChanged(b"short", 1, RUNNING, None, 1),
        TaskRunCompleted(b"short", 2, 1),
        TaskRunCompleted(b"x" * 16, 2, 2**64 - 1),
    ],
)
def test_what_only_looks_plain_is_put_aside(database: Database, log: LogBuilder, record: object):
    created, started, ended = submitted(log, 3)
    collect_pieces(log, database, [created, [*started, record, *ended]])
    with fed(database) as store:
        assert [row.state_name for row in store.task_runs()] == ["Completed"] * 3
        assert len(store.status().rejected) == 1
    contents(database)


def test_a_mark_is_taken_away_by_a_plain_record_too(database: Database, log: LogBuilder):
    flow = log.flow_run()
    created = log.task_run(flow.run, running=False)
    story = [log.task_changed(created.run, 1, RUNNING), log.completed(created.run)]
    end = log.flow_changed(flow.run, 2, COMPLETED)
    collect_pieces(log, database, [[flow, created, end, *story]])
    with fed(database) as store:
        (row,) = store.task_runs()
        assert (row.state_name, row.verdict) == ("Completed", None)
        assert store.task_counts(flow.run) == {"Completed": 1}
    contents(database)
