"""`flowstone database`: looked at, pruned, copied, as a user does."""

from __future__ import annotations

import os
import time

import pytest

from flowstone.store.schema import VERSION

DAY = 86_400 * 1_000_000_000


@pytest.fixture
def history(log):
    """A flow run of 100 days ago and one of yesterday."""
    for days in (100, 1):
        at = time.time_ns() - days * DAY
        run = log.flow_run(f"run-of-{days}", at=at)
        for number in range(3):
            log.task_run(f"add-{number}", flow_run=run, at=at)
        log.line("a line", flow_run=run, at=at)
    log.write()


def flow_runs(cli_json) -> set[str]:
    return {run["name"] for run in cli_json("flow-run", "ls")}


def test_what_is_older_than_90_days_is_pruned(history, cli, cli_json):
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}
    told = cli_json("database", "prune", "--dry-run")
    assert (told["flow_runs"], told["task_runs"], told["log_lines"]) == (1, 3, 1)
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}
    code, out, _ = cli("database", "prune")
    assert code == 0
    assert "Deleted 1 flow run, 3 task runs" in out
    assert flow_runs(cli_json) == {"run-of-1"}


def test_an_age_may_be_given_instead_of_the_setting(history, cli, cli_json, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_RETENTION_RUNS_DAYS", "0")
    assert cli_json("database", "prune")["flow_runs"] == 0
    assert cli_json("database", "prune", "--older-than", "12h")["flow_runs"] == 2
    code, _, err = cli("database", "prune", "--older-than", "soon")
    assert code == 2
    assert "'soon' is no time; write 12h, 30d or 2026-01-31" in err


def test_the_database_is_described(history, cli, cli_json):
    flow_runs(cli_json)
    found = cli_json("database", "status")
    assert (found["kind"], found["version"]) == ("SQLite", VERSION)
    assert (found["flow_runs"], found["task_runs"]) == (2, 6)
    assert found["size"] > 0
    assert "Schema version" in cli("database", "status")[1]


def test_a_database_is_written_to_a_file_and_read_elsewhere(
    history, cli, cli_json, tmp_path, monkeypatch
):
    path = tmp_path / "all.flowstone"
    code, out, _ = cli("database", "export", str(path))
    assert (code, out[:5]) == (0, "Wrote")
    assert path.stat().st_mode & 0o777 == 0o600
    assert cli("database", "export", str(path))[0] == 1
    monkeypatch.setenv("FLOWSTONE_HOME", str(tmp_path / "other"))
    assert cli("database", "import", str(path))[0] == 0
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}
    code, _, err = cli("database", "import", str(path))
    assert code == 1
    assert "in use" in err
    assert cli("database", "import", str(tmp_path / "nowhere"))[0] == 1


def test_vacuum_gives_disk_back_and_upgrade_finds_it_done(history, home, cli, cli_json):
    flow_runs(cli_json)
    assert cli("database", "vacuum")[0] == 0
    assert os.stat(home / "flowstone.db").st_size > 0
    assert f"schema version {VERSION}" in cli("database", "upgrade")[1]
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}


def test_no_database_is_made_older(history, cli, cli_json):
    code, _, err = cli("database", "downgrade")
    assert code == 1
    assert "Nothing was changed. To go back to an older Flowstone" in err
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}


def test_a_home_without_a_server_is_pruned_once_a_day_by_who_reads(
    history, home, cli_json, monkeypatch
):
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}  # its first day is left in peace
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + DAY + 1)
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}  # what was asked for is shown first
    assert flow_runs(cli_json) == {"run-of-1"}


def test_a_home_that_cannot_be_pruned_is_read_all_the_same(history, cli_json, monkeypatch):
    def refused(_home):
        raise OSError("no room")

    monkeypatch.setattr("flowstone.store.retention.prune_lightly", refused)
    assert flow_runs(cli_json) == {"run-of-100", "run-of-1"}
