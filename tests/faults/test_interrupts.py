"""Ctrl-C may come between any two steps of ours, also just before a run's first record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from flowstone import flow, task
from flowstone.core.facts import FlowRunCreated, TaskRunCreated
from flowstone.log.writer import LogWriter
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.testing import flowstone_test_harness, recorded_runs


@task
def step(number: int) -> int:
    return number


@flow
def steps() -> list[int]:
    return [step(number) for number in range(3)]


@task
def hold(until: threading.Event) -> None:
    until.wait()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
def asks_for_an_id() -> None:
    until = threading.Event()
    held, waiting = hold.submit(until), step.submit(1)
    try:
        held.wait(0)
        str(waiting.task_run_id)  # asking puts the run on record
    finally:
        until.set()


def interrupt_before(monkeypatch: pytest.MonkeyPatch, kind: type, number: int) -> None:
    """Raise `KeyboardInterrupt` where the main thread would write its n-th record of a kind."""
    written: Callable[[LogWriter, Any], None] = LogWriter.append
    left = [number]

    def append(log: LogWriter, fact: Any) -> None:
        if type(fact) is kind and threading.current_thread() is threading.main_thread():
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        written(log, fact)

    monkeypatch.setattr(LogWriter, "append", append)


def test_a_task_run_whose_beginning_was_interrupted_knows_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch,
):
    with flowstone_test_harness():
        interrupt_before(monkeypatch, TaskRunCreated, 2)
        with pytest.raises(KeyboardInterrupt):
            steps()
        flow_run, first, second = recorded_runs()
    assert [flow_run.state_type, first.state_type] == ["CRASHED", "COMPLETED"]
    assert (second.name, second.of, second.states) == (
        "step-1",
        "step",
        ("Pending", "Running", "Crashed"),
    )
    assert second.flow_run_id == flow_run.id


def test_a_flow_run_whose_beginning_was_interrupted_has_its_name(monkeypatch: pytest.MonkeyPatch):
    with flowstone_test_harness():
        interrupt_before(monkeypatch, FlowRunCreated, 1)
        with pytest.raises(KeyboardInterrupt):
            steps()
        (flow_run,) = recorded_runs()
    assert (flow_run.of, flow_run.state_type) == ("steps", "CRASHED")
    assert "-" in flow_run.name


def test_a_submitted_run_knows_where_it_belongs_whoever_was_interrupted_recording_it(
    monkeypatch: pytest.MonkeyPatch,
):
    with flowstone_test_harness():
        interrupt_before(monkeypatch, TaskRunCreated, 1)
        with pytest.raises(KeyboardInterrupt):
            asks_for_an_id()
        flow_run, *runs = recorded_runs()
    assert flow_run.of == "asks-for-an-id"
    assert [run.flow_run_id for run in runs if run.of == "step"] == [flow_run.id]
