"""What users know of logging (reference 13), and what they complain about (K1, K2, D7)."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.context import get_run_context
from flowstone.drive import logging_setup
from flowstone.logging import disable_run_logger, get_logger
from flowstone.logging.loggers import (
    LogEavesdropper,
    disable_logger,
    flow_run_logger,
    task_run_logger,
)
from flowstone.settings import LoggingSettings, Settings
from flowstone.wiring.process import PROCESS
from tests.log.reading import read_logs


@pytest.fixture
def configured(home, monkeypatch):
    """Set the settings of logging, in a process where nothing was set up before."""
    logger = logging.getLogger("flowstone")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    monkeypatch.setattr(logging_setup, "_InForce", type("_InForce", (logging_setup._InForce,), {}))

    def configure(**wishes):
        wishes = {"colors": False, **wishes}
        PROCESS.restart(Settings(home=str(home), logging=LoggingSettings(**wishes)))

    configure()
    yield configure
    logging_setup._take_back()


def marks(record):
    names = (
        "flow_run_id flow_run_name flow_name deployment_name task_run_id task_run_name task_name"
    )
    return {name: getattr(record, name) for name in names.split() if hasattr(record, name)}


def said(caplog, message):
    [record] = [record for record in caplog.records if record.getMessage() == message]
    return record


def lines(recorded, message):
    return [fact for fact in recorded.facts if getattr(fact, "message", None) == message]


# -- whose line it is -----------------------------------------------------------------------------


def test_records_of_a_flow_run_say_which_run_of_which_flow(home, caplog):
    @flow(name="f", flow_run_name="it")
    def runs():
        get_run_logger().info("x")
        return str(get_run_context().flow_run.id)

    run_id = runs()
    assert marks(said(caplog, "x")) == {
        "flow_run_id": run_id,
        "flow_run_name": "it",
        "flow_name": "f",
        "deployment_name": None,
    }
    assert said(caplog, "x").name == "flowstone.flow_runs"


def test_records_of_a_task_run_say_which_run_of_which_task_in_which_flow_run(home, caplog):
    @task(name="t")
    def logs():
        get_run_logger().info("x")
        return str(get_run_context().task_run.id)

    @flow(name="f", flow_run_name="it")
    def runs():
        return logs(), str(get_run_context().flow_run.id)

    task_run_id, flow_run_id = runs()
    assert marks(said(caplog, "x")) == {
        "task_run_id": task_run_id,
        "task_run_name": "t-0",
        "task_name": "t",
        "flow_run_id": flow_run_id,
        "flow_run_name": "it",
        "flow_name": "f",
    }
    assert said(caplog, "x").name == "flowstone.task_runs"


def test_a_task_run_outside_of_flows_logs_with_its_own_id_alone(recorded, caplog):
    @task
    def logs():
        get_run_logger().info("x")

    logs()
    assert set(marks(said(caplog, "x"))) == {"task_run_id", "task_run_name", "task_name"}
    [line] = lines(recorded, "x")
    assert line.flow_run is None
    assert line.task_run == recorded.created("logs").run


def test_the_caller_of_the_run_logger_is_the_place_of_the_record(home, caplog):
    @flow
    def runs():
        get_run_logger().info("x")

    runs()
    assert (said(caplog, "x").filename, said(caplog, "x").funcName) == ("test_logging.py", "runs")


def test_hooks_log_for_their_runs(recorded, caplog):
    def after_flow(flow, run, state):
        flow_run_logger(run, flow).info("with flow")
        flow_run_logger(run).info("without flow")
        flow_run_logger(run, flow, flow_run_id="mine", customer=5).info("with extras")
        get_run_logger().info("the usual way")

    def after_task(task, run, state):
        task_run_logger(run, task).info("with task")
        task_run_logger(run).info("without task")

    @task(name="t", on_completion=[after_task])
    def works(): ...

    @flow(name="f", flow_run_name="it", on_completion=[after_flow])
    def runs():
        works()

    runs()
    assert said(caplog, "with flow").flow_name == "f"
    assert said(caplog, "without flow").flow_name == "<unknown>"
    assert said(caplog, "with extras").flow_run_id == "mine"
    assert said(caplog, "with extras").customer == 5
    assert said(caplog, "the usual way").flow_run_name == "it"
    assert marks(said(caplog, "with task"))["task_name"] == "t"
    assert marks(said(caplog, "with task"))["flow_name"] == "f"
    assert said(caplog, "without task").task_name == "<unknown>"
    for message in ("with flow", "with extras"):
        assert lines(recorded, message)[0].flow_run == recorded.created("it").run
    assert lines(recorded, "with task")[0].task_run == recorded.created("t-0").run


def test_a_runs_logger_logs_for_it_also_where_it_is_not_the_current_run(recorded):
    """Prefect: a line that is logged in another run's code goes to wherever that code is."""
    ended = []

    @task(on_completion=[lambda _task, run, _state: ended.append(run)])
    def works(): ...

    @flow
    def runs():
        works()

    runs()
    task_run_logger(ended[0]).info("later")
    [line] = lines(recorded, "later")
    assert line.task_run == recorded.created("works-0").run
    assert line.flow_run == recorded.created("works-0").flow_run


def test_a_logger_of_a_run_keeps_its_run_on_threads_of_ones_own(recorded):
    """D7: the run logger raises, or its lines are lost, in plain threads."""

    @flow(flow_run_name="it")
    def runs():
        logger = get_run_logger()
        thread = threading.Thread(target=lambda: logger.info("from a thread"))
        thread.start()
        thread.join()

    runs()
    [line] = lines(recorded, "from a thread")
    assert line.flow_run == recorded.created("it").run


def test_the_context_of_a_run_gives_its_logger(recorded):
    @task
    def works(around):
        get_run_logger(around).info("for the flow")

    @flow(flow_run_name="it")
    def runs():
        works(get_run_context())

    runs()
    [line] = lines(recorded, "for the flow")
    assert (line.flow_run, line.task_run) == (recorded.created("it").run, None)


def test_the_last_line_before_a_sudden_end_is_there(tmp_path):
    """K2: short flows lose their last lines."""
    program = """
import os
from flowstone import flow, get_run_logger

@flow
def short():
    get_run_logger().info("the last words")
    os._exit(3)

short()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"FLOWSTONE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "the last words" in [
        getattr(fact, "message", None) for fact in read_logs(tmp_path / "logs")
    ]


# -- silence and overhearing ----------------------------------------------------------------------


def test_a_disabled_run_logger_says_nothing_and_raises_nothing(recorded, caplog):
    @flow
    def runs():
        get_run_logger().error("unheard")

    with disable_run_logger():
        runs()
        get_run_logger().error("unheard")
    assert "unheard" not in caplog.text
    assert "unheard" not in recorded.lines
    runs()
    assert "unheard" in recorded.lines


def test_disabling_a_logger_ends_with_the_block():
    logger = logging.getLogger("some.chatty.library")
    with disable_logger(logger.name):
        assert logger.disabled
        with disable_logger(logger.name):
            assert logger.disabled
        assert logger.disabled
    assert not logger.disabled


def test_an_eavesdropper_hears_what_a_logger_says_within_the_block(home):
    @flow(flow_run_name="it")
    def runs():
        get_run_logger().warning("careful %s", "there")

    with LogEavesdropper("flowstone.flow_runs", level=logging.WARNING) as heard:
        runs()
    runs()
    assert heard.text() == "[WARNING]: careful there"


# -- levels, colours, other loggers ----------------------------------------------------------------


@pytest.mark.parametrize(("level", "shown"), [(logging.DEBUG, True), (logging.INFO, False)])
def test_the_level_decides_what_is_shown_and_recorded(configured, recorded, capsys, level, shown):
    configured(level=level)

    @flow
    def runs():
        get_run_logger().debug("in detail")

    runs()
    assert ("in detail" in capsys.readouterr().err) is shown
    assert ("in detail" in recorded.lines) is shown


def test_settings_that_change_change_the_level_too(configured, capsys):
    configured(level=logging.DEBUG)
    get_logger("x").debug("first")
    configured(level=logging.WARNING)
    get_logger("x").info("second")
    assert "first" in capsys.readouterr().err
    logging.getLogger("flowstone").setLevel(logging.INFO)  # somebody's own choice stays
    configured(level=logging.DEBUG)
    get_logger("x").debug("third")
    shown = capsys.readouterr().err
    assert "second" not in shown
    assert "third" not in shown


def test_loggers_are_shown_before_any_run(configured, capsys):
    get_run_logger().info("nothing ran yet")
    assert capsys.readouterr().err.endswith("| INFO    | flowstone - nothing ran yet\n")


def test_extra_loggers_keep_their_level_and_are_recorded_and_shown_once(
    configured, recorded, capsys
):
    outer, inner = logging.getLogger("extra.lib"), logging.getLogger("extra.lib.part")
    outer.setLevel(logging.INFO)
    configured(extra_loggers=("extra.lib", "extra.lib.part", "flowstone.flow_runs"))

    @flow
    def runs():
        get_run_logger().info("ours")
        inner.info("theirs")
        inner.debug("too low")

    runs()
    shown = capsys.readouterr().err
    assert shown.count("extra.lib.part - theirs") == shown.count("- ours") == 1
    assert recorded.lines.count("theirs") == 1
    assert "too low" not in shown
    assert outer.level == logging.INFO
    configured()
    get_logger()
    assert outer.handlers == []


def test_libraries_are_recorded_without_being_named(recorded):
    """Prefect: only loggers that `extra_loggers` names."""

    @flow
    def runs():
        logging.getLogger("unnamed.library").warning("heard anyway")
        get_logger("mine").info("and this")

    runs()
    assert {"heard anyway", "and this"} <= set(recorded.lines)


def test_markup_is_carried_out_where_it_is_wished(configured, capsys):
    def shown(**wishes):
        configured(**wishes)
        get_run_logger().info("a [bold red]b[/] c[0]")
        return capsys.readouterr().err.partition(" - ")[2]

    assert shown() == "a [bold red]b[/] c[0]\n"
    assert shown(markup=True) == "a b c[0]\n"
    assert shown(markup=True, colors=True) == "a \x1b[1;31mb\x1b[0m c[0]\n"


def test_markup_that_is_none_is_shown_as_it_is(configured, capsys):
    configured(markup=True)
    get_run_logger().info("an end [/] without a beginning")
    assert "an end [/] without a beginning" in capsys.readouterr().err


# -- long lines -----------------------------------------------------------------------------------


def test_a_line_that_is_too_long_is_cut_and_kept_whole_in_a_file(configured, recorded):
    """K1: an oversize record is dropped, and with it the very error."""
    configured(max_line_bytes=1024)
    long = "é" * 600 + "the end"

    @task
    def logs():
        get_run_logger().error(long)
        get_run_logger().info("x" * 1024)

    @flow(flow_run_name="it")
    def runs():
        logs()

    runs()
    [line] = [line for line in recorded.lines if line.startswith("é")]
    text, _, where = line.partition("\n")
    assert text == "é" * 512 + "... [truncated]"
    assert where.startswith("The whole text of 1,207 bytes is in ")
    with open(where.rpartition(" in ")[2], encoding="utf-8") as file:
        assert file.read() == long
    assert "x" * 1024 in recorded.lines


def test_a_whole_text_that_cannot_be_kept_is_said_with_its_reason(configured, recorded, home):
    configured(max_line_bytes=1024)
    (home / "long-lines").write_text("in the way")

    @flow
    def runs():
        get_run_logger().error("x" * 2000)

    runs()
    [line] = [line for line in recorded.lines if line.startswith("xxx")]
    assert "... [truncated]\nThe whole text of 2,000 bytes could not be kept:" in line
