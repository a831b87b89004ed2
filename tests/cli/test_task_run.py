"""`flowstone task-run` and `flowstone log`."""

from __future__ import annotations

import re

import pytest

from flowstone.core.ids import id_text
from tests.cli.conftest import BEGIN, MILLISECOND, SECOND


@pytest.fixture
def runs(log):
    """Two flow runs with a task run each, and a task run without a flow."""
    ids = {}
    otter = log.flow_run("brave-otter")
    ids["add-0"] = log.task_run("add-0", flow_run=otter)
    log.line("adding", flow_run=otter, task_run=ids["add-0"])
    log.line("flow's own", flow_run=otter)
    heron = log.flow_run("calm-heron", "report", at=BEGIN + 60 * SECOND)
    ids["load-0"] = log.retried_task_run("load-0", flow_run=heron, at=BEGIN + 60 * SECOND)
    later = BEGIN + 120 * SECOND
    ids["alone"] = log.task_run("alone", at=later, took=450 * MILLISECOND, tags=("x",))
    log.write()
    return {name: id_text(run) for name, run in ids.items()}


def names(out: str) -> list[str]:
    return [line.split()[1] for line in out.splitlines()[1:]]


def test_an_empty_home_says_where_it_looked(cli, home):
    assert cli("task-run", "ls")[1] == (
        f"No task runs yet in {home}. Run a flow: flowstone run FILE.py:flow\n"
    )


def test_the_newest_runs_come_first_with_their_flow_run(cli, runs):
    out = cli("task-run", "ls")[1]
    assert names(out) == ["alone", "load-0", "add-0"]
    assert re.search(r"load-0 +calm-heron +Failed .* 3\.0 s +2$", out, re.MULTILINE)
    assert re.search(r"alone +Completed .* 450 ms +1  x$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--flow-run", "brave-otter"], ["add-0"]),
        (["--flow", "report"], ["load-0"]),
        (["--task", "load"], ["load-0"]),
        (["--task", "add"], ["alone", "add-0"]),
        (["--state", "failed"], ["load-0"]),
        (["--tag", "x"], ["alone"]),
        (["--limit", "2"], ["alone", "load-0"]),
    ],
)
def test_a_list_can_be_narrowed(cli, runs, words, expected):
    assert names(cli("task-run", "ls", *words)[1]) == expected


def test_a_flow_run_that_is_not_there_is_an_error_not_an_empty_list(cli, runs):
    code, out, err = cli("task-run", "ls", "--flow-run", "bold-mole")
    assert (code, out) == (1, "")
    assert "bold-mole" in err


def test_a_narrowed_list_that_is_empty_says_so(cli, runs, home):
    assert cli("task-run", "ls", "--task", "other")[1].startswith(f"No task run in {home} matches.")


def test_inspect_shows_each_state_of_a_retried_run(cli, runs):
    out = cli("task-run", "inspect", "load-0")[1]
    assert re.search(r"^Task +load \(load-0a1b2c3d\)$", out, re.MULTILINE)
    assert re.search(r"^Flow run +calm-heron \(", out, re.MULTILINE)
    assert "\nFailed: ValueError: no such day\n" in out
    states = [re.split(r" {2,}", line) for line in out.split("States\n")[1].splitlines()]
    assert [state[-1] for state in states[:4]] == [
        "Pending",
        "Running",
        "AwaitingRetry",
        "Retrying",
    ]
    assert states[4][-2:] == ["Failed", "ValueError: no such day"]
    assert states[4][2] == "+1.0 s"


def test_inspect_as_json(cli_json, runs):
    found = cli_json("task-run", "inspect", runs["load-0"])
    assert found["id"] == runs["load-0"]
    assert found["task_name"] == "load"
    assert found["flow_run_name"] == "calm-heron"
    assert found["flow_name"] == "report"
    assert found["state_type"] == "FAILED"
    assert found["run_count"] == 2
    assert found["duration"] == 3.0
    assert [state["state_name"] for state in found["states"]] == [
        "Pending",
        "Running",
        "AwaitingRetry",
        "Retrying",
        "Failed",
    ]


@pytest.fixture
def sums(log):
    """A task run that took a result and waited for another, and twelve that use the first one."""
    flow = log.flow_run("brave-otter")
    ids = {"add-0": log.task_run("add-0", flow_run=flow)}
    ids["load-0"] = log.retried_task_run("load-0", flow_run=flow)
    ids["sum-0"] = log.waiting_task_run(
        "sum-0", [("x", ids["add-0"]), ("wait_for", ids["load-0"])], flow_run=flow
    )
    for index in range(12):
        at = BEGIN + index * SECOND
        name = f"use-{index}"
        ids[name] = log.waiting_task_run(name, [("y", ids["load-0"])], "use", flow_run=flow, at=at)
    ids["lost"] = log.waiting_task_run("lost", [("x", bytes(16))])
    log.write()
    return {name: id_text(run) for name, run in ids.items()}


def test_inspect_shows_where_the_inputs_come_from(cli, sums):
    out = cli("task-run", "inspect", "sum-0")[1]
    assert "\nInputs\n  wait_for ← load-0 (Failed)\n  x ← add-0 (Completed)\n\n" in out
    assert "\nNotReady: Upstream task run 'load-0' failed.\n" in out
    assert "Used by" not in out
    assert re.search(r"^Ended +\d{4}-", out, re.MULTILINE)
    assert "Started" not in out


def test_inspect_shows_the_first_ten_that_use_a_result(cli, sums):
    out = cli("task-run", "inspect", "load-0")[1]
    users = out.split("\nUsed by\n")[1].split("\n\n")[0].splitlines()
    assert users[0] == "  sum-0 (NotReady) as wait_for"
    assert users[1:10] == [f"  use-{index} (NotReady) as y" for index in range(9)]
    assert users[10:] == ["  and 3 more"]
    assert "Inputs" not in out
    assert "Used by" not in cli("task-run", "inspect", "use-3")[1]


def test_an_input_that_is_not_there_is_shown_by_its_id(cli, sums):
    out = cli("task-run", "inspect", "lost")[1]
    assert f"  x ← {id_text(bytes(16))} (deleted, or not collected yet)\n" in out


def test_inspect_as_json_names_the_inputs(cli_json, sums):
    found = cli_json("task-run", "inspect", "sum-0")
    assert found["task_inputs"] == {"x": [sums["add-0"]], "wait_for": [sums["load-0"]]}
    assert (found["start_time"], found["duration"]) == (None, None)
    assert found["end_time"] is not None
    assert cli_json("task-run", "inspect", sums["add-0"])["task_inputs"] == {}


def test_runs_that_were_not_ready_are_listed_and_counted(cli, cli_json, sums):
    assert names(cli("task-run", "ls", "--state", "notready", "--task", "sum")[1]) == [
        "lost",
        "sum-0",
    ]
    assert len(cli_json("task-run", "ls", "--state", "NotReady", "--limit", "0")) == 14
    assert len(cli_json("task-run", "ls", "--state", "crashed")) == 0
    counts = cli_json("flow-run", "inspect", "brave-otter")["task_run_counts"]
    assert counts == {"NotReady": 13, "Completed": 1, "Failed": 1}
    assert re.search(r"sum-0 +brave-otter +NotReady ", cli("task-run", "ls")[1])


def test_logs_show_only_the_lines_of_the_task_run(cli, runs):
    out = cli("task-run", "logs", runs["add-0"])[1]
    assert re.fullmatch(r".* \| INFO    \| Task run 'add-0' - adding\n", out)
    assert cli("task-run", "logs", "alone")[2] == "The task run 'alone' has no log lines.\n"


def test_a_name_that_several_runs_have_names_the_candidates(cli, log):
    for flow_run in (log.flow_run("a"), log.flow_run("b")):
        log.task_run("add-0", flow_run=flow_run)
    log.write()
    code, _, err = cli("task-run", "inspect", "add-0")
    assert code == 1
    assert err.startswith("Error: ")
    assert "add-0" in err


def test_a_home_without_logs_says_so(cli, home):
    assert cli("log", "status")[1] == (
        f"No logs wait in {home}/logs: all that was recorded is in the store.\n"
    )


def test_damage_is_reported_by_file_and_offset_and_the_rest_is_there(cli, cli_json, log):
    log.flow_run("brave-otter")
    log.line("lost")
    log.flow_run("calm-heron")
    path = log.write(damage=True)
    (path.parent / "notes.txt").write_text("mine")
    code, out, err = cli("log", "status")
    assert (code, err) == (0, "")
    assert re.search(
        rf"^Damaged: {path.name}\S* at offset \d+, \d+ bytes: a wrong checksum\.", out, re.MULTILINE
    )
    assert "Foreign: notes.txt: its name is not that of a log segment. It was left alone." in out
    assert "brave-otter" in cli("flow-run", "ls")[1]
    status = cli_json("log", "status")
    assert status["damages"][0]["reason"] == "a wrong checksum"
    assert status["foreign"][0]["path"].endswith("notes.txt")
