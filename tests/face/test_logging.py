from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.drive import console
from flowstone.drive.console import ConsoleHandler
from flowstone.drive.reporting import SHOWN, duration
from flowstone.logging import get_logger


class Screen:
    """What a test's runs wrote to the terminal."""

    def __init__(self, capsys):
        self.capsys, self.err, self.out = capsys, "", ""

    def getvalue(self) -> str:
        read = self.capsys.readouterr()
        self.err += read.err
        self.out += read.out
        return self.err


@pytest.fixture
def terminal(home, capsys):
    """What the console shows."""
    logger = logging.getLogger("flowstone")
    kept, level = logger.handlers[:], logger.level
    logger.handlers[:] = [ConsoleHandler(colors=False)]
    logger.setLevel(logging.INFO)
    yield Screen(capsys)
    logger.handlers[:] = kept
    logger.setLevel(level)


def test_a_line_has_time_level_run_and_message(terminal):
    @flow(flow_run_name="it")
    def logs():
        get_run_logger().info("hello %s", "you")

    logs()
    line = terminal.getvalue().splitlines()[1]
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} \| INFO    \| Flow run 'it' - hello you", line)


def test_the_closing_line_gives_state_duration_attempts_and_tags(terminal):
    attempts = []

    @task(retries=1, tags=["b", "a"])
    def flaky():
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("x")

    @flow
    def runs():
        flaky()

    runs()
    lines = terminal.getvalue().splitlines()
    [closing] = [line for line in lines if "'flaky-0' - Finished" in line]
    assert re.search(r"Finished in state Completed\(\) · .+ · 2 attempts · tags: a, b$", closing)
    assert lines[-1].endswith("1 task run: 1 Completed")


def test_a_failure_shows_the_users_frames_only(terminal):
    @task
    def fail():
        raise ValueError("x")

    @flow
    def runs():
        fail(return_state=True)

    runs()
    shown = terminal.getvalue()
    assert "Task run failed with exception: ValueError('x')" in shown
    assert 'in fail\n    raise ValueError("x")' in shown
    assert "flowstone/engine" not in shown
    assert "ERROR   | Task run 'fail-0' - Finished in state Failed(" in shown


def test_a_failure_that_is_tried_again_shows_its_place_and_the_last_one_its_traceback(terminal):
    @task(retries=1, retry_delay_seconds=0.001)
    def fail():
        raise ValueError("x")

    fail(return_state=True)
    first, last = terminal.getvalue().split("Traceback (most recent call last)")
    assert re.search(
        r"INFO    \| Task run 'fail' - Task run failed with exception: ValueError\('x'\) - "
        r"Retry 1/1 will start 0.001 second\(s\) from now \(at test_logging.py:\d+, in fail\)",
        first,
    )
    assert "Retries are exhausted" in first
    assert 'raise ValueError("x")' in last


def test_an_error_that_goes_up_through_a_flow_shows_its_traceback_once(terminal):
    @task
    def fail():
        raise ValueError("x")

    @flow
    def runs():
        fail()

    with pytest.raises(ValueError, match="x"):
        runs()
    assert terminal.getvalue().count("Traceback (most recent call last)") == 1


def test_only_the_first_closing_lines_of_completed_runs_are_shown(terminal):
    @task
    def nop(): ...

    @flow
    def many():
        for _ in range(SHOWN + 30):
            nop()

    many()
    lines = terminal.getvalue().splitlines()
    assert sum("Task run 'nop" in line for line in lines) == SHOWN
    assert sum("not shown one by one" in line for line in lines) == 1
    assert f"{SHOWN + 30} task runs: {SHOWN + 30} Completed" in lines[-1]


def test_failures_are_always_shown(terminal):
    @task
    def fail():
        raise ValueError("x")

    @flow
    def many():
        for _ in range(SHOWN + 5):
            fail(return_state=True)

    many()
    assert terminal.getvalue().count("Finished in state Failed") == SHOWN + 5


def test_printing_goes_to_the_run_where_it_wants_that(terminal, recorded):
    @task
    def says(what):
        print("said", what, sep=": ")

    @flow(log_prints=True)
    def loud():
        says("in a task")
        print("in the flow")
        print("elsewhere", file=io.StringIO())

    @flow
    def quiet():
        says("quietly")

    loud()
    quiet()
    print("outside")
    assert "Task run 'says-0' - said: in a task" in terminal.getvalue()
    assert "in the flow" in terminal.getvalue()
    assert "elsewhere" not in terminal.getvalue()
    assert terminal.out == "said: quietly\noutside\n"
    assert "said: in a task" in recorded.lines


def test_standard_logging_within_a_run_is_recorded(recorded):
    """D7: lines of plain `logging` are not kept with the run."""
    library = logging.getLogger("some.library")

    @task
    def uses():
        library.warning("from %s", "a library")

    @flow
    def runs():
        uses()

    library.warning("outside")
    runs()
    assert "from a library" in recorded.lines
    assert "outside" not in recorded.lines


def test_records_below_the_loggers_level_or_filtered_are_not_recorded(recorded):
    library = logging.getLogger("some.other.library")
    library.setLevel(logging.INFO)
    refuse = logging.Filter("nothing")

    @flow
    def runs():
        library.debug("too low")
        library.addFilter(refuse)
        library.info("filtered")
        library.removeFilter(refuse)
        library.info("kept")

    runs()
    assert "kept" in recorded.lines
    assert "too low" not in recorded.lines
    assert "filtered" not in recorded.lines


def test_a_line_is_recorded_with_its_runs_and_its_level(recorded):
    @task
    def warns():
        get_run_logger().warning("careful")

    @flow(flow_run_name="it")
    def runs():
        warns()

    runs()
    [line] = [fact for fact in recorded.facts if getattr(fact, "message", "") == "careful"]
    assert line.level == logging.WARNING
    assert line.task_run == recorded.created("warns-0").run
    assert line.flow_run == recorded.created("it").run
    assert line.logger == "flowstone.task_runs"


def test_a_line_marked_to_stay_local_is_not_recorded(recorded):
    @flow
    def runs():
        get_run_logger().info("secret", extra={"send_to_api": False})

    runs()
    assert "secret" not in recorded.lines


def test_log_calls_whose_arguments_do_not_fit_break_nothing(recorded, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    @flow
    def runs():
        logging.getLogger("flowstone.custom").warning("%d apples", "many")

    quiet = logging.getLogger("flowstone.custom")
    quiet.propagate = False
    runs()
    assert any("its arguments do not fit" in line for line in recorded.lines)


def test_outside_of_a_run_the_run_logger_works(terminal):
    """D7: the run logger raises outside of a run."""
    get_run_logger().warning("no run")
    assert "| WARNING | flowstone - no run" in terminal.getvalue()


def test_a_wrong_context_is_refused():
    with pytest.raises(TypeError, match="must be the context of a run"):
        get_run_logger(context=5)


def test_extras_reach_the_record(home, caplog):
    @flow(name="f", flow_run_name="it")
    def runs():
        get_run_logger(customer=5).warning("x")

    runs()
    [record] = [record for record in caplog.records if record.getMessage() == "x"]
    assert (record.customer, record.flow_run_name, record.flow_name) == (5, "it", "f")


def test_an_application_with_its_own_root_handler_sees_each_line_once(terminal):
    own = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(own)
    try:

        @flow
        def runs():
            get_run_logger().warning("once")

        runs()
    finally:
        logging.getLogger().removeHandler(own)
    assert terminal.getvalue().count("once") == 1


def test_get_logger_is_below_flowstone():
    assert get_logger("x").name == get_logger("flowstone.x").name == "flowstone.x"
    assert get_logger().name == "flowstone"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_that_want_it(monkeypatch, environ, colored):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert console.wants_color(Terminal()) is colored
    assert not console.wants_color(io.StringIO())


def test_a_console_that_broke_does_not_break_the_run(home, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    class Broken(io.StringIO):
        def write(self, _text):
            raise OSError("gone")

    @flow
    def runs():
        return 5

    monkeypatch.setattr(sys, "stderr", Broken())
    assert runs() == 5


def test_exceptions_that_cannot_be_shown_break_nothing(terminal):
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError("no text")

        __repr__ = __str__

    @task
    def fail():
        raise Rude

    state = fail(return_state=True)
    assert "its text raised RuntimeError" in state.message
    assert "Rude" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12e-6, "12 µs"), (0.25, "250 ms"), (1.23, "1.2 s"), (184, "3 m 04 s"), (7500, "2 h 05 m")],
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text
