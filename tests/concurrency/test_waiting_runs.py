"""Submitted runs that have not begun: what is on record of them, and from when on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.drive import pool
from flowstone.engine.task_run import create
from flowstone.runners import submitted
from flowstone.task_runners import ThreadPoolTaskRunner
from tests.face.recorded import Recorded

CALLS = 400
LEAVES = """
import threading, time
from flowstone import flow, task
from flowstone.drive import pool

pool._SOON = 3600
queued = threading.Event()

@task
def nap():
    time.sleep(3600)

@flow
def crowd():
    futures = [nap.submit() for _ in range(1000)]
    queued.set()
    futures[0].wait()

threading.Thread(target=crowd, daemon=True).start()
queued.wait()
"""


@task
def add(x, y=1):
    return x + y


@pytest.fixture
def in_no_hurry(monkeypatch):
    """Let runs wait for as long as they like before they are recorded."""
    monkeypatch.setattr(pool, "_SOON", 3600)


@contextmanager
def queued():
    """Give the future of a run that cannot begin before the block ends, or the event is set."""
    gate, held = threading.Event(), threading.Event()

    @task
    def hold():
        held.set()
        gate.wait()

    hold.submit()
    held.wait()
    try:
        yield add.submit(1), gate
    finally:
        gate.set()


def one_at_a_time(body):
    flow(body, task_runner=ThreadPoolTaskRunner(max_workers=1))()


def was_created(recorded, name):
    return any(getattr(fact, "name", None) == name for fact in recorded.facts)


def test_a_submitted_run_that_begins_at_once_is_two_records(recorded, in_no_hurry):
    flow(lambda: add.submit(1).result())()
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]
    assert recorded.created("add-0").running


def test_a_submitted_run_is_pending_until_it_starts(recorded):
    def body():
        with queued() as (future, gate):
            assert future.state.is_pending()
            gate.set()
            assert future.result() == 2

    one_at_a_time(body)
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]
    assert not recorded.created("add-0").running


def test_a_submitted_run_that_waits_is_soon_on_record(recorded):
    def body():
        with queued():
            until = time.monotonic() + 10
            while not was_created(recorded, "add-0") and time.monotonic() < until:
                time.sleep(0.01)
            assert recorded.states("add-0") == ["Pending"]

    one_at_a_time(body)
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda future: future.task_run_id,
        lambda future: future.key,
        lambda future: future.state,
        lambda future: future.as_input(),
    ],
)
def test_a_run_that_somebody_asked_about_is_on_record(recorded, in_no_hurry, ask):
    def body():
        with queued() as (future, _):
            assert not was_created(recorded, "add-0")
            ask(future)
            assert recorded.states("add-0") == ["Pending"]
            assert future.state.is_pending()

    one_at_a_time(body)
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]


def test_a_run_that_is_cancelled_before_it_was_recorded_has_both_states(recorded, in_no_hurry):
    def body():
        with queued() as (future, _):
            assert future.cancel()

    one_at_a_time(body)
    assert recorded.states("add-0") == ["Pending", "Cancelled"]


def test_the_inputs_of_a_run_that_waits_are_on_record_with_it(recorded, in_no_hurry):
    def body():
        values = task(lambda: [1, 2], name="values").submit()
        values.wait()
        add.map(values).wait()

    flow(body)()
    inputs = [fact for fact in recorded.facts if type(fact).__name__ == "InputsFound"]
    source = recorded.created("values-0").run
    assert {fact.run: fact.inputs for fact in inputs} == {
        recorded.created(name).run: (("x", source),) for name in ("add-0", "add-1")
    }


def test_runs_that_are_looked_at_while_they_begin_are_created_once_and_have_no_gap(recorded):
    futures = []

    def look():
        """Ask about the newest future as long as there are more."""
        while len(futures) < CALLS:
            if futures:
                assert futures[-1].state.name in {"Pending", "Running", "Completed"}

    def body():
        lookers = [threading.Thread(target=look) for _ in range(3)]
        for looker in lookers:
            looker.start()
        for number in range(CALLS):
            futures.append(add.submit(number))
        for looker in lookers:
            looker.join()

    flow(body)()
    assert [future.result() for future in futures] == [*range(1, CALLS + 1)]
    assert list(sequences(recorded).values()) == [[0, 1, 2]] * CALLS


def test_a_run_that_is_to_begin_while_it_is_recorded_begins_after_that(
    recorded, in_no_hurry, monkeypatch
):
    def body():
        with queued() as (future, gate):

            def create_slowly(*given, **named):
                gate.set()
                time.sleep(0.1)  # in which the worker comes to the run
                return create(*given, **named)

            monkeypatch.setattr(submitted, "create", create_slowly)
            assert future.state.name in {"Pending", "Running", "Completed"}
            assert future.result(timeout=10) == 2

    one_at_a_time(body)
    assert recorded.states("add-0") == ["Pending", "Running", "Completed"]
    assert not recorded.created("add-0").running


def test_a_run_can_be_asked_about_while_user_code_makes_its_name_or_its_key(home):
    made, gate = threading.Event(), threading.Event()

    def make_key(_context, _parameters):
        return make_name()

    def make_name():
        made.set()
        assert gate.wait(10)
        return "made"

    def body(options):
        made.clear()
        gate.clear()
        future = add.with_options(**options).submit(1)
        made.wait()
        assert future.state.name == "Pending"
        gate.set()
        assert future.result() == 2

    flow(body)({"cache_key_fn": make_key})
    flow(body)({"task_run_name": make_name})


def sequences(recorded):
    """The numbers of each run's recorded states."""
    numbers = defaultdict(list)
    for fact in recorded.facts:
        if type(fact).__name__ == "TaskRunCreated":
            numbers[fact.run] += [0, 1] if fact.running else [0]
        elif type(fact).__name__ in {"TaskRunChanged", "TaskRunCompleted"}:
            numbers[fact.run].append(fact.sequence)
    return numbers


def test_what_waits_when_the_process_ends_is_on_record(tmp_path):
    environment = {**os.environ, "FLOWSTONE_HOME": str(tmp_path)}
    source = str(Path(pool.__file__).parents[2])
    environment["PYTHONPATH"] = source
    done = subprocess.run(
        [sys.executable, "-c", LEAVES], env=environment, timeout=60, capture_output=True, check=True
    )
    facts = Recorded(tmp_path).facts
    created = [fact for fact in facts if type(fact).__name__ == "TaskRunCreated"]
    # Of those that begin just now the last moment is not known.
    assert len(created) > 900, done.stderr.decode()
