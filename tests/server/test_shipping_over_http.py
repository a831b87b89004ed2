"""Sending logs over HTTP: what is taken, and what is answered to what cannot be."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from litestar.testing import TestClient

from flowstone.core.ids import id_text
from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store.databases import Database
from flowstone.store.receiving import MOST_BYTES
from tests.server.shipping import Stream, runs


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


@pytest.fixture
def client(any_database: Database) -> Iterator[TestClient[Any]]:
    settings = Settings(home=str(any_database.home))
    with TestClient(create_app(any_database, settings), "http://127.0.0.1:4840") as client:
        yield client


def path_of(stream: Stream, query: str = "offset=0") -> str:
    return f"/api/logs/{id_text(stream.log.id)}?{query}"


@pytest.mark.parametrize(
    ("pack", "headers"),
    [
        (bytes, {}),
        (zstd.compress, {"Content-Encoding": "zstd"}),
        (gzip.compress, {"Content-Encoding": "gzip"}),
    ],
)
def test_a_log_may_come_packed_or_as_it_is(
    client: TestClient[Any], any_database: Database, stream: Stream, pack: Any, headers: Any
):
    stream.story(tasks=2)
    answer = client.put(path_of(stream), content=pack(stream.data), headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"offset": len(stream.data), "commands": [], "needs": None}
    assert len(runs(any_database)[1]) == 2


def test_a_gap_is_answered_with_the_offset_to_go_on_from(client: TestClient[Any], stream: Stream):
    stream.story()
    answer = client.put(path_of(stream, "offset=900"), content=stream.data[900:])
    assert answer.status_code == 409
    told = answer.json()
    assert (told["code"], told["details"]) == ("wrong_offset", {"offset": 0})
    assert told["message"]
    assert told["hint"]


def test_what_is_no_log_is_refused(client: TestClient[Any], stream: Stream):
    stream.story()
    bad: list[tuple[int, str, dict[str, Any]]] = [
        (400, path_of(stream), {"content": b"no log at all"}),
        (400, path_of(stream), {"content": b"no zstd", "headers": {"Content-Encoding": "zstd"}}),
        (400, path_of(stream), {"content": b"no gzip", "headers": {"Content-Encoding": "gzip"}}),
        (415, path_of(stream), {"content": b"x", "headers": {"Content-Encoding": "br"}}),
        (400, path_of(stream, "offset=-1"), {"content": stream.data}),
        (400, path_of(stream, "offset=many"), {"content": stream.data}),
        (400, path_of(stream, "offset=99999999999999999999"), {"content": stream.data}),
        (400, path_of(stream, "gap=true"), {"content": stream.data}),
        (404, "/api/logs/no-uuid?offset=0", {"content": stream.data}),
    ]
    for status, path, sent in bad:
        answer = client.put(path, **sent)
        assert (path, answer.status_code) == (path, status)
        assert set(answer.json()) == {"code", "message", "hint", "details"}
    assert client.get("/api/logs").json() == {"items": [], "next": None}


def test_a_body_that_grows_beyond_all_bounds_is_refused(client: TestClient[Any], stream: Stream):
    bomb = zstd.compress(bytes(MOST_BYTES + 1))
    assert len(bomb) < 100_000
    answer = client.put(path_of(stream), content=bomb, headers={"Content-Encoding": "zstd"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_list_of_logs_says_how_it_stands_with_each(client: TestClient[Any], tmp_path: Path):
    streams = [Stream(tmp_path / str(n)) for n in range(3)]
    for one in streams:
        one.story(tasks=1)
        client.put(path_of(one), content=one.data)
    streams[0].data += b"\xff" * 20
    client.put(path_of(streams[0], "offset=0&over=true"), content=streams[0].data)
    page = client.get("/api/logs", params={"limit": 2}).json()
    rest = client.get("/api/logs", params={"limit": 2, "cursor": page["next"]}).json()
    items = [*page["items"], *rest["items"]]
    assert [one["id"] for one in items] == sorted(
        (id_text(one.log.id) for one in streams), reverse=True
    )
    assert rest["next"] is None
    found = {one["id"]: one for one in items}[id_text(streams[0].log.id)]
    assert (found["host"], found["pid"]) == ("here", streams[0].log.pid)
    assert (found["damages"], found["is_silent"], found["needs"]) == (1, False, None)
    assert found["ended"] is not None
    assert client.get("/api/logs?cursor=abc").json()["code"] == "bad_cursor"
