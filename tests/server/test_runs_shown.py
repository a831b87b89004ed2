"""One run and what belongs to it: each view of a page finds what it shows in one or two answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from flowstone.core.states import RUNNING, SCHEDULED
from flowstone.store.databases import EmbeddedDatabase
from tests.server.serving import code_of, served
from tests.server.stories import Story

NOBODY = "0199a3c2-6f31-7c1a-9d2e-5b0f4a7c8e11"


@pytest.fixture
def client(told):
    return told[0]


@pytest.fixture
def story(told):
    return told[1]


def get(client, path, **more):
    answer = client.get(f"/api/{path}", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_flow_run_is_shown_with_all_that_belongs_to_it(client, story):
    shown = get(client, f"flow-runs/{story.id('bad-run')}")
    assert shown["state"] == {
        "type": "FAILED",
        "name": "Failed",
        "message": "Flow run encountered an exception: ValueError: no",
    }
    assert (shown["flow"], shown["flow_version"], shown["tags"]) == ("main", "1", ["nightly"])
    assert [one["name"] for one in shown["states"]] == ["Pending", "Running", "Failed"]
    assert shown["states"][-1]["at"] == shown["ended"]
    assert (shown["process"]["host"], shown["process"]["flowstone"]) == ("here", "0.1.0")
    assert (shown["is_open"], shown["is_seen"], shown["subflow_runs"]) == (False, False, 1)
    calls = {one["task"]: one["runs"] for one in shown["calls"]}
    assert calls == {"add": 4, "mul": 2}
    assert sum(one["runs"] for one in shown["task_runs"]) == 6
    good = get(client, f"flow-runs/{story.id('good-run')}")
    assert good["parameters"] == {"x": 1, "day": "2026-01-31"}
    inner = get(client, f"flow-runs/{story.id('inner-run')}")
    assert inner["parent_flow_run"] == story.id("bad-run")
    assert inner["parent_name"] == "bad-run"


def test_a_task_run_is_shown_with_its_attempts_and_inputs(client, story):
    retried = get(client, f"task-runs/{story.id('retried')}")
    assert retried["attempt"] == 2
    tries = [(one["number"], one["state"]["name"]) for one in retried["attempts"]]
    assert tries == [(1, "AwaitingRetry"), (2, "Completed")]
    assert retried["attempts"][0]["state"]["message"] == "no luck"
    taker = get(client, f"task-runs/{story.id('t-4')}")
    inputs = [(one["name"], one["run_name"], one["of"]) for one in taker["upstream"]]
    assert inputs == [("x", "t-2", "add"), ("y", "t-0", "mul")]
    assert taker["upstream_count"] == 2
    assert (taker["result"]["key"], taker["result"]["is_hit"]) == ("key-4", True)
    giver = get(client, f"task-runs/{story.id('t-0')}")
    assert [one["run_name"] for one in giver["downstream"]] == ["t-2", "t-4"]
    assert giver["flow_run_name"] == "good-run"
    alone = get(client, f"task-runs/{story.id('alone')}")
    assert (alone["flow_run"], alone["flow"]) == (None, None)


@pytest.mark.parametrize("path", ["flow-runs/{}", "flow-runs", "flows", "variables", "logs"])
def test_who_has_an_answer_gets_it_once(client, story, path):
    path = f"/api/{path.format(story.id('good-run'))}"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_tag_of_a_compressed_answer_is_the_same_a_second_later(client, monkeypatch):
    seconds = count(1_800_000_000)
    monkeypatch.setattr("gzip.time", SimpleNamespace(time=lambda: next(seconds)))
    first = client.get("/api/flow-runs")
    assert first.headers["content-encoding"] == "gzip"
    again = client.get("/api/flow-runs")
    assert again.headers["etag"] == first.headers["etag"]
    kept = client.get("/api/flow-runs", headers={"If-None-Match": first.headers["etag"]})
    assert (kept.status_code, kept.content) == (304, b"")
    assert next(seconds) > 1_800_000_001  # it was asked what time it is


@pytest.mark.parametrize(
    "path",
    [
        "flow-runs/{}",
        "flow-runs/{}/states",
        "flow-runs/{}/graph",
        "flow-runs/{}/graph/task-1",
        "flow-runs/{}/timeline",
        "task-runs/{}",
        "task-runs/{}/states",
    ],
)
def test_a_run_that_is_not_there_is_not_found(client, path):
    assert code_of(client.get("/api/" + path.format(NOBODY))) == (404, "run_not_found")


def test_a_graph_has_a_node_for_each_run_and_an_edge_for_each_input(client, story):
    graph = get(client, f"flow-runs/{story.id('good-run')}/graph")
    names = {one["id"]: one["name"] for one in graph["nodes"]}
    assert sorted(names.values()) == ["retried", "t-0", "t-2", "t-4", "t-6", "t-8"]
    edges = {(names[one["source"]], names[one["target"]]) for one in graph["edges"]}
    assert edges == {("t-0", "t-2"), ("t-2", "t-4"), ("t-0", "t-4")}
    assert (graph["groups"], graph["is_whole"]) == ([], True)
    kinds = {one["kind"] for one in get(client, f"flow-runs/{story.id('bad-run')}/graph")["nodes"]}
    assert kinds == {"task", "flow"}


def test_a_large_graph_is_folded_by_task_and_unfolds_page_by_page(client, story):
    path = f"flow-runs/{story.id('good-run')}/graph"
    graph = get(client, f"{path}?few=2")
    groups = {one["of"]: one for one in graph["groups"]}
    assert {of: one["runs"] for of, one in groups.items()} == {"mul": 2, "add": 4}
    assert graph["nodes"] == []
    ends = {one["id"]: one["of"] for one in graph["groups"]}
    edges = {(ends[one["source"]], ends[one["target"]], one["count"]) for one in graph["edges"]}
    assert edges == {("mul", "add", 2), ("add", "add", 1)}
    first = get(client, f"{path}/{groups['add']['id']}?limit=3")
    assert [one["name"] for one in first["items"]] == ["t-2", "t-4", "t-8"]
    assert len(first["edges"]) == 3
    rest = get(client, f"{path}/{groups['add']['id']}?limit=3&cursor={first['next']}")
    assert [one["name"] for one in rest["items"]] == ["retried"]
    assert rest["next"] is None


def test_a_timeline_comes_as_columns(client, story):
    path = f"flow-runs/{story.id('bad-run')}/timeline"
    line = get(client, path)
    titles = ["t-1", "t-3", "t-5", "t-7", "t-9", "waits"]
    assert line["titles"] == titles
    assert [line["names"][one] for one in line["of"]] == ["add", "mul", "add", "add", "mul", "add"]
    states = [line["states"][one]["name"] for one in line["state"]]
    assert states == ["Failed", "TimedOut", "Completed", "Failed", "Completed", "NotReady"]
    assert line["started"][-1] is None
    assert all(a <= b for a, b in zip(line["created"][:-1], line["ended"][:-1], strict=True))
    paged, cursor = [], None
    while True:
        page = get(client, f"{path}?limit=4" + (f"&cursor={cursor}" if cursor else ""))
        paged += page["titles"]
        cursor = page["next"]
        if cursor is None:
            break
    assert paged == titles
    assert get(client, f"{path}?kind=flow")["titles"] == ["inner-run"]


def test_a_timeline_tells_the_tags_of_each_run(client, story):
    line = get(client, f"flow-runs/{story.id('bad-run')}/timeline")
    tags = {
        title: line["tag_sets"][one]
        for title, one in zip(line["titles"], line["tags"], strict=True)
    }
    assert tags == {
        "t-1": ["odd"],
        "t-3": ["odd", "third"],
        "t-5": ["odd"],
        "t-7": ["odd"],
        "t-9": ["odd", "third"],
        "waits": [],
    }
    assert len(line["tag_sets"]) == 3
    subflows = get(client, f"flow-runs/{story.id('bad-run')}/timeline?kind=flow")
    assert subflows["tag_sets"] == [["nightly", "sub"]]


def test_a_timeline_tells_when_each_attempt_of_a_run_began_and_ended(client, story):
    line = get(client, f"flow-runs/{story.id('good-run')}/timeline")
    [tried] = line["tries"]
    place = line["titles"].index("retried")
    assert (tried["run"], tried["attempts"]) == (place, 2)
    first, failed, again, over = tried["turns"]
    assert (first, over) == (line["started"][place], line["ended"][place])
    assert first < failed < again < over
    attempts = get(client, f"task-runs/{story.id('retried')}")["attempts"]
    known = [one[end] for one in attempts for end in ("started", "ended")]
    origin = datetime.fromisoformat(line["origin"])
    seen = [origin + timedelta(microseconds=one) for one in tried["turns"]]
    assert seen == [datetime.fromisoformat(one) for one in known]


def test_the_last_attempt_of_a_run_that_goes_on_has_no_end(tmp_path):
    story = Story(EmbeddedDatabase(tmp_path))
    flow = story.flow_run("going-on")
    waits, again = story.task_run("waits", flow), story.task_run("again", flow)
    for run in (waits, again):
        story.ends(run, SCHEDULED, "AwaitingRetry")
        story.ends(run, RUNNING, "Retrying", sequence=3)
    story.ends(waits, SCHEDULED, "AwaitingRetry", sequence=4)
    story.told(is_alive=True)
    with served(story.database) as client:
        line = get(client, f"flow-runs/{story.id('going-on')}/timeline")
    assert [len(one["turns"]) for one in line["tries"]] == [4, 3]
    assert line["ended"] == [None, None]


def test_tasks_and_flows_are_summed_by_name(client):
    tasks = get(client, "tasks?days=366")["items"]
    assert [one["name"] for one in tasks] == ["add", "mul"]
    assert tasks[0]["newest"]["key"] == "add-12345678"
    assert tasks[0]["last"]["name"] == "alone"
    flow = get(client, "flows/main?days=366")
    assert flow["last"]["name"] == "stopped-run"
    assert get(client, "flows?search=AI")["items"][0]["name"] == "main"
    assert get(client, "flows?search=nothing")["items"] == []
    first = get(client, "tasks?limit=1")
    assert [one["name"] for one in first["items"]] == ["add"]
    rest = get(client, f"tasks?limit=1&cursor={first['next']}")
    assert ([one["name"] for one in rest["items"]], rest["next"]) == (["mul"], None)
    assert code_of(client.get("/api/flows/no/such")) == (404, "flow_not_found")


def test_the_home_page_is_one_answer(client, story):
    until = "2025-10-09T09:30:00Z"  # the story is of that morning
    home = get(client, f"dashboard?hours=24&until={until}")
    counts = {one["name"]: one["runs"] for one in home["task_runs"]["states"]}
    assert counts == {"Completed": 8, "Cached": 1, "Failed": 2, "TimedOut": 1, "NotReady": 1}
    flows = {one["name"]: one["runs"] for one in home["flow_runs"]["states"]}
    assert flows == {"Completed": 2, "Failed": 1, "Cancelled": 1}
    assert sum(one["runs"] for one in home["per_minute"]) == 13
    assert [one["name"] for one in home["failures"]] == ["bad-run"]
    assert home["running"] == []
    tasks = {one["task"]: one for one in home["tasks"]}
    assert (tasks["add"]["runs"], tasks["add"]["failed"], tasks["add"]["hits"]) == (9, 2, 1)
    assert (tasks["mul"]["runs"], tasks["mul"]["failed"]) == (4, 1)
    assert tasks["mul"]["p50_seconds"] == pytest.approx(0.001, rel=0.1)
    assert home["lateness"][0]["p50_seconds"] == 0
    assert get(client, "dashboard?hours=1&until=2025-01-01T00:00:00Z")["tasks"] == []
