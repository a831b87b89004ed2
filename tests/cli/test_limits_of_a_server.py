"""The commands of limits, where the settings name a server."""

from __future__ import annotations

import json

import pytest

from flowstone.drive.limits.remote import Server, remote_limits
from flowstone.drive.limits.requests import Request
from flowstone.store.databases import EmbeddedDatabase
from tests.limits.test_limiter import wait
from tests.server.listening import Listening

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server(tmp_path, monkeypatch):
    place = tmp_path / "of the server"
    place.mkdir()
    with Listening(EmbeddedDatabase(place)) as server:
        monkeypatch.setenv("FLOWSTONE_API_URL", server.url)
        yield server


def test_limits_of_a_server_are_made_listed_inspected_and_deleted(server, home, cli):
    assert cli("gcl", "create", "db", "--limit", "1")[1] == "Created limit db (1).\n"
    limiter = remote_limits(Server(url=server.url)).limiter
    held, waits = Request(["db"], label="task run load-0"), Request(["db"], label="task run load-1")
    limiter.ask(held)
    assert wait(held)
    limiter.ask(waits)
    assert not wait(waits, 0.5)
    shown = json.loads(cli("gcl", "inspect", "db", "-o", "json")[1])
    assert (shown["active_slots"], shown["waiting"]) == (1, 1)
    assert shown["holders"][0]["holder"] == "task run load-0"
    assert shown["waiters"][0]["waiter"] == "task run load-1"
    assert "task run load-1" in cli("gcl", "inspect", "db")[1]
    assert "db" in cli("gcl", "ls")[1]
    assert cli("gcl", "update", "db", "--limit", "2")[0] == 0
    assert wait(waits)
    held.release()
    waits.release()
    assert cli("gcl", "delete", "db")[0] == 0
    assert "no limit 'db'" in cli("gcl", "inspect", "db")[2]
    assert not (home / "limits").exists()


def test_limits_of_tags_are_made_and_reset_at_a_server(server, home, cli):
    assert cli("concurrency-limit", "create", "db", "1")[0] == 0
    held = Request(["tag:db"])
    remote_limits(Server(url=server.url)).limiter.ask(held)
    assert wait(held)
    assert "Ended 1 lease of tag db" in cli("concurrency-limit", "reset", "db")[1]
    held.release()
    assert cli("concurrency-limit", "delete", "db")[0] == 0


def test_a_server_that_is_away_is_named(home, cli, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_API_URL", "http://127.0.0.1:9")
    code, _, err = cli("gcl", "ls")
    assert code == 1
    assert "http://127.0.0.1:9" in err
    assert "cannot be reached" in err
