"""The document of the API: it tells of every path, and every answer is as it says."""

from __future__ import annotations

import pytest

from tests.faults.schema_loop import ask_server_over


@pytest.fixture(scope="module")
def document(told):
    client, _ = told
    return client.get("/api/schema/openapi.json").json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_does_and_how_it_fails(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert len(operation["summary"]) < 100, name
        answers = operation["responses"]
        assert {"4XX", "503"} <= set(answers), name
        for status in ("4XX", "503"):
            error = answers[status]["content"]["application/json"]["schema"]
            assert error == {"$ref": "#/components/schemas/Error"}, name
    error = document["components"]["schemas"]["Error"]
    assert error["required"] == ["code", "message", "hint", "details"]


def test_every_parameter_of_a_list_says_what_it_means(document):
    for name in ("/api/flow-runs", "/api/task-runs", "/api/log-lines", "/api/artifacts"):
        for one in document["paths"][name]["get"]["parameters"]:
            assert one["description"], (name, one["name"])
        (limit,) = (
            one for one in document["paths"][name]["get"]["parameters"] if one["name"] == "limit"
        )
        assert (limit["schema"]["minimum"], limit["schema"]["maximum"]) == (1, 1000)


def test_the_document_is_also_a_page_to_read(told):
    client, _ = told
    page = client.get("/api/reference")
    assert page.headers["content-type"].startswith("text/html")
    assert "GET /api/flow-runs/{run_id}" in page.text
    assert "<script" not in page.text


@pytest.mark.faults
@pytest.mark.timeout(280)
def test_whatever_is_asked_the_answer_is_as_the_document_says(any_database):
    for seconds in (20, 90):  # on a busy machine preparing takes all of the shorter time
        asked = ask_server_over(any_database, seconds, "fuzzing")
        assert asked.is_right, asked.text
        if asked.cases > 10:
            return
    raise AssertionError(f"{asked.cases} cases: {asked.text}")
