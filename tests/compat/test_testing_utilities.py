"""Testing as users know it: the harness by its old name, bare functions, pytest's own fixtures."""

from __future__ import annotations

import logging

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.exceptions import NotInFlowstoneError
from flowstone.logging import disable_run_logger
from flowstone.testing import recorded_runs, utilities
from flowstone.testing.utilities import flowstone_test_harness, prefect_test_harness


@task
def greet(name):
    get_run_logger().info("hello %s", name)
    return f"hello {name}"


@flow
def greets(name="world"):
    return greet(name)


def test_the_harness_has_its_old_name_and_takes_its_old_argument():
    assert prefect_test_harness is flowstone_test_harness
    with prefect_test_harness(server_startup_timeout=120):
        assert greets() == "hello world"
        assert [run.state_name for run in recorded_runs()] == ["Completed", "Completed"]
    with prefect_test_harness(120):
        assert recorded_runs() == []


def test_the_harness_is_a_decorator_too():
    @prefect_test_harness()
    def check():
        greets()
        return len(recorded_runs())

    assert [check(), check()] == [2, 2]


def test_a_task_that_logs_runs_bare():
    with disable_run_logger():
        assert greet.fn("you") == "hello you"
        assert greets.fn.__name__ == "greets"
    assert greet.fn("you") == "hello you"


def test_caplog_has_what_runs_log(caplog):
    with flowstone_test_harness(), caplog.at_level(logging.INFO):
        greets("you")
    assert "hello you" in caplog.messages
    assert any("Finished in state Completed()" in message for message in caplog.messages)


def test_capsys_has_what_runs_print(capsys):
    @flow(log_prints=False)
    def prints():
        print("out loud")

    with flowstone_test_harness():
        prints()
    assert capsys.readouterr().out == "out loud\n"


def test_tests_do_not_see_the_runs_of_each_other():
    for _ in range(3):
        with flowstone_test_harness():
            greets()
            assert [run.name for run in recorded_runs() if run.kind == "task"] == ["greet-0"]


def test_what_ran_can_be_asked_at_once_without_a_server_or_a_wait():
    with flowstone_test_harness():
        states = [(greets(), recorded_runs()[-1].state_name) for _ in range(20)]
    assert states == [("hello world", "Completed")] * 20


def test_helpers_that_are_not_here_say_what_to_do_instead():
    with pytest.raises(NotInFlowstoneError, match=r"recorded_runs\(\)"):
        utilities.get_most_recent_flow_run()
