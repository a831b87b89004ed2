"""`inspect` tells where the result of a run is, whether it was found there, and what that saved."""

from __future__ import annotations

import pytest

from flowstone import flow, task
from flowstone.cache_policies import INPUTS
from tests.face.conftest import home

__all__ = ["home"]


@pytest.fixture
def ids(home, monkeypatch):
    """The ids of the runs of a cached task, a flow and a task that keeps nothing."""
    monkeypatch.setenv("FLOWSTONE_HOME", str(home))

    @task(cache_policy=INPUTS)
    def double(x):
        return 2 * x

    @task
    def plain(x):
        return x

    @flow(persist_result=True)
    def etl():
        return [
            str(state.state_details.task_run_id)
            for state in (
                double(1, return_state=True),
                double(1, return_state=True),
                plain.with_options(persist_result=False)(1, return_state=True),
            )
        ]

    state = etl(return_state=True)
    return [*state.result(), str(state.state_details.flow_run_id)]


def test_inspect_tells_a_hit_from_a_miss_and_why_it_was_one(cli, cli_json, ids, home):
    miss, hit, none, of_flow = ids
    shown = cli("task-run", "inspect", miss)[1]
    assert "\nResult\n  kept under " in shown
    assert "Nothing was kept under its key." in shown
    shown = cli("task-run", "inspect", hit)[1]
    assert "\nResult\n  found under " in shown
    assert "which saved" in shown
    assert "\nResult\n" not in cli("task-run", "inspect", none)[1]
    assert f"kept under {of_flow} in {home / 'results'}" in cli("flow-run", "inspect", of_flow)[1]
    first, second = (cli_json("task-run", "inspect", one)["result"] for one in (miss, hit))
    assert (first["is_hit"], second["is_hit"]) == (False, True)
    assert first["key"] == second["key"]
    assert cli_json("task-run", "inspect", none)["result"] is None
