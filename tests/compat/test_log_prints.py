"""What users know of `log_prints` (reference 13)."""

from __future__ import annotations

import io
import logging
import sys
import traceback

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.settings import LoggingSettings, Settings
from flowstone.wiring.process import PROCESS


@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("of_flow", [True, False, None])
@pytest.mark.parametrize("of_task", [True, False, None])
def test_printing_follows_the_task_then_the_flow_then_the_setting(
    home, recorded, capsys, setting, of_flow, of_task
):
    PROCESS.restart(Settings(home=str(home), logging=LoggingSettings(log_prints=setting)))

    @task(log_prints=of_task)
    def prints():
        print("x")

    @flow(log_prints=of_flow)
    def runs():
        prints()

    runs()
    expected = next(wish for wish in (of_task, of_flow, setting) if wish is not None)
    assert recorded.lines.count("x") == expected
    assert capsys.readouterr().out == ("" if expected else "x\n")


@pytest.mark.parametrize("own", [True, False])
def test_a_subflow_prints_as_it_says_itself(recorded, capsys, own):
    @flow(log_prints=own)
    def sub():
        print("x")

    @task(log_prints=not own)
    def calls():
        sub()

    @flow(log_prints=not own)
    def runs():
        calls()

    runs()
    assert ("x" in recorded.lines) is own
    assert capsys.readouterr().out == ("" if own else "x\n")


def test_a_print_has_the_place_of_its_caller(home, caplog):
    @flow(log_prints=True)
    def runs():
        print("x")

    runs()
    [record] = [record for record in caplog.records if record.getMessage() == "x"]
    assert (record.filename, record.funcName) == ("test_log_prints.py", "runs")
    assert record.lineno == runs.fn.__code__.co_firstlineno + 2
    assert record.levelno == logging.INFO


def test_only_what_goes_to_the_terminal_is_redirected(recorded, capsys):
    elsewhere = io.StringIO()

    @flow(log_prints=True)
    def runs():
        print("a", 1, sep="-", end="!")
        print("to out", file=sys.stdout)
        print("to err", file=sys.stderr, flush=True)
        print("elsewhere", file=elsewhere)

    runs()
    assert [line for line in recorded.lines if "state" not in line and "run " not in line] == [
        "a-1",
        "to out",
        "to err",
    ]
    assert elsewhere.getvalue() == "elsewhere\n"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("options", [{"sep": 5}, {"colour": "red"}])
def test_a_print_with_wrong_options_is_refused_as_always(home, options):
    @flow(log_prints=True)
    def runs():
        with pytest.raises(TypeError):
            print("x", **options)

    runs()


def test_a_print_that_a_user_put_in_place_is_called_where_none_is_redirected(home, monkeypatch):
    heard = []
    monkeypatch.setattr("builtins.print", lambda *values, **_options: heard.append(values))

    @flow(log_prints=True)
    def loud():
        print("in the log")

    @flow
    def quiet():
        print("in a run")

    loud()
    quiet()
    print("outside")
    assert heard == [("in a run",), ("outside",)]


def test_a_print_that_a_user_puts_in_place_within_a_run_is_theirs(recorded, monkeypatch):
    heard = []

    @flow(log_prints=True)
    def runs():
        with monkeypatch.context() as patch:
            patch.setattr("builtins.print", lambda *values: heard.append(values))
            print("theirs")
        print("ours")

    runs()
    assert heard == [("theirs",)]
    assert "ours" in recorded.lines


def test_a_print_that_was_put_back_is_redirected_again_by_the_next_flow_run(recorded, monkeypatch):
    @flow(log_prints=True)
    def runs():
        print("x")

    monkeypatch.setattr("builtins.print", lambda *_values: None)
    runs()
    assert "x" in recorded.lines


def test_a_handler_that_prints_is_no_loop(recorded, capsys):
    class Prints(logging.Handler):
        def emit(self, record):
            print("handler:", record.getMessage())

    @flow(log_prints=True)
    def runs():
        print("x")
        get_run_logger().info("y")

    logger, handler = logging.getLogger("flowstone.flow_runs"), Prints()
    logger.addHandler(handler)
    try:
        runs()
    finally:
        logger.removeHandler(handler)
    shown = capsys.readouterr().out.splitlines()
    assert {"handler: x", "handler: y"} <= set(shown)
    assert not [line for line in recorded.lines if line.startswith("handler:")]


def test_a_traceback_that_is_printed_goes_to_the_run(recorded):
    @flow(log_prints=True)
    def runs():
        try:
            raise ValueError("seen")
        except ValueError:
            traceback.print_exc()

    runs()
    assert any("ValueError: seen" in line for line in recorded.lines)


@pytest.mark.parametrize("of_flow", [True, False])
def test_a_task_in_a_task_prints_as_the_flow_says(recorded, capsys, of_flow):
    @task
    def inner():
        print("x")

    @task(log_prints=not of_flow)
    def outer():
        inner()

    @flow(log_prints=of_flow)
    def runs():
        outer()

    runs()
    assert ("x" in recorded.lines) is of_flow
    assert capsys.readouterr().out == ("" if of_flow else "x\n")
