"""Lists of runs: every filter, the pages of each, and what is no filter."""

from __future__ import annotations

import pytest

from flowstone.store.reading import listing
from tests.server.serving import code_of


@pytest.fixture
def client(told):
    return told[0]


def names(client, path, query=""):
    answer = client.get(f"/api/{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


ALL = ["alone", "waits", "retried", *(f"t-{index}" for index in range(9, -1, -1))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("order=oldest", ALL[::-1]),
        ("state=failed", ["t-7", "t-3", "t-1"]),
        ("state=TimedOut", ["t-3"]),
        ("state=timedout&state=Cached", ["t-4", "t-3"]),
        ("state_type=FAILED", ["t-7", "t-3", "t-1"]),
        ("state_type=FAILED&state=TimedOut", ["t-3"]),
        ("state=NotReady", ["waits"]),
        ("state=no-such-state", []),
        ("task=mul", ["t-9", "t-6", "t-3", "t-0"]),
        ("task=mul&state=failed", ["t-3"]),
        ("task=none", []),
        ("flow=main&task=mul&state_type=COMPLETED", ["t-9", "t-6", "t-0"]),
        ("flow=other", []),
        ("tag=even&tag=third", ["t-6", "t-0"]),
        ("any_tag=third&any_tag=odd", ["t-9", "t-7", "t-6", "t-5", "t-3", "t-1", "t-0"]),
        ("any_tag=third&no_tag=odd", ["t-6", "t-0"]),
        ("no_tag=odd&no_tag=even", ["alone", "waits", "retried"]),
        ("name=ALO", ["alone"]),
        ("name=t-", [f"t-{index}" for index in range(9, -1, -1)]),
        ("name=%25", []),
        ("name=_", []),
        ("min_attempt=2", ["retried"]),
        ("max_attempt=0", ["waits"]),
        ("has_parent=true", []),
        ("is_open=true", []),
        ("min_seconds=0.003", ["retried"]),
        ("max_seconds=0.0005", []),
        ("created_after=2100-01-01T00:00:00Z", []),
        ("created_before=2000-01-01T00:00:00Z", []),
        ("ended_after=2025-01-01T00:00:00Z&state=failed", ["t-7", "t-3", "t-1"]),
        ("started_before=2025-01-01T00:00:00", []),
        ("created_before=9999-12-31T00:00:00Z&created_after=0001-01-01T00:00:00Z", ALL),
    ],
)
def test_task_runs_are_narrowed_by_every_column(client, query, found):
    assert names(client, "task-runs", query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["stopped-run", "inner-run", "bad-run", "good-run"]),
        ("order=oldest", ["good-run", "bad-run", "inner-run", "stopped-run"]),
        ("state=cancelled", ["stopped-run"]),
        ("flow=main&state_type=FAILED", ["bad-run"]),
        ("tag=nightly", ["inner-run", "bad-run"]),
        ("tag=nightly&no_tag=sub", ["bad-run"]),
        ("has_parent=true", ["inner-run"]),
        ("has_parent=false&name=RUN", ["stopped-run", "bad-run", "good-run"]),
        ("is_seen=true", []),
    ],
)
def test_flow_runs_are_narrowed_by_every_column(client, query, found):
    assert names(client, "flow-runs", query) == found


def test_runs_of_one_flow_run_are_listed(client):
    (bad,) = client.get("/api/flow-runs?name=bad").json()["items"]
    within = f"flow_run={bad['id']}"
    assert names(client, "task-runs", within) == ["waits", "t-9", "t-7", "t-5", "t-3", "t-1"]
    assert names(client, "task-runs", f"{within}&state=failed") == ["t-7", "t-3", "t-1"]
    assert names(client, "task-runs", f"{within}&state=failed&task=mul") == ["t-3"]
    assert names(client, "flow-runs", f"parent_flow_run={bad['id']}") == ["inner-run"]
    counts = {one["name"]: one["runs"] for one in bad["task_runs"]}
    assert counts == {"Completed": 2, "Failed": 2, "TimedOut": 1, "NotReady": 1}


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize(
    "query",
    ["", "any_tag=third&any_tag=odd", "state=completed&state=failed", "name=t-", "flow=main"],
)
@pytest.mark.parametrize("walked", [1, 3, 5000])
def test_pages_follow_each_other_without_gap_or_repeat(client, monkeypatch, order, query, walked):
    whole = names(client, "task-runs", f"{query}&order={order}")
    monkeypatch.setattr(listing, "WALKED", walked)
    paged, cursor, pages = [], "", 0
    while cursor is not None:
        path = f"/api/task-runs?{query}&order={order}&limit=2"
        page = client.get(f"{path}&cursor={cursor}" if cursor else path).json()
        paged += [one["name"] for one in page["items"]]
        assert len(page["items"]) == 2 or page["searched_to"] or page["next"] is None
        cursor, pages = page["next"], pages + 1
        assert pages < 100
    assert paged == whole


def test_a_page_that_found_little_in_its_stretch_says_how_far_it_came(client, monkeypatch):
    monkeypatch.setattr(listing, "WALKED", 4)
    page = client.get("/api/task-runs?name=t-0&limit=5").json()
    assert page["items"] == []
    assert page["next"]
    assert page["searched_to"].startswith("2025-10-09T")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("stat=failed", "unknown_parameter"),
        ("limit=0", "invalid_request"),
        ("limit=1001", "invalid_request"),
        ("limit=many", "invalid_request"),
        ("cursor=nonsense", "bad_cursor"),
        ("cursor=xAF4", "bad_cursor"),
        ("cursor=%C3%A4", "bad_cursor"),
        ("state_type=failed", "invalid_request"),
        ("order=sideways", "invalid_request"),
        ("created_after=yesterday", "invalid_request"),
        ("min_seconds=-1", "invalid_request"),
        ("min_seconds=nan", "invalid_request"),
        ("flow_run=xyz", "bad_id"),
        ("parent=12", "bad_id"),
        ("name=%00", "bad_text"),
        ("is_open=perhaps", "invalid_request"),
    ],
)
def test_what_is_no_filter_is_refused_in_words(client, query, code):
    assert code_of(client.get(f"/api/task-runs?{query}")) == (400, code)


def test_a_misspelt_filter_is_told_what_was_meant(client):
    hint = client.get("/api/flow-runs?parent_flow=1").json()["hint"]
    assert "'parent_flow_run'" in hint
