from __future__ import annotations

import sys
import uuid

import pytest

from flowstone.core.facts import ArtifactChanged, ArtifactWritten, ProgressMade
from tests.cli.conftest import BEGIN, SECOND


def add(log, key, data, kind="markdown", *, at=BEGIN, **more):
    made = log.new_id(at)
    runs = more.pop("flow_run", None), more.pop("task_run", None)
    log.add(ArtifactWritten(made, kind, key, at, data, more.pop("description", None), *runs))
    return made


@pytest.fixture
def artifacts(log):
    """A home with two versions of a report, a table, and progress, made by runs and by none."""
    run = log.flow_run("calm-reef")
    task_run = log.task_run("load-0", flow_run=run)
    ids = {
        "old": add(log, "report", "# old", flow_run=run),
        "new": add(log, "report", "# new\x1b[2J", at=BEGIN + SECOND, flow_run=run),
        "table": add(log, "rows", '[{"a":1,"b":"x"},{"a":null,"c":[1]}]', "table", flow_run=run),
        "progress": add(log, None, "10.0", "progress", flow_run=run, task_run=task_run),
        "loose": add(log, "loose", "text", description="no run\nsecond line"),
    }
    log.add(ArtifactChanged(ids["progress"], BEGIN + SECOND, "60.0", "loading"))
    log.write()
    return ids


def test_the_list_has_the_newest_version_of_each_key(cli, artifacts):
    code, out, err = cli("artifact", "ls")
    assert (code, err) == (0, "")
    title, *lines = out.splitlines()
    assert title.split() == ["ID", "KEY", "TYPE", "UPDATED", "FLOW", "RUN", "DESCRIPTION"]
    assert len(lines) == 4
    assert out.count("report") == 1
    assert "no run" in out
    assert "second line" not in out


def test_the_list_has_every_version_when_asked(cli_json, artifacts):
    assert len(cli_json("artifact", "ls")) == 4
    found = cli_json("artifact", "ls", "--all")
    assert len(found) == 5
    assert [one["data"] for one in found if one["key"] == "report"] == ["# new\x1b[2J", "# old"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--flow-run", "calm-reef"], 3),
        (["--task-run", "load-0"], 1),
        (["--type", "table"], 1),
        (["--limit", "2"], 2),
        (["--type", "image"], 0),
    ],
)
def test_the_list_can_be_narrowed(cli_json, artifacts, words, count):
    assert len(cli_json("artifact", "ls", *words)) == count


def test_an_empty_list_says_what_to_do(cli, log):
    code, out, _ = cli("artifact", "ls")
    assert (code, "No artifacts yet" in out) == (0, True)
    log.flow_run("calm-reef")
    log.write()
    assert "matches" in cli("artifact", "ls", "--flow-run", "calm-reef")[1]


def test_an_unknown_run_is_an_error(cli, artifacts):
    code, out, err = cli("artifact", "ls", "--flow-run", "nothing")
    assert (code, out) == (1, "")
    assert "'nothing'" in err


def test_inspect_shows_the_newest_version_and_names_the_older_ones(cli, artifacts):
    code, out, _ = cli("artifact", "inspect", "report")
    assert code == 0
    assert "# new\\x1b[2J" in out
    assert "calm-reef" in out
    assert "# old" not in out
    assert str(uuid.UUID(bytes=artifacts["old"])) in out.partition("Older versions")[2]


def test_inspect_takes_an_id_too(cli, artifacts):
    out = cli("artifact", "inspect", str(uuid.UUID(bytes=artifacts["progress"])))[1]
    assert "60 %" in out
    assert "loading" in out
    assert "load-0" in out


def test_inspect_shows_a_table_as_one(cli, artifacts):
    lines = cli("artifact", "inspect", "rows")[1].splitlines()[-3:]
    assert [line.split() for line in lines] == [["a", "b", "c"], ["1", "x"], ["[1]"]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"x":[1,2],"y":["a"]}', [["x", "y"], ["1", "a"], ["2"]]),
        ("[[1,2],[3]]", [["1", "2"], ["1", "2"], ["3"]]),
        ('[[1,2],"x"]', [["1", "2"], ["1", "2"], ["x"]]),
        ('{"x":[1],"y":5}', [["x", "y"], ["1", "5"]]),
    ],
)
def test_tables_of_columns_and_of_lists_are_shown(cli, log, data, expected):
    add(log, "t", data, "table")
    log.write()
    lines = cli("artifact", "inspect", "t")[1].splitlines()[-len(expected) :]
    assert [line.split() for line in lines] == expected


@pytest.mark.parametrize("data", ["[]", "{}", "[[]]", "[{}]", "no json"])
def test_a_table_without_rows_is_shown_as_it_is(cli, log, data):
    add(log, "t", data, "table")
    log.write()
    code, out, _ = cli("artifact", "inspect", "t")
    assert (code, out.splitlines()[-1]) == (0, data)


def test_a_long_table_is_cut_and_says_so(cli, log):
    add(log, "t", str([[number] for number in range(25)]), "table")
    log.write()
    assert cli("artifact", "inspect", "t")[1].endswith("and 5 more rows; -o json shows all\n")


def test_inspect_as_json_has_all_versions_and_data_that_is_parsed(cli_json, artifacts):
    new, old = cli_json("artifact", "inspect", "report")
    assert (new["data"], old["data"]) == ("# new\x1b[2J", "# old")
    assert len(cli_json("artifact", "inspect", "report", "--limit", "1")) == 1
    [table] = cli_json("artifact", "inspect", "rows")
    assert table["data"] == [{"a": 1, "b": "x"}, {"a": None, "c": [1]}]
    assert (table["type"], table["flow_run_name"]) == ("table", "calm-reef")


def test_what_is_not_there_is_an_error_that_says_where_it_looked(cli, artifacts, home):
    code, out, err = cli("artifact", "inspect", "nothing")
    assert (code, out) == (1, "")
    assert f"key or the id 'nothing' in {home}" in err
    assert "artifact ls" in err


def test_delete_takes_all_versions_of_a_key(cli, cli_json, artifacts):
    assert cli("artifact", "delete", "report", "--yes")[:2] == (0, "Deleted 2 artifacts.\n")
    assert len(cli_json("artifact", "ls", "--all")) == 3
    code, _, err = cli("artifact", "delete", "report", "--yes")
    assert (code, "no artifact with the key 'report'" in err) == (1, True)


def test_delete_takes_one_by_its_id(cli, cli_json, artifacts):
    old = str(uuid.UUID(bytes=artifacts["old"]))
    assert cli("artifact", "delete", "--id", old, "-y")[:2] == (0, "Deleted 1 artifact.\n")
    assert [one["data"] for one in cli_json("artifact", "inspect", "report")] == ["# new\x1b[2J"]


@pytest.mark.parametrize("words", [[], ["report", "--id", "x"], ["--id", "no id"]])
def test_delete_wants_a_key_or_an_id(cli, artifacts, words):
    code, out, err = cli("artifact", "delete", *words)
    assert (code, out) == (1, "")
    assert "--id ID" in err or "is no id" in err


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 3), ("n", 1, 5), ("", 1, 5)])
def test_delete_asks_on_a_terminal(cli, cli_json, artifacts, monkeypatch, answer, code, left):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert cli("artifact", "delete", "report")[0] == code
    assert len(cli_json("artifact", "ls", "--all")) == left


def test_delete_without_a_terminal_needs_a_yes(cli, cli_json, artifacts):
    code, out, err = cli("artifact", "delete", "report")
    assert (code, out) == (1, "")
    assert "deleting 2 artifacts needs a yes" in err
    assert "--yes" in err
    assert len(cli_json("artifact", "ls", "--all")) == 5


def test_inspect_of_runs_shows_the_progress_of_their_loops(cli, cli_json, log):
    run = log.flow_run("calm-reef")
    task_run = log.task_run("load-0", flow_run=run)
    log.add(
        ProgressMade(run, "files", BEGIN, 1, 3),
        ProgressMade(task_run, "pages\x1b", BEGIN, 1500, 2000),
        ProgressMade(task_run, "", BEGIN + 1, 7),
    )
    log.write()
    assert "1 of 3 (33 %)  files" in cli("flow-run", "inspect", "calm-reef")[1]
    out = cli("task-run", "inspect", "load-0")[1]
    assert "1,500 of 2,000 (75 %)  pages\\x1b\n" in out
    [first, second] = cli_json("task-run", "inspect", "load-0")["progress"]
    assert (first["done"], first["total"]) == (1500, 2000)
    assert (second["description"], second["done"], second["total"]) == ("", 7, None)
    [of_flow] = cli_json("flow-run", "inspect", "calm-reef")["progress"]
    assert of_flow["description"] == "files"
