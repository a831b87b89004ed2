"""What ran, as a test asks for it."""

from __future__ import annotations

import pytest

from flowstone import flow, tags, task
from flowstone.exceptions import FlowstoneError
from flowstone.store.collector import collect
from flowstone.store.database import WriterLock, empty_reader
from flowstone.store.queries import Store, open_store
from flowstone.testing import flowstone_test_harness, recorded, recorded_runs


@pytest.fixture(autouse=True)
def home():
    with flowstone_test_harness() as home:
        yield home


@task
def load(day):
    if day == "today":
        raise ValueError("not yet")
    return day


@flow
def nightly(day, tries=1):
    return load.submit(day, return_state=True)


def test_where_nothing_ran_there_is_nothing():
    assert recorded_runs() == []


def test_runs_come_in_the_order_in_which_they_were_created():
    with tags("daily"):
        nightly("monday")
    nightly("today", tries=2, return_state=True)
    runs = recorded_runs()
    assert [(run.kind, run.of, run.name) for run in runs if run.kind == "task"] == [
        ("task", "load", "load-0"),
        ("task", "load", "load-0"),
    ]
    first, first_load, second, second_load = runs
    assert first.parameters == {"day": "monday", "tries": 1}
    assert first.tags == ("daily",)
    assert first_load.flow_run_id == first.id
    assert first_load.states == ("Pending", "Running", "Completed")
    assert (second.state_name, second.state_type) == ("Failed", "FAILED")
    assert second_load.message == "Task run encountered an exception ValueError: not yet"
    assert second_load.run_count == 1
    assert second.flow_run_id is None
    assert second.start_time <= second_load.start_time <= second.end_time


def test_a_run_that_goes_on_is_there_too():
    @flow
    def looks():
        return [(run.of, run.state_name) for run in recorded_runs()]

    assert looks() == [("looks", "Running")]
    assert [run.state_name for run in recorded_runs()] == ["Completed"]


def test_subflow_runs_know_who_called_them():
    @flow
    def outer():
        nightly("monday")

    outer()
    first, second, _ = recorded_runs()
    assert (first.of, second.of, second.flow_run_id) == ("outer", "nightly", first.id)


def test_what_a_command_has_collected_is_there_with_what_came_after(home):
    nightly("monday")
    with open_store(home):
        pass
    nightly("tuesday")
    assert len(recorded_runs()) == 4
    assert [run.parameters["day"] for run in recorded_runs() if run.kind == "flow"] == [
        "monday",
        "tuesday",
    ]


def test_a_home_that_cannot_be_read_just_now_is_told(home, monkeypatch):
    with open_store(home):
        nightly("monday")
    with open_store(home):
        nightly("tuesday")
    monkeypatch.setattr(
        recorded, "open_store", lambda home: Store(home, empty_reader(), collect(home, patience=0))
    )
    with WriterLock(home).waiting(), pytest.raises(FlowstoneError, match="cannot be read just now"):
        recorded_runs()


def test_a_bare_function_leaves_no_record():
    assert load.fn("monday") == "monday"
    assert recorded_runs() == []
