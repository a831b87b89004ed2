"""`flowstone flow-run`: lists, one run, its lines, and its end."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowstone.cli import home as home_module
from flowstone.core.ids import id_text
from tests.cli.conftest import BEGIN, SECOND


@pytest.fixture
def runs(log):
    """Three flow runs, a minute apart: one good, one failed, one good and tagged."""
    ids = {}
    ids["brave-otter"] = otter = log.flow_run("brave-otter", parameters='{"day":"2026-01-31"}')
    first = log.task_run("add-0", flow_run=otter)
    log.retried_task_run("load-0", flow_run=otter)
    log.line("began", flow_run=otter)
    log.line("adding", flow_run=otter, task_run=first, level=10, at=BEGIN + 5)
    log.line("odd day", flow_run=otter, level=30, at=BEGIN + 10)
    later = BEGIN + 60 * SECOND
    ids["calm-heron"] = log.flow_run("calm-heron", "report", at=later, error="ValueError: no")
    later += 60 * SECOND
    ids["quick-lynx"] = log.flow_run("quick-lynx", at=later, tags=("night", "eu"))
    log.write()
    return {name: id_text(run) for name, run in ids.items()}


def names(out: str) -> list[str]:
    return [line.split()[1] for line in out.splitlines()[1:]]


def test_a_home_that_cannot_be_written_names_where_its_runs_are(cli, home, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    other = tmp_path / f"flowstone-{os.getuid()}"
    other.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != home)
    home.mkdir(exist_ok=True)
    text = cli("flow-run", "ls")[1]
    assert text.endswith(f"\n  FLOWSTONE_HOME={other} flowstone flow-run ls\n")


def test_an_empty_home_says_where_it_looked_and_what_to_do(cli, home):
    code, out, err = cli("flow-run", "ls")
    assert (code, err) == (0, "")
    assert out == f"No flow runs yet in {home}. Run a flow: flowstone run FILE.py:flow\n"


def test_an_empty_list_as_json_is_a_list(cli_json):
    assert cli_json("flow-run", "ls") == []


def test_the_newest_runs_come_first(cli, runs):
    code, out, err = cli("flow-run", "ls")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == "ID NAME FLOW STATE STARTED TIME ATTEMPTS TAGS".split()
    assert names(out) == ["quick-lynx", "calm-heron", "brave-otter"]
    assert re.search(r"calm-heron +report +Failed .* 1\.0 s +1$", out, re.MULTILINE)
    assert runs["quick-lynx"] in out


def test_a_narrow_terminal_gets_short_ids_that_tell_the_runs_apart(cli, runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = cli("flow-run", "ls")[1]
    assert max(len(line) for line in out.splitlines()) <= 80
    short = [line.split()[0] for line in out.splitlines()[1:]]
    assert len(set(short)) == 3
    assert cli("flow-run", "inspect", short[0])[1].split()[2] == "quick-lynx"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--limit", "1"], ["quick-lynx"]),
        (["--limit", "0"], ["quick-lynx", "calm-heron", "brave-otter"]),
        (["--flow", "report"], ["calm-heron"]),
        (["--state", "failed"], ["calm-heron"]),
        (["--state", "FAILED", "--state", "Completed", "--flow", "report"], ["calm-heron"]),
        (["--tag", "eu", "--tag", "night"], ["quick-lynx"]),
        (["--since", "2026-07-25T17:20:30Z"], ["quick-lynx", "calm-heron"]),
    ],
)
def test_a_list_can_be_narrowed(cli, runs, words, expected):
    assert names(cli("flow-run", "ls", *words)[1]) == expected


def test_a_narrowed_list_that_is_empty_says_so(cli, runs, home):
    assert cli("flow-run", "ls", "--flow", "other")[1] == (
        f"No flow run in {home} matches. Without filters, 'flow-run ls' shows the newest.\n"
    )


@pytest.mark.parametrize("kind", ["flow-run", "task-run"])
def test_a_state_that_nobody_has_is_named_where_nothing_matches(cli, runs, kind):
    out = cli(kind, "ls", "--state", "fialed")[1]
    assert "'fialed' is no state of Flowstone's own. Did you mean 'Failed'?" in out
    assert "no state" not in cli(kind, "ls", "--state", "suspended")[1]


def test_a_wrong_filter_is_wrong_usage(cli):
    code, _, err = cli("flow-run", "ls", "--since", "yesterday")
    assert code == 2
    assert "'yesterday' is no time; write 30m, 2h, 7d or 2026-01-31T12:00" in err
    assert cli("flow-run", "ls", "--limit", "-1")[0] == 2


def test_a_run_as_json_has_the_documented_fields(cli_json, runs):
    last = cli_json("flow-run", "ls")[2]
    assert last == {
        "id": runs["brave-otter"],
        "name": "brave-otter",
        "flow_name": "etl",
        "state_type": "COMPLETED",
        "state_name": "Completed",
        "message": None,
        "created": "2026-07-25T17:20:00.000000Z",
        "start_time": "2026-07-25T17:20:00.000000Z",
        "end_time": "2026-07-25T17:20:01.000000Z",
        "duration": 1.0,
        "run_count": 1,
        "tags": [],
        "scheduled_time": None,
        "verdict": None,
        "parameters": {"day": "2026-01-31"},
        "parent_flow_run_id": None,
        "parent_task_run_id": None,
    }


def test_inspect_shows_times_parameters_states_and_task_runs(cli, runs):
    code, out, _ = cli("flow-run", "inspect", "brave-otter")
    assert code == 0
    assert re.search(r"^ID +" + runs["brave-otter"], out, re.MULTILINE)
    assert re.search(r'^Parameters +\{"day":"2026-01-31"\}$', out, re.MULTILINE)
    assert re.search(r"^Task runs +1 Completed, 1 Failed$", out, re.MULTILINE)
    assert [line.split()[-1] for line in out.split("States\n")[1].splitlines()] == [
        "Pending",
        "Running",
        "Completed",
    ]


def test_inspect_shows_the_message_of_a_failed_run(cli, runs):
    assert "\nFailed: ValueError: no\n" in cli("flow-run", "inspect", "calm-heron")[1]


def test_inspect_as_json_adds_states_and_counts(cli_json, runs):
    found = cli_json("flow-run", "inspect", runs["brave-otter"][:13])
    assert found["task_run_counts"] == {"Completed": 1, "Failed": 1}
    assert [state["state_name"] for state in found["states"]] == ["Pending", "Running", "Completed"]
    assert found["states"][2] == {
        "state_type": "COMPLETED",
        "state_name": "Completed",
        "time": "2026-07-25T17:20:01.000000Z",
        "message": None,
    }


@pytest.mark.parametrize("command", ["inspect", "logs"])
def test_a_run_that_is_not_there_is_one_line_on_stderr(cli, runs, command):
    code, out, err = cli("flow-run", command, "bold-mole")
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert "bold-mole" in err
    assert err.count("\n") == 1


def test_an_ambiguous_id_names_the_candidates(cli, runs):
    code, _, err = cli("flow-run", "inspect", runs["brave-otter"][:4])
    assert code == 1
    assert "brave-otter" in err
    assert "quick-lynx" in err


def messages(out: str) -> list[str]:
    return [line.split(" - ")[1] for line in out.splitlines()]


def test_logs_show_the_lines_of_the_run_and_of_its_task_runs_in_order(cli, runs):
    code, out, _ = cli("flow-run", "logs", "brave-otter")
    assert code == 0
    assert messages(out) == ["began", "adding", "odd day"]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d .* \| INFO    \| Flow run 'brave-otter' - began", out.splitlines()[0]
    )
    assert "| DEBUG   | Task run 'add-0' - adding" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--level", "info"], ["began", "odd day"]),
        (["--level", "30"], ["odd day"]),
        (["--head", "1"], ["began"]),
        (["-n", "2"], ["began", "adding"]),
        (["--tail", "1"], ["odd day"]),
        (["-t", "-n", "2"], ["adding", "odd day"]),
        (["--head"], ["began", "adding", "odd day"]),
        (["--tail", "2", "--reverse"], ["odd day", "adding"]),
        (["-r"], ["odd day", "adding", "began"]),
    ],
)
def test_lines_can_be_chosen(cli, runs, words, expected):
    assert messages(cli("flow-run", "logs", "brave-otter", *words)[1]) == expected


def test_lines_as_json(cli_json, runs):
    line = cli_json("flow-run", "logs", "brave-otter", "--tail", "1")[0]
    assert line == {
        "time": "2026-07-25T17:20:00.000000Z",
        "level": 30,
        "level_name": "WARNING",
        "logger": "flowstone.runs",
        "message": "odd day",
        "flow_run_id": runs["brave-otter"],
        "task_run_id": None,
    }


def test_a_run_without_lines_says_so_beside_the_output(cli, runs):
    assert cli("flow-run", "logs", "calm-heron") == (
        0,
        "",
        "The flow run 'calm-heron' has no log lines.\n",
    )
    assert "at ERROR or above" in cli("flow-run", "logs", "brave-otter", "--level", "ERROR")[2]


def test_a_wrong_level_or_number_is_wrong_usage(cli):
    assert "'loud' is no level" in cli("flow-run", "logs", "x", "--level", "loud")[2]
    assert cli("flow-run", "logs", "x", "--head", "1", "--tail", "1")[0] == 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_deleting_without_a_terminal_needs_yes(cli, runs, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    code, _, err = cli("flow-run", "delete", "brave-otter")
    assert code == 1
    assert err.endswith("needs a yes, and there is no terminal to ask: pass --yes.\n")
    assert "brave-otter" in cli("flow-run", "ls")[1]


def test_deleting_with_yes_takes_the_run_and_its_task_runs(cli, runs):
    code, out, err = cli("flow-run", "delete", "brave-otter", runs["calm-heron"], "--yes")
    assert (code, err) == (0, "")
    assert out == (
        f"Deleted flow run 'brave-otter' ({runs['brave-otter']}), with 2 runs below it.\n"
        f"Deleted flow run 'calm-heron' ({runs['calm-heron']}).\n"
    )
    assert names(cli("flow-run", "ls")[1]) == ["quick-lynx"]
    assert cli("task-run", "ls")[1].startswith("No task runs yet")


@pytest.mark.parametrize(("answer", "left"), [("y\n", 2), ("\n", 3), ("no\n", 3), ("", 3)])
def test_on_a_terminal_deleting_asks_first(cli, runs, monkeypatch, answer, left):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    code, out, _ = cli("flow-run", "delete", "brave-otter")
    assert "with 2 task runs and its log lines? [y/N]" in out
    assert code == (1 if left == 3 else 0)
    assert len(names(cli("flow-run", "ls")[1])) == left


def test_a_no_to_the_second_of_two_says_that_no_more_was_deleted(cli, runs, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("y\nn\n"))
    code, out, err = cli("flow-run", "delete", "brave-otter", "calm-heron")
    assert (code, err) == (1, "Nothing more deleted.\n")
    assert "Deleted flow run 'brave-otter'" in out
    assert "calm-heron" in cli("flow-run", "ls")[1]


def test_the_subflow_runs_of_a_flow_run_can_be_listed(cli, log):
    outer = log.flow_run("outer")
    log.flow_run("inner", parent_flow_run=outer)
    log.flow_run("other")
    log.write()
    assert names(cli("flow-run", "ls", "--flow-run", "outer")[1]) == ["inner"]


def test_a_run_whose_process_died_is_crashed_and_says_why(cli, cli_json, log):
    log.flow_run("brave-otter", took=None)
    log.write()
    assert "\nCrashed: " in cli("flow-run", "inspect", "brave-otter")[1]
    assert cli_json("flow-run", "ls", "--state", "crashed")[0]["verdict"] == "died"


def test_an_answer_of_an_earlier_time_says_so_on_stderr(cli, runs, home, monkeypatch):
    cli("flow-run", "ls")
    real = home_module.open_store

    def stuck(place):
        store = real(place)
        store.collected = SimpleNamespace(as_of=BEGIN, reason="process 7 holds the writer lock")
        return store

    monkeypatch.setattr(home_module, "open_store", stuck)
    code, out, err = cli("flow-run", "ls")
    assert (code, len(names(out))) == (0, 3)
    assert err.startswith("Note: this is as of 2026-07-2")
    assert err.endswith(": process 7 holds the writer lock\n")


@pytest.mark.parametrize("family", ["flow-run", "task-run"])
def test_nothing_read_is_not_told_as_nothing_there(cli, home, monkeypatch, family):
    real = home_module.open_store

    def stuck(place):
        store = real(place)
        store.collected = SimpleNamespace(as_of=BEGIN, reason="the home is read-only")
        return store

    monkeypatch.setattr(home_module, "open_store", stuck)
    code, out, _ = cli(family, "ls")
    assert code == 1
    assert out == f"No {family.replace('-', ' ')} in {home} could be read.\n"


def test_what_a_run_is_called_cannot_steer_the_terminal(cli, log):
    run = log.flow_run("evil\x1b[2J")
    log.line("a\x1b]0;title\x07\nb", flow_run=run)
    log.write()
    assert "\x1b" not in cli("flow-run", "ls")[1]
    assert "\x1b" not in cli("flow-run", "inspect", id_text(run))[1]
    assert "a\\x1b]0;title\\x07\nb" in cli("flow-run", "logs", id_text(run))[1]


def test_a_home_that_cannot_be_read_is_one_line(cli, home):
    home.write_text("a file")
    code, out, err = cli("flow-run", "ls")
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert str(home) in err
