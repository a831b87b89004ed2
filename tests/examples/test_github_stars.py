from __future__ import annotations

import os
import subprocess
import sys
from urllib.error import HTTPError

import pytest

from examples import github_stars
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with github_stars.local_api() as address:
        yield address


def test_the_server_fails_as_often_as_it_is_told_and_then_answers(api):
    for _ in range(github_stars.CATALOGUE["pydantic/pydantic"].failures):
        with pytest.raises(HTTPError, match="503"):
            github_stars.get_stats.fn("pydantic/pydantic", api)
    found = github_stars.get_stats.fn("pydantic/pydantic", api)
    assert found == github_stars.CATALOGUE["pydantic/pydantic"].stats


def test_the_flow_returns_the_figures_of_the_repositories_that_there_are(api):
    found = github_stars.show_stars(("python/cpython", "nobody/nothing", "encode/httpx"), api)
    assert found == {
        name: github_stars.CATALOGUE[name].stats for name in ("python/cpython", "encode/httpx")
    }


@pytest.mark.timeout(60)
def test_the_stars_are_shown_and_failed_requests_are_tried_again(tmp_path):
    home = tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, github_stars.__file__],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr

    with open_store(home) as store:
        [run] = store.flow_runs(RunFilter())
        tasks = {task.name: task for task in store.task_runs(RunFilter(), limit=0)}
    assert (run.flow_name, run.state_name) == ("show-stars", "Completed")
    shown = (ended.stdout + ended.stderr).splitlines()
    for name, (stats, failures) in github_stars.CATALOGUE.items():
        kept = tasks.pop(f"stats of {name}")
        assert (kept.state_name, kept.attempt) == ("Completed", failures + 1)
        assert any(line.split()[-3:] == _cells(name, stats) for line in shown)
    [missing] = tasks.values()
    assert (missing.name, missing.state_name) == ("stats of nobody/nothing", "Failed")
    assert missing.attempt == 1  # to ask again for what there is not would help nobody


def _cells(name, stats):
    return [name, f"{stats.stars:,}", f"{stats.open_issues:,}"]
