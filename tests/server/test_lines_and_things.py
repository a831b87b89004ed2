"""Log lines, artifacts, variables and saved filters, as the page and the client use them."""

from __future__ import annotations

import pytest

from flowstone.core.facts import ArtifactWritten
from flowstone.store.reading import lines as reading
from tests.server.serving import code_of, served
from tests.server.stories import Story
from tests.store.segments import LogBuilder

NOBODY = "0199a3c2-6f31-7c1a-9d2e-5b0f4a7c8e11"


@pytest.fixture
def story(any_database):
    """Give a flow run with sixty lines, of two tasks, and versions of two artifacts."""
    story = Story(any_database)
    run = story.flow_run("talks")
    first, second = story.task_run("add-0", run), story.task_run("mul-0", run, task=1)
    for index in range(60):
        task = (first, second, None)[index % 3]
        message = f"Line {index} says {'50%' if index % 10 == 0 else 'nothing'} of note_{index}"
        level = 40 if index % 20 == 5 else 20
        story.add(story.log.line(message, flow_run=run, task_run=task, level=level))
    for index in range(3):
        made = ArtifactWritten(
            story.log.ids.new(story.log.tick()),
            "table" if index < 2 else "markdown",
            "report" if index < 2 else "notes",
            story.log.clock,
            "x" * 900 + str(index),
            None,
            run,
            first,
        )
        story.add(made)
    story.ends(run)
    return story.told()


@pytest.fixture
def client(story):
    with served(story.database) as client:
        yield client


def numbers(answer):
    assert answer.status_code == 200, answer.text
    return [int(one["message"].split()[1]) for one in answer.json()["items"]]


def paged(client, path, limit):
    found, cursor = [], None
    for _ in range(200):
        answer = client.get(f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        found += numbers(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            return found
    raise AssertionError(path)


def test_lines_are_found_by_run_level_task_and_words(client, story):
    path = f"/api/log-lines?flow_run={story.id('talks')}"
    everything = list(range(60))
    assert numbers(client.get(f"{path}&limit=100")) == everything
    assert paged(client, path, 7) == everything
    assert paged(client, f"{path}&newest_first=true", 7) == everything[::-1]
    assert numbers(client.get(f"{path}&level=40")) == [5, 25, 45]
    assert numbers(client.get(f"{path}&level=30&newest_first=true")) == [45, 25, 5]
    assert numbers(client.get(f"{path}&task=mul&level=40")) == [25]
    assert numbers(client.get(f"/api/log-lines?task_run={story.id('add-0')}"))[:3] == [0, 3, 6]
    texts = {
        "50%25": [0, 10, 20, 30, 40, 50],
        "LINE 50%25": [0, 10, 20, 30, 40, 50],
        "50%25 -%22line 3%22": [0, 10, 20, 40, 50],
        "%22says nothing of note_7%22": [7],
        "note_1": [1, *range(10, 20)],
        "note%251": [],
        "-says": [],
    }
    for text, found in texts.items():
        assert numbers(client.get(f"{path}&text={text}&limit=100")) == found, text
    item = client.get(f"{path}&limit=1").json()["items"][0]
    assert (item["task"], item["task_run_name"], item["flow_run_name"]) == ("add", "add-0", "talks")


def test_a_search_goes_through_a_bounded_stretch_at_a_time(client, story, monkeypatch):
    monkeypatch.setattr(reading, "WALKED", 4)
    path = f"/api/log-lines?flow_run={story.id('talks')}&text=note_57"
    page = client.get(path).json()
    assert page["items"] == []
    assert page["searched_to"]
    assert paged(client, path, 50) == [57]
    assert paged(client, f"{path}&newest_first=true", 50) == [57]


def test_who_follows_gets_each_line_once_also_of_a_slower_process(client, story):
    run = story.ids["talks"]
    path = f"/api/log-lines/follow?flow_run={story.id('talks')}"
    first = client.get(f"{path}&limit=1000").json()
    assert len(first["items"]) == 60
    other = Story(story.database)
    other.log = LogBuilder(story.database.home)
    early = story.log.clock - 1_000_000
    other.records = [
        other.log.line("Line 100 of another process", flow_run=run, at=early),
        other.log.line("Line 101 of it", flow_run=run, at=story.log.clock + 1_000_000),
    ]
    other.told()
    second = client.get(f"{path}&since={first['follow']}").json()
    assert [one["message"][:8] for one in second["items"]] == ["Line 100", "Line 101"]
    third = client.get(f"{path}&since={second['follow']}").json()
    assert third["items"] == []
    listed = client.get(f"/api/log-lines?flow_run={story.id('talks')}&limit=10").json()
    after = client.get(f"{path}&since={listed['follow']}&limit=1000").json()
    assert numbers_of(after) == [*range(10, 60), 100, 101]


def test_who_follows_passes_over_no_line_that_was_written_before_an_older_one(client, story):
    run, at = story.ids["talks"], story.log.clock + 1_000_000
    other = Story(story.database)
    other.log = LogBuilder(story.database.home)
    moments = [0, 1, 3, 2, 4, 5]  # the third line was made after the fourth one
    other.records = [
        other.log.line(f"Line {100 + number} of threads", flow_run=run, at=at + 1000 * moment)
        for number, moment in enumerate(moments)
    ]
    other.told()
    path = f"/api/log-lines/follow?flow_run={story.id('talks')}&limit=9"
    page, found = client.get(path).json(), []
    while page["items"]:
        found += numbers_of(page)
        page = client.get(f"{path}&since={page['follow']}").json()
    assert sorted(found) == [*range(60), *range(100, 106)]


def numbers_of(page):
    return sorted(int(one["message"].split()[1]) for one in page["items"])


def test_lines_are_downloaded_as_text(client, story):
    answer = client.get(f"/api/log-lines/download?flow_run={story.id('talks')}&level=40")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    lines = answer.text.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("| ERROR    | talks | Line 5 says nothing of note_5")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "run_missing"),
        ("?flow_run=x", "bad_id"),
        (f"?flow_run={NOBODY}&level=-1", "invalid_request"),
        (f"?flow_run={NOBODY}&cursor=xyz", "bad_cursor"),
        (f"?flow_run={NOBODY}&text=%00", "bad_text"),
        (f"?flow_run={NOBODY}&txt=a", "unknown_parameter"),
    ],
)
def test_lines_of_no_run_are_refused_in_words(told, query, code):
    client, _ = told
    assert code_of(client.get(f"/api/log-lines{query}")) == (400, code)
    assert numbers(client.get(f"/api/log-lines?flow_run={NOBODY}")) == []


def test_artifacts_are_listed_by_key_and_by_version(client, story):
    newest = client.get("/api/artifacts/newest").json()["items"]
    assert [(one["key"], one["type"]) for one in newest] == [
        ("notes", "markdown"),
        ("report", "table"),
    ]
    assert len(newest[1]["data"]) == 500
    first = client.get("/api/artifacts/newest?limit=1").json()
    rest = client.get(f"/api/artifacts/newest?limit=1&cursor={first['next']}").json()
    assert [one["key"] for one in first["items"] + rest["items"]] == ["notes", "report"]
    assert rest["next"] is None
    assert len(client.get("/api/artifacts/newest?type=table").json()["items"]) == 1
    for search, keys in (("REP", ["report"]), ("o", ["notes", "report"]), ("x", [])):
        found = client.get(f"/api/artifacts/newest?search={search}").json()["items"]
        assert [one["key"] for one in found] == keys
    history = client.get("/api/artifacts?key=report").json()["items"]
    assert history[0]["id"] == newest[1]["id"]
    assert len(history) == 2
    page = client.get(f"/api/artifacts?flow_run={story.id('talks')}&limit=2").json()
    more = client.get(
        f"/api/artifacts?flow_run={story.id('talks')}&limit=2&cursor={page['next']}"
    ).json()
    assert (len(page["items"]), len(more["items"]), more["next"]) == (2, 1, None)
    path = f"/api/artifacts/{newest[1]['id']}"
    whole = client.get(path)
    assert whole.json()["data"] == "x" * 900 + "1"
    assert client.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert client.delete(path).status_code == 204
    assert code_of(client.delete(path)) == (404, "artifact_not_found")
    assert (
        client.get("/api/artifacts/newest?type=table").json()["items"][0]["id"] != newest[1]["id"]
    )


def test_variables_are_set_listed_and_deleted(client):
    for name in ("b", "a", "c-1"):
        answer = client.put(f"/api/variables/{name}", json={"value": {"is": name}, "tags": ["t"]})
        assert answer.status_code == 200, answer.text
    assert client.get("/api/variables/a").json()["value"] == {"is": "a"}
    first = client.get("/api/variables?limit=2").json()
    rest = client.get(f"/api/variables?limit=2&cursor={first['next']}").json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["a", "b", "c-1"]
    client.put("/api/variables/a", json={"value": "zero\x00byte"})
    changed = client.get("/api/variables/a").json()
    assert (changed["value"], changed["tags"]) == ("zero\x00byte", ["t"])
    assert client.get("/api/variables?tag=none").json()["items"] == []
    taken = client.put("/api/variables/a?overwrite=false", json={"value": 1})
    assert code_of(taken) == (409, "variable_exists")
    long = client.put("/api/variables/a", json={"value": "x" * 5000})
    assert code_of(long) == (400, "value_too_long")
    assert code_of(client.put("/api/variables/A", json={"value": 1})) == (400, "invalid_request")
    assert client.delete("/api/variables/a").status_code == 204
    assert code_of(client.get("/api/variables/a")) == (404, "variable_not_found")
    assert code_of(client.delete("/api/variables/a")) == (404, "variable_not_found")


def test_filters_are_saved_under_a_name_for_a_view(client):
    made = client.post(
        "/api/filters",
        json={"view": "flow-runs", "name": "bad ones", "query": {"state_type": ["FAILED"]}},
    ).json()
    again = client.post(
        "/api/filters", json={"view": "flow-runs", "name": "bad ones", "query": {"name": "x"}}
    ).json()
    assert (again["id"], again["query"]) == (made["id"], {"name": "x"})
    client.post("/api/filters", json={"view": "tasks", "name": "mine", "query": {}})
    assert len(client.get("/api/filters").json()["items"]) == 2
    (one,) = client.get("/api/filters?view=tasks").json()["items"]
    assert client.get(f"/api/filters/{one['id']}").json() == one
    assert client.delete(f"/api/filters/{one['id']}").status_code == 204
    assert code_of(client.get(f"/api/filters/{one['id']}")) == (404, "filter_not_found")
    bad = client.post("/api/filters", json={"view": "nothing", "name": "x", "query": {}})
    assert code_of(bad) == (400, "invalid_request")
