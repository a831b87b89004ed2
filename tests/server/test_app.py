"""What holds for every answer: one shape of errors, headers, compression, bounds."""

from __future__ import annotations

import logging
import os

import pytest
from litestar import Router, get, post
from litestar.testing import TestClient

from flowstone.exceptions import LimitNotFound
from flowstone.server import app as application
from flowstone.server import errors
from flowstone.server.addresses import is_loopback
from flowstone.store.database import database_path
from flowstone.store.databases import EmbeddedDatabase
from flowstone.store.errors import (
    AmbiguousRun,
    DatabaseAway,
    NewerDatabase,
    RunEnded,
    RunNotFound,
    RunStillOpen,
    WriterBusy,
)
from tests.server.serving import HERE, bearer, code_of, made_token, served, settings_for


@pytest.fixture
def database(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return EmbeddedDatabase(home)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server that is only asked, by all tests that do no more."""
    home = tmp_path_factory.mktemp("server") / "home"
    home.mkdir()
    with served(EmbeddedDatabase(home)) as client:
        yield client


class Away(EmbeddedDatabase):
    """A database that cannot be reached."""

    def store(self):
        raise DatabaseAway("No connection to postgresql://there: refused.")

    transaction = store

    def collect(self):
        self.store()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/no-such-thing", (404, "path_not_found")),
        ("POST", "/api/no-such-thing", (404, "path_not_found")),
        ("GET", "/api", (404, "path_not_found")),
        ("GET", "/no-such-file.js", (404, "path_not_found")),
        ("DELETE", "/api/health", (405, "method_not_allowed")),
        ("DELETE", "/api/tokens/no-id", (404, "path_not_found")),
        ("GET", "/api/audit?limit=0", (400, "invalid_request")),
        ("GET", "/api/audit?limit=many", (400, "invalid_request")),
        ("GET", "/api/audit?cursor=!!", (400, "bad_cursor")),
        ("GET", "/api/audit?nme=x", (400, "unknown_parameter")),
        ("GET", "/api/limits?nme=x", (400, "unknown_parameter")),
        ("GET", "/api/logs?nme=x", (400, "unknown_parameter")),
        ("GET", "/api/tokens?nme=x", (400, "unknown_parameter")),
        ("POST", "/api/login", (400, "invalid_request")),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_shape(client, method, path, expected):
    assert code_of(client.request(method, path)) == expected


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"token": 1}', b'{"token": ""}', b"\xff", b'{"x": 1}']
)
def test_a_body_that_does_not_fit_is_refused_and_says_what_is_wrong(client, body):
    answer = client.post("/api/login", content=body)
    assert code_of(answer) == (400, "invalid_request")
    assert len(answer.json()["message"]) > 20


def test_a_wrong_method_says_which_are_right(client):
    answer = client.delete("/api/health")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS"}
    assert "GET" in answer.json()["message"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client):
    answer = client.post("/api/login", content=b" " * (application.LARGEST_BODY + 1))
    assert code_of(answer) == (413, "too_large")


def test_a_body_without_a_length_is_refused_as_soon_as_it_is_too_large(client):
    def pieces():
        for _ in range(20):
            yield b" " * (application.LARGEST_BODY // 10)

    assert code_of(client.post("/api/login", content=pieces())) == (413, "too_large")


def raising(error):
    @get("/broken", sync_to_thread=True)
    def broken() -> None:
        raise error

    return broken


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RunNotFound("no run"), (404, "run_not_found")),
        (AmbiguousRun("two runs"), (409, "ambiguous_run")),
        (RunStillOpen("it runs"), (409, "run_still_open")),
        (RunEnded("it ended"), (409, "run_ended")),
        (LimitNotFound("no limit"), (404, "limit_not_found")),
        (WriterBusy("busy"), (503, "database_busy")),
        (NewerDatabase("newer"), (503, "database_newer")),
        (DatabaseAway("away"), (503, "database_away")),
        (errors.ApiError(418, "teapot", "It is one."), (418, "teapot")),
        (KeyError("secret"), (500, "internal_error")),
    ],
)
def test_errors_of_the_store_have_a_status_and_a_code(database, monkeypatch, error, expected):
    monkeypatch.setattr(application, "ROUTES", [raising(error)])
    with served(database) as client:
        answer = client.get("/api/broken")
    assert code_of(answer) == expected
    assert ("retry-after" in answer.headers) == (expected[0] == 503)


def test_what_nobody_expected_is_in_the_log_and_not_in_the_answer(database, monkeypatch, caplog):
    monkeypatch.setattr(application, "ROUTES", [raising(KeyError("a secret of the inside"))])
    with served(database) as client, caplog.at_level(logging.ERROR, "flowstone.server"):
        answer = client.get("/api/broken")
    assert "a secret of the inside" not in answer.text
    reference = answer.json()["details"]["reference"]
    assert [one for one in caplog.records if reference in one.getMessage() and one.exc_info]


def test_a_database_that_is_away_is_told_and_to_be_tried_again(tmp_path):
    (tmp_path / "home").mkdir()
    with served(Away(tmp_path / "home")) as client:
        answer = client.get("/api/flow-runs")
        assert code_of(answer) == (503, "database_away")
        assert answer.headers["retry-after"]
        assert client.get("/api/health").status_code == 200
        ready = client.get("/api/ready")
        assert ready.status_code == 503
        assert ready.json()["database"] == "DatabaseAway"


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/no-such-thing", "/no.js", "/metrics"])
def test_every_answer_tells_browsers_to_run_nothing_but_our_files(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "cache-control" in headers


def test_large_answers_are_compressed_for_who_takes_that(client):
    plain = client.get("/api/settings", headers={"Accept-Encoding": "identity"})
    packed = client.get("/api/settings", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.json() == plain.json()


def test_the_document_tells_every_path(client):
    document = client.get("/api/schema").json()
    assert document["openapi"].startswith("3.")
    assert {"/api/health", "/api/ready", "/api/tokens", "/api/settings"} <= set(document["paths"])


def test_settings_are_shown_without_secrets(database):
    secrets = {
        "api__key": "flst_abc",
        "server__database__connection_url": "postgresql://me:hush@there/runs",
    }
    with served(database, **secrets) as client:
        text = client.get("/api/settings").text
        found = {one["name"]: one["value"] for one in client.get("/api/settings").json()["items"]}
    assert "flst_abc" not in text
    assert "hush" not in text
    assert found["server.database.connection_url"].endswith("@there/runs")
    assert found["server.api.port"] == 4840


def test_the_server_tells_how_its_services_are_and_how_large_its_database_is(database):
    with database.transaction():  # which makes it
        pass
    with served(database) as client:
        shown = client.get("/api/server").json()
    assert shown["database"] == "sqlite"
    assert shown["database_bytes"] >= os.stat(database_path(database.home)).st_size > 0
    services = {one["name"]: one for one in shown["services"]}
    assert services["collect"]["error"] == ""
    assert services["collect"]["is_late"] is False
    assert services["retention"]["failures"] == 0


def test_how_the_server_is_may_be_asked_by_admins_only(database):
    made_token(database, "admin")
    headers = bearer(made_token(database, "run"))
    with served(database) as client:
        assert code_of(client.get("/api/server", headers=headers)) == (403, "scope_too_small")


def test_each_setting_says_where_its_value_comes_from(database, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_LOGGING_LEVEL", "DEBUG")
    with served(database, logging__level=10, server__api__port=4999) as client:
        found = {one["name"]: one["source"] for one in client.get("/api/settings").json()["items"]}
    assert found["logging.level"] == "FLOWSTONE_LOGGING_LEVEL"
    assert found["server.api.port"] == "start"
    assert found["retention.runs_days"] == "default"


def test_settings_are_shown_where_a_file_of_them_was_spoilt_since(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowstone.toml").write_text("logging = [")
    with served(database, logging__level=10) as client:
        found = {one["name"]: one["source"] for one in client.get("/api/settings").json()["items"]}
    assert found["logging.level"] == "start"
    assert found["retention.runs_days"] == "default"


def test_metrics_count_answers_by_path_and_never_by_what_was_asked_for(client):
    for number in range(5):
        client.get(f"/api/task-runs/{number}")
        client.get(f"/api/nothing-{number}")
    client.get("/api/health")
    text = client.get("/metrics").text
    line = 'flowstone_http_answers_total{method="GET",path="/api/health",status="200"} '
    assert line in text
    assert "nothing-" not in text
    assert 'flowstone_service_late{service="collect"} 0' in text.splitlines()
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        assert line.startswith("# ") or (name and float(value) >= 0)


def test_a_route_without_a_scope_is_not_for_readers_unless_it_reads(database, monkeypatch):
    @post("/change", sync_to_thread=True)
    def change() -> None: ...

    @get("/look", sync_to_thread=True)
    def look() -> None: ...

    monkeypatch.setattr(application, "ROUTES", [Router("/", route_handlers=[change, look])])
    headers = bearer(made_token(database, "read"))
    with served(database) as client:
        assert client.get("/api/look", headers=headers).status_code == 200
        assert code_of(client.post("/api/change", headers=headers)) == (403, "scope_too_small")


def test_an_application_asks_for_no_more_than_its_settings_say(database):
    app = application.create_app(database, settings_for(database, server__api__host="0.0.0.0"))
    with TestClient(app, base_url=HERE) as client:
        assert client.get("/api/health").status_code == 200
        assert code_of(client.get("/api/session")) == (401, "not_authenticated")
    assert is_loopback("127.0.0.2")
    assert not is_loopback("0.0.0.0")
