"""Who is taken for dead by silence, when, and what becomes of it when they are heard of again."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowstone.core.states import COMPLETED
from flowstone.store.databases import Database
from flowstone.store.silence import LeaseJudge, judge_leases
from tests.server.shipping import Stream, runs, send
from tests.server.test_receiving import counted

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """A log with a flow run and its task run, both open."""
    one = Stream(tmp_path)
    one.begin()
    one.flow = one.log.flow_run(name="main")
    one.task = one.log.task_run(one.flow.run, name="add")
    one.add(*one.log.definitions(), one.flow, one.task)
    return one


def be_silent(database: Database, stream: Stream, seconds: float) -> None:
    """Let a log have been heard of so many seconds ago."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE shipped SET received = received - ? "
            "WHERE log = (SELECT ref FROM log WHERE id = ?)",
            (int(seconds * SECOND), stream.log.id),
        )


def states(database: Database) -> list[str]:
    return [state for _, state in [*runs(database)[0], *runs(database)[1]]]


def test_a_log_that_is_silent_for_long_has_its_open_runs_marked(
    any_database: Database, stream: Stream
):
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 29)
    assert judge_leases(any_database) == 0
    be_silent(any_database, stream, 2)
    assert judge_leases(any_database) == 2
    assert states(any_database) == ["Crashed", "Crashed"]
    assert counted(any_database) == {"Crashed": 1}
    assert judge_leases(any_database) == 0


def test_a_sign_of_life_takes_the_marks_back(any_database: Database, stream: Stream):
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 60)
    judge_leases(any_database)
    send(any_database, stream.shipment(len(stream.data)))
    assert states(any_database) == ["Running", "Running"]
    assert counted(any_database) == {"Running": 1}
    be_silent(any_database, stream, 60)
    assert judge_leases(any_database) == 2


def test_what_it_records_later_is_what_holds(any_database: Database, stream: Stream):
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 60)
    judge_leases(any_database)
    before = len(stream.data)
    stream.add(
        stream.log.completed(stream.task.run),
        stream.log.flow_changed(stream.flow.run, 2, COMPLETED),
    )
    send(any_database, stream.shipment(before))
    assert states(any_database) == ["Completed", "Completed"]
    assert counted(any_database) == {"Completed": 1}


def test_a_run_that_was_to_be_cancelled_is_cancelled_when_its_process_is_silent(
    any_database: Database, stream: Stream
):
    send(any_database, stream.shipment())
    with any_database.store() as store:
        store.cancel(store.flow_runs()[0], "Asked for by ann.")
    be_silent(any_database, stream, 60)
    judge_leases(any_database)
    assert states(any_database) == ["Cancelled", "Crashed"]
    # Should it live after all, it is told so, and what it goes on to record changes nothing.
    receipt = send(any_database, stream.shipment(len(stream.data)))
    assert [one.run for one in receipt.commands] == [stream.flow.run]
    before = len(stream.data)
    stream.add(stream.log.flow_changed(stream.flow.run, 2, COMPLETED))
    receipt = send(any_database, stream.shipment(before))
    assert receipt.commands == ()
    assert runs(any_database)[0] == [("main", "Cancelled")]


def test_a_run_of_a_silent_process_can_be_cancelled_at_once(any_database: Database, stream: Stream):
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 60)
    judge_leases(any_database)
    with any_database.store() as store:
        assert store.cancel(store.flow_runs()[0], "Asked for by ann.") is True
    assert runs(any_database)[0] == [("main", "Cancelled")]


def test_a_log_that_is_over_is_not_judged(any_database: Database, stream: Stream):
    send(any_database, stream.shipment(is_dead=True, is_over=True))
    be_silent(any_database, stream, 60)
    assert judge_leases(any_database) == 0


def test_a_judge_that_has_just_begun_to_listen_waits(any_database: Database, stream: Stream):
    clock = Clock()
    judge = LeaseJudge(any_database, 30.0, clock)
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 3600)  # the server was away for an hour
    for _ in range(12):
        assert judge.judge() == 0
        clock.now += 5
    assert judge.judge() == 2


def test_a_judge_that_was_kept_from_judging_waits_again(any_database: Database, stream: Stream):
    clock = Clock()
    judge = LeaseJudge(any_database, 30.0, clock)
    for _ in range(14):
        judge.judge()
        clock.now += 5
    send(any_database, stream.shipment())
    be_silent(any_database, stream, 600)
    clock.now += 600  # the machine slept, or the database was away
    assert judge.judge() == 0
    for _ in range(11):
        clock.now += 5
        assert judge.judge() == 0
    clock.now += 5
    assert judge.judge() == 2
