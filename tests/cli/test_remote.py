"""Commands answer of a server what they answer of its home."""

from __future__ import annotations

import msgspec
import pytest

from flowstone.core.facts import ArtifactWritten, ResultNoted
from flowstone.store.databases import EmbeddedDatabase
from tests.cli.conftest import BEGIN, SECOND
from tests.server.serving import listening, made_token


@pytest.fixture
def database(home, log):
    """Flow runs with task runs, edges, lines and artifacts, collected already."""
    otter = log.flow_run("brave-otter", parameters='{"day":"2026-01-31"}', tags=("night", "eu"))
    first = log.task_run("add-0", flow_run=otter, tags=("third",))
    log.retried_task_run("load-0", flow_run=otter)
    waits = log.waiting_task_run("sum-0", [("x", first)], flow_run=otter)
    log.flow_run("inner", "part", parent_flow_run=otter, at=BEGIN + SECOND)
    log.line("began", flow_run=otter)
    log.line("adding", flow_run=otter, task_run=first, level=10, at=BEGIN + 5000)
    log.line("odd day", flow_run=otter, level=30, at=BEGIN + 10_000)
    log.flow_run("calm-heron", "report", at=BEGIN + 60 * SECOND, error="ValueError: no")
    log.task_run("alone", "mul", at=BEGIN + 70 * SECOND)
    log.add(ResultNoted(first, BEGIN + 1, "/there", "key-4", False, True, 1.5, "no such key"))
    for number in range(2):
        made = log.new_id(BEGIN + number)
        data = f"# Version {number}" + "x" * 1000
        log.add(
            ArtifactWritten(made, "markdown", "report", BEGIN, data, "d", otter, waits),
        )
    log.write()
    database = EmbeddedDatabase(home)
    database.collect()
    return database


@pytest.fixture
def server(database):
    with listening(database) as url:
        yield url


@pytest.fixture
def both(cli, home, server, monkeypatch):
    """Run a command on the home, and on the server: the answers are the same but for places."""

    def call(*words: str) -> tuple[int, str, str]:
        here = cli(*words)
        with monkeypatch.context() as patch:
            patch.setenv("FLOWSTONE_API_URL", server)
            code, out, err = cli(*words)
        assert (code, out.replace(server, str(home)), err) == here
        return here

    return call


@pytest.fixture
def remote(cli, server, monkeypatch):
    """Run a command on the server alone."""
    monkeypatch.setenv("FLOWSTONE_API_URL", server)
    return cli


@pytest.mark.parametrize(
    "words",
    [
        "flow-run ls",
        "flow-run ls -o json",
        "flow-run ls --state failed -o json",
        "flow-run ls --flow etl --tag eu --limit 1",
        "flow-run ls --flow-run brave-otter",
        "flow-run ls --since 2099-01-01",
        "flow-run inspect brave-otter",
        "flow-run inspect brave-otter -o json",
        "flow-run inspect calm-heron",
        "flow-run logs brave-otter",
        "flow-run logs brave-otter --level WARNING -o json",
        "flow-run logs brave-otter --tail 2",
        "flow-run logs brave-otter --reverse",
        "flow-run graph brave-otter",
        "task-run ls",
        "task-run ls -o json --flow-run brave-otter",
        "task-run ls --task load",
        "task-run ls --flow etl --state completed",
        "task-run inspect add-0",
        "task-run inspect sum-0",
        "task-run inspect sum-0 -o json",
        "task-run inspect load-0",
        "task-run logs add-0 -o json",
        "cache why add-0",
        "artifact ls",
        "artifact ls -o json",
        "artifact ls --all --flow-run brave-otter",
        "artifact inspect report",
        "artifact inspect report -o json",
        "variable ls",
    ],
)
def test_a_command_that_reads_says_the_same_of_home_and_server(both, words):
    code, out, _err = both(*words.split())
    assert code == 0
    assert out


@pytest.mark.parametrize("family", ["flow-run", "task-run"])
def test_a_run_is_found_by_the_beginning_of_its_id(both, cli_json, family):
    rows = cli_json(family, "ls")
    for row in rows:
        digits = 13
        while sum(other["id"].startswith(row["id"][:digits]) for other in rows) > 1:
            digits += 1
        out = both(family, "inspect", row["id"][:digits])[1]
        assert row["id"] in out


@pytest.mark.parametrize(
    "words", ["flow-run inspect nobody", "task-run logs 0198", "flow-run inspect 01"]
)
def test_what_is_not_found_or_not_clear_fails_alike(remote, cli, server, monkeypatch, words):
    code, out, err = remote(*words.split())
    assert (code, out) == (1, "")
    monkeypatch.delenv("FLOWSTONE_API_URL")
    here = cli(*words.split())
    assert err.partition(" Looked ")[0] == here[2].partition(" Looked ")[0]
    if " Looked " in err:
        assert f"Looked on the server at {server};" in err


def test_a_flow_run_of_the_server_is_deleted(remote, cli_json):
    code, out, _err = remote("flow-run", "delete", "calm-heron", "--yes")
    assert (code, out.startswith("Deleted flow run 'calm-heron'")) == (0, True)
    assert [row["name"] for row in cli_json("flow-run", "ls")] == ["inner", "brave-otter"]


def test_a_run_that_is_over_is_not_cancelled(remote):
    code, _out, err = remote("flow-run", "cancel", "brave-otter")
    assert code == 1
    assert "Flow run 'brave-otter'" in err
    assert "has ended already" in err


def test_open_finds_a_run_of_the_server_by_its_name(remote, server, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    for family, name in (("flow-run", "brave-otter"), ("task-run", "alone")):
        run = msgspec.json.decode(remote(family, "inspect", name, "-o", "json")[1])["id"]
        assert remote("open", name)[:2] == (0, f"{server}/{family}s/{run}\n")
    code, out, err = remote("open", "bold-mole")
    assert (code, out) == (1, "")
    assert "no flow run or task run" in err


def test_an_artifact_of_the_server_is_deleted(remote):
    assert remote("artifact", "delete", "report", "--yes")[1] == "Deleted 2 artifacts.\n"
    assert remote("artifact", "inspect", "report")[0] == 1


def test_variables_of_the_server_are_set_read_and_deleted(remote, server, database):
    assert remote("variable", "set", "region", '{"a": 1}')[:2] == (
        0,
        'Set variable region to {"a":1}.\n',
    )
    code, _out, err = remote("variable", "set", "region", "1")
    assert (code, "already exists" in err) == (1, True)
    assert msgspec.json.decode(remote("variable", "get", "region", "-o", "json")[1]) == {"a": 1}
    assert remote("variable", "unset", "region")[0] == 0
    code, _out, err = remote("variable", "get", "region")
    assert (code, server in err) == (1, True)


def test_limits_of_the_server_are_made_and_shown(remote):
    assert remote("gcl", "create", "db", "--limit", "3")[0] == 0
    assert '"limit": 3' in remote("gcl", "ls", "-o", "json")[1]
    assert remote("concurrency-limit", "ls")[0] == 0


def test_what_only_the_home_knows_says_where_to_ask(remote, server):
    code, _out, err = remote("flow-run", "rollback", "calm-heron")
    assert code == 1
    assert server in err
    assert "without api.url" in err


def test_the_logs_of_the_home_are_looked_at_also_with_a_server(remote):
    assert remote("log", "status")[0] == 0


def test_a_server_that_is_away_is_named(cli, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FLOWSTONE_CLIENT_MAX_RETRIES", "0")
    code, out, err = cli("flow-run", "ls")
    assert (code, out) == (1, "")
    assert "The server at http://127.0.0.1:9 cannot be reached" in err


def test_a_token_that_is_missing_is_asked_for(remote, database, monkeypatch):
    token = made_token(database, "read")
    code, _out, err = remote("flow-run", "ls")
    assert code == 1
    assert "FLOWSTONE_API_KEY" in err
    monkeypatch.setenv("FLOWSTONE_API_KEY", token)
    assert remote("flow-run", "ls")[0] == 0
    code, _out, err = remote("flow-run", "delete", "calm-heron", "--yes")
    assert code == 1
    assert "refused" in err


def test_an_empty_server_says_where_it_looked(cli, home, monkeypatch):
    home.mkdir(parents=True)
    with listening(EmbeddedDatabase(home)) as url:
        monkeypatch.setenv("FLOWSTONE_API_URL", url)
        for family in ("flow-run", "task-run"):
            assert f"yet in {url}." in cli(family, "ls")[1]
