"""What changes runs: cancel, delete, set a state, look at; one by one and many at once."""

from __future__ import annotations

import pytest

from flowstone.core.states import FAILED
from flowstone.server.routes import bulk
from tests.server.serving import code_of, served
from tests.server.stories import Story

NOBODY = "0199a3c2-6f31-7c1a-9d2e-5b0f4a7c8e11"


@pytest.fixture
def story(any_database):
    """Give three flow runs that ended, and one whose process died."""
    story = Story(any_database)
    for name in ("first", "second", "third"):
        run = story.flow_run(name, tags=("batch",))
        story.ends(story.task_run(f"of-{name}", run))
        story.ends(run, FAILED, message="no")
    story.task_run("left", story.flow_run("crashed"))
    return story.told()


@pytest.fixture
def client(story):
    with served(story.database) as client:
        yield client


def state_of(client, path):
    return client.get(f"/api/{path}").json()["state"]["name"]


def states_of(client, path):
    return [one["name"] for one in client.get(f"/api/{path}/states").json()]


def test_a_run_whose_process_is_dead_is_put_into_a_state_by_hand(client, story):
    path = f"flow-runs/{story.id('crashed')}"
    assert state_of(client, path) == "Crashed"
    given = {"type": "COMPLETED", "name": "Mended", "message": "by hand"}
    shown = client.post(f"/api/{path}/state", json=given)
    assert shown.json()["state"] == {"type": "COMPLETED", "name": "Mended", "message": "by hand"}
    assert states_of(client, path)[-1] == "Mended"
    listed = client.get("/api/flow-runs?state=mended").json()["items"]
    assert [one["name"] for one in listed] == ["crashed"]
    task = f"task-runs/{story.id('left')}"
    assert client.post(f"/api/{task}/state", json={"type": "FAILED"}).status_code == 200
    assert state_of(client, task) == "Failed"


def test_a_run_that_ended_gets_another_end_and_keeps_its_history(client, story):
    path = f"flow-runs/{story.id('first')}"
    assert client.post(f"/api/{path}/state", json={"type": "COMPLETED"}).status_code == 200
    assert states_of(client, path) == ["Pending", "Running", "Failed", "Completed"]
    home = client.get("/api/dashboard?hours=1&until=2025-10-09T09:30:00Z").json()
    counts = {one["name"]: one["runs"] for one in home["flow_runs"]["states"]}
    assert counts == {"Failed": 2, "Completed": 1, "Crashed": 1}


@pytest.mark.parametrize(
    "state", [{"type": "RUNNING"}, {"type": "failed"}, {}, {"type": "FAILED", "nam": "x"}]
)
def test_a_run_is_put_into_terminal_states_only(client, story, state):
    answer = client.post(f"/api/flow-runs/{story.id('first')}/state", json=state)
    assert code_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_a_run_whose_process_lives_keeps_its_state(any_database):
    story = Story(any_database)
    run = story.flow_run("alive")
    story.task_run("inside", run)
    story.told(is_alive=False)
    story = Story(any_database)
    story.flow_run("alive-too")
    story.log.segment(story.records)
    story.log.hold()
    any_database.collect()
    with served(any_database) as client:
        path = f"/api/flow-runs/{story.id('alive-too')}"
        answer = client.post(f"{path}/state", json={"type": "FAILED"})
        assert code_of(answer) == (409, "run_still_open")
        assert "pid" in answer.json()["message"]
        assert client.post(f"{path}/cancel").json() == {"is_cancelled": False}
        assert code_of(client.delete(path)) == (409, "run_still_open")
        both = {"ids": [story.id("alive-too")], "state": {"type": "FAILED"}}
        (item,) = client.post("/api/flow-runs/state", json=both).json()["items"]
        assert item["outcome"] == "refused"
        assert "not known to be dead" in item["reason"]
    story.log.die()


def test_a_run_that_is_over_cannot_be_cancelled_and_a_dead_one_is_at_once(client, story):
    answer = client.post(f"/api/flow-runs/{story.id('first')}/cancel")
    assert code_of(answer) == (409, "run_ended")
    answer = client.post(f"/api/task-runs/{story.id('of-first')}/cancel")
    assert code_of(answer) == (409, "run_ended")
    assert client.post(f"/api/flow-runs/{NOBODY}/cancel").status_code == 404


def test_a_deleted_run_is_gone_with_its_counts(client, story):
    path = f"/api/flow-runs/{story.id('first')}"
    assert client.delete(path).json() == {"runs": 2}
    assert client.delete(path).status_code == 404
    home = client.get("/api/dashboard?hours=1&until=2025-10-09T09:30:00Z").json()
    assert {one["name"]: one["runs"] for one in home["task_runs"]["states"]} == {
        "Completed": 2,
        "Crashed": 1,
    }
    assert sum(one["runs"] for one in home["flow_runs"]["states"]) == 3


def test_each_run_of_many_has_its_own_outcome(client, story):
    ids = [story.id("first"), NOBODY, story.id("second"), story.id("first")]
    answer = client.post("/api/flow-runs/delete", json={"ids": ids}).json()
    outcomes = {one["id"]: one["outcome"] for one in answer["items"]}
    assert outcomes == {
        story.id("first"): "deleted",
        NOBODY: "not_found",
        story.id("second"): "deleted",
    }
    assert answer["next"] is None
    left = client.get("/api/flow-runs").json()["items"]
    assert [one["name"] for one in left] == ["crashed", "third"]


def test_all_runs_that_a_filter_finds_are_done_page_by_page(client, story, monkeypatch):
    monkeypatch.setattr(bulk, "_SECONDS", -1.0)  # each answer covers one run
    body = {"filter": {"tag": ["batch"]}, "limit": 2, "state": {"type": "CANCELLED"}}
    done, cursor = [], None
    for _ in range(10):
        sent = body if cursor is None else body | {"cursor": cursor}
        answer = client.post("/api/flow-runs/state", json=sent).json()
        done += [one["outcome"] for one in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert done == ["changed"] * 3
    listed = client.get("/api/flow-runs?state=cancelled").json()["items"]
    assert len(listed) == 3


def test_failures_are_news_until_somebody_looked(client, story):
    def news():
        home = client.get("/api/dashboard").json()
        return [one["name"] for one in home["failures"]]

    assert news() == ["crashed", "third", "second", "first"]
    body = {"ids": [story.id("second"), NOBODY]}
    answer = client.post("/api/flow-runs/seen", json=body).json()
    assert [one["outcome"] for one in answer["items"]] == ["seen", "not_found"]
    assert news() == ["crashed", "third", "first"]
    client.post("/api/flow-runs/seen", json={"filter": {"state_type": ["FAILED", "CRASHED"]}})
    assert news() == []
    client.post("/api/flow-runs/seen", json=body | {"is_seen": False})
    assert news() == ["second"]
    assert client.get(f"/api/flow-runs/{story.id('first')}").json()["is_seen"] is True


def test_a_request_that_is_sent_twice_is_done_once(client, story):
    body = {"ids": [story.id("first")]}
    key = {"Idempotency-Key": "key-1"}
    first = client.post("/api/flow-runs/delete", json=body, headers=key)
    again = client.post("/api/flow-runs/delete", json=body, headers=key)
    assert first.json() == again.json()
    assert first.json()["items"][0]["outcome"] == "deleted"
    other = client.post("/api/flow-runs/delete", json={"ids": []}, headers=key)
    assert code_of(other) == (409, "key_reused")
    bad = client.post("/api/flow-runs/delete", json={}, headers={"Idempotency-Key": "key-2"})
    assert code_of(bad) == (400, "runs_missing")
    good = client.post("/api/flow-runs/delete", json=body, headers={"Idempotency-Key": "key-2"})
    assert good.json()["items"][0]["outcome"] == "not_found"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "runs_missing"),
        ({"ids": [], "filter": {}}, "runs_missing"),
        ({"ids": ["xyz"]}, "bad_id"),
        ({"ids": "all"}, "invalid_request"),
        ({"filter": {"stat": ["failed"]}}, "invalid_request"),
        ({"filter": {"name": "\x00"}}, "invalid_request"),
        ({"filter": {}, "cursor": "x"}, "bad_cursor"),
        ({"filter": {}, "limit": 0}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
def test_a_bulk_request_that_means_no_runs_changes_none(told, body, code):
    client, _ = told
    assert code_of(client.post("/api/flow-runs/delete", json=body)) == (400, code)
