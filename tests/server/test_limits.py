"""Limits through the API: made, changed, shown, and slots on leases; on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from litestar.testing import TestClient

from flowstone.drive.limits.local import local_limits
from flowstone.drive.limits.requests import Request
from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store.databases import Database, EmbeddedDatabase


class Caller:
    """A process that asks a server for slots, as the API has it."""

    def __init__(self, client: TestClient[Any], name: str = "worker") -> None:
        self.client = client
        self.about = {"id": str(uuid4()), "host": name, "pid": 42}
        self.known: dict[str, Any] = {}

    def acquire(self, *asks: dict[str, Any], wait: float = 0, **more: Any) -> dict[str, Any]:
        body = {"client": self.about, "asks": asks, "wait_seconds": wait, **self.known, **more}
        answer = self.client.post("/api/limits/acquire", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        numbers = [one["number"] for one in told["settled"]]
        self.known = {
            "registration": told["registration"],
            "version": told["version"],
            "settled": max(numbers, default=self.known.get("settled", 0)),
        }
        return told

    def ask(self, *names: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """Ask for a slot; return the id of the ask, and the answer."""
        key = str(uuid4())
        return key, self.acquire({"id": key, "names": names, **more})

    def has(self, *names: str, **more: Any) -> str:
        """Ask for a slot that is free; return the id."""
        key, told = self.ask(*names, **more)
        assert [one["id"] for one in told["settled"]] == [key]
        assert told["settled"][0]["error"] is None
        return key

    def release(self, *ids: str) -> None:
        body = {"client": self.about, "ids": ids}
        assert self.client.post("/api/limits/release", json=body).status_code == 200

    def renew(self, *ids: str) -> list[str]:
        body = {"client": self.about, "ids": ids}
        lapsed: list[str] = self.client.post("/api/limits/renew", json=body).json()["lapsed"]
        return lapsed


@pytest.fixture
def client(any_database: Database) -> Iterator[TestClient[Any]]:
    app = create_app(any_database, Settings(home=str(any_database.home)))
    with TestClient(app, base_url="http://127.0.0.1:4840") as client:
        yield client


@pytest.fixture
def create(client):
    """Make a limit; gives its path."""

    def create(name, limit, **more):
        made = client.post("/api/limits", json={"name": name, "limit": limit, **more})
        assert made.status_code == 201, made.text
        return f"/api/limits/{made.json()['id']}"

    return create


@pytest.fixture
def caller(client):
    return Caller(client)


def ended_by(call, seconds=5.0):
    """Wait until a call gives something true; return it."""
    until = time.monotonic() + seconds
    while not (found := call()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def test_a_limit_is_made_shown_changed_and_deleted(client, create):
    path = create("db", 3)
    shown = client.get(path).json()
    assert (shown["name"], shown["limit"], shown["active"]) == ("db", 3, True)
    assert (shown["used"], shown["waiting"], shown["holders"]) == (0, 0, [])
    changed = client.patch(path, json={"limit": 5, "active": False})
    assert (changed.json()["limit"], changed.json()["active"]) == (5, False)
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["code"] == "limit_not_found"


def test_lists_are_by_name_and_go_on_behind_their_cursor(client, create):
    for name in ("tag:db", "api", "tag:gpu"):
        create(name, 1)
    first = client.get("/api/limits", params={"limit": 2}).json()
    assert [one["name"] for one in first["items"]] == ["api", "tag:db"]
    rest = client.get("/api/limits", params={"limit": 2, "cursor": first["next"]}).json()
    assert [one["name"] for one in rest["items"]] == ["tag:gpu"]
    assert rest["next"] is None
    tags = client.get("/api/limits", params={"prefix": "tag:"}).json()["items"]
    assert [one["name"] for one in tags] == ["tag:db", "tag:gpu"]
    [one] = client.get("/api/limits", params={"name": "api"}).json()["items"]
    assert one["name"] == "api"


NO_LIMITS = [
    ({"name": "db", "limit": 2}, 409),
    ({"name": "", "limit": 2}, 400),
    ({"name": "x" * 1001, "limit": 2}, 400),
    ({"name": "é" * 600, "limit": 2}, 400),
    ({"name": "a\0b", "limit": 2}, 400),
    ({"name": "x", "limit": -1}, 400),
    ({"name": "x", "limit": 1 << 40}, 400),
    ({"name": "x", "limit": "two"}, 400),
    ({"name": "x", "limit": 1, "slot_decay_per_second": -1}, 400),
    ({"name": "x", "limit": 1, "decay": 1}, 400),
    ({"limit": 1}, 400),
]


def test_what_cannot_be_a_limit_is_refused_with_a_reason(client, create):
    create("db", 1)
    for body, status in NO_LIMITS:
        answer = client.post("/api/limits", json=body)
        assert answer.status_code == status, body
        assert answer.json()["message"]
    assert [one["name"] for one in client.get("/api/limits").json()["items"]] == ["db"]


def test_bad_ids_cursors_and_empty_changes_are_clear_errors(client, create):
    path = create("db", 1)
    assert client.get(f"/api/limits/{uuid4()}").status_code == 404
    assert client.get("/api/limits/nonsense").status_code == 404
    assert client.get("/api/limits", params={"cursor": "%%"}).json()["code"] == "bad_cursor"
    assert client.get("/api/limits", params={"limit": 0}).status_code == 400
    assert client.patch(path, json={}).json()["code"] == "nothing_to_change"


NO_ASKS: list[dict[str, Any]] = [
    {"names": []},
    {"names": ["db"], "occupy": 0},
    {"names": ["db"], "occupy": -1},
    {"names": ["db"], "lease_seconds": 0},
    {"names": ["db"], "run": "nonsense"},
    {"names": ["db"], "id": "nonsense"},
    {"names": ["a\0b"]},
    {"names": "db"},
]


def test_what_cannot_be_asked_for_is_refused(client, caller):
    for ask in NO_ASKS:
        body = {"client": caller.about, "asks": [{"id": str(uuid4()), **ask}]}
        answer = client.post("/api/limits/acquire", json=body)
        assert answer.status_code == 400, ask
        assert answer.json()["code"] == "invalid_request"


def test_no_more_slots_are_given_than_there_are_and_the_first_to_wait_is_next(client, create):
    path = create("db", 2)
    callers = [Caller(client, f"host-{number}") for number in range(4)]
    held = [callers[0].has("db", label="task run load-0"), callers[1].has("db")]
    third, told = callers[2].ask("db", label="task run load-2")
    assert told["settled"] == []
    assert told["waiting"][0]["reason"] == "limit db (2 of 2), position 1"
    fourth, told = callers[3].ask("db")
    assert told["waiting"][0]["reason"] == "limit db (2 of 2), position 2"
    shown = client.get(path).json()
    assert (shown["used"], shown["waiting"]) == (2, 2)
    assert [(one["host"], one["pid"]) for one in shown["holders"]] == [
        ("host-0", 42),
        ("host-1", 42),
    ]
    assert shown["holders"][0]["label"] == "task run load-0"
    assert shown["holders"][0]["until"] > shown["holders"][0]["since"]
    assert [(one["position"], one["host"], one["label"]) for one in shown["waiters"]] == [
        (1, "host-2", "task run load-2"),
        (2, "host-3", ""),
    ]
    callers[0].release(held[0])
    assert [one["id"] for one in callers[2].acquire(wait=5)["settled"]] == [third]
    assert callers[3].acquire()["settled"] == []
    callers[1].release(held[1])
    assert [one["id"] for one in callers[3].acquire(wait=5)["settled"]] == [fourth]


def test_who_waits_is_told_as_soon_as_a_slot_is_free(client, create, caller):
    """E6, E7: a release wakes nobody; waits of minutes beside a free slot."""
    create("db", 1)
    held = caller.has("db")
    other = Caller(client)
    key, _ = other.ask("db")
    moments = []

    def wait():
        told = other.acquire(wait=20)
        moments.append(time.monotonic())
        assert [one["id"] for one in told["settled"]] == [key]

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    released = time.monotonic()
    caller.release(held)
    thread.join()
    assert moments[0] - released < 2


def test_an_answer_that_was_lost_is_given_again_and_nothing_is_taken_twice(client, create, caller):
    """E3: a counter and the leases come apart."""
    path = create("db", 2)
    ask = {"id": str(uuid4()), "names": ["db"]}
    first = caller.acquire(ask)
    caller.known["settled"] = 0
    again = caller.acquire(ask)
    assert again["settled"] == first["settled"]
    assert client.get(path).json()["used"] == 1
    caller.acquire(release=[ask["id"]])
    caller.release(ask["id"])
    assert client.get(path).json()["used"] == 0


def test_a_lease_that_is_renewed_goes_on_and_one_that_is_not_ends(client, create):
    """E5: a lease that was just renewed is taken away by what looks for old ones."""
    path = create("db", 2)
    kept, left = Caller(client), Caller(client)
    keeps, leaves = kept.has("db", lease_seconds=1), left.has("db", lease_seconds=1)

    def renewed():
        assert kept.renew(keeps) == []
        return client.get(path).json()["used"] == 1

    ended_by(renewed)
    assert left.renew(leaves) == [leaves]
    assert kept.renew(keeps) == []


def test_a_lease_that_lapsed_is_taken_up_above_the_limit_and_counted(client, create):
    """E4: a lease that was lost ends healthy runs."""
    path = create("db", 1)
    stopped, other = Caller(client), Caller(client)
    late = stopped.has("db", lease_seconds=1)
    ended_by(lambda: client.get(path).json()["used"] == 0)
    other.has("db")
    assert stopped.renew(late) == [late]
    told = stopped.acquire({"id": late, "names": ["db"], "is_running": True})
    assert [(one["id"], one["is_over"]) for one in told["settled"]] == [(late, True)]
    shown = client.get(path).json()
    assert (shown["used"], shown["overlaps"]) == (2, 1)


def test_a_lease_that_lapsed_is_no_overlap_where_nobody_was_let_in(client, create, caller):
    path = create("db", 1)
    late = caller.has("db", lease_seconds=1)
    ended_by(lambda: client.get(path).json()["used"] == 0)
    told = caller.acquire({"id": late, "names": ["db"], "is_running": True})
    assert [one["is_over"] for one in told["settled"]] == [False]
    shown = client.get(path).json()
    assert (shown["used"], shown["overlaps"]) == (1, 0)


def test_several_limits_are_had_together_or_not_at_all(client, create):
    paths = [create("db", 1), create("gpu", 1)]
    one, both = Caller(client), Caller(client)
    held = one.has("gpu")
    key, told = both.ask("db", "gpu")
    assert told["waiting"][0]["reason"] == "limit gpu (1 of 1), position 1"
    assert [client.get(path).json()["used"] for path in paths] == [0, 1]
    one.release(held)
    assert [one["id"] for one in both.acquire(wait=5)["settled"]] == [key]
    assert [client.get(path).json()["used"] for path in paths] == [1, 1]


def test_others_pass_a_request_that_cannot_use_a_free_slot_yet(client, create):
    create("db", 1)
    create("gpu", 1)
    holder, both, passes = Caller(client), Caller(client), Caller(client)
    holder.has("gpu")
    both.ask("db", "gpu")
    key, _ = passes.ask("db")
    assert [one["id"] for one in passes.acquire(wait=10)["settled"]] == [key]


def test_more_than_the_limit_and_no_limit_at_all_are_told_at_once(client, create, caller):
    create("db", 2)
    _, told = caller.ask("db", occupy=3)
    assert "Asked for 3 of the limit 'db', which is 2." in told["settled"][0]["error"]
    _, told = caller.ask("nothing")
    assert (told["settled"][0]["error"], told["settled"][0]["missing"]) == (None, ["nothing"])
    _, told = caller.ask("db", is_rate=True)
    assert "is no rate" in told["settled"][0]["error"]


def test_a_rate_lets_as_many_pass_as_become_free(client, create, caller):
    path = create("api", 2, slot_decay_per_second=0.5)
    began = time.monotonic()
    first, second = caller.has("api", is_rate=True), caller.has("api", is_rate=True)
    key, told = caller.ask("api", is_rate=True)
    assert told["settled"] == []
    assert told["waiting"][0]["reason"] == "rate limit api (2 of 2), position 1"
    assert [one["id"] for one in caller.acquire(wait=10)["settled"]] == [key]
    assert time.monotonic() - began > 1.9
    caller.release(first, second, key)
    assert client.get(path).json()["level"] > 0


def test_a_limit_that_is_raised_lowered_or_deleted_lets_in_who_waits(client, create):
    path = create("db", 0)
    callers = [Caller(client) for _ in range(3)]
    _, told = callers[0].ask("db")
    assert told["settled"][0]["error"]  # no slot can ever be had
    client.patch(path, json={"limit": 1})
    callers[0].has("db")
    keys = [callers[number].ask("db")[0] for number in (1, 2)]
    client.patch(path, json={"limit": 2})
    assert [one["id"] for one in callers[1].acquire(wait=5)["settled"]] == [keys[0]]
    assert client.patch(path, json={"limit": 1}).json()["used"] == 2
    client.delete(path)
    assert [one["id"] for one in callers[2].acquire(wait=5)["settled"]] == [keys[1]]


def test_an_inactive_limit_lets_everybody_pass(client, create):
    path = create("db", 1)
    callers = [Caller(client) for _ in range(3)]
    callers[0].has("db")
    client.patch(path, json={"active": False})
    callers[1].has("db")
    assert client.get(path).json()["used"] == 1


def test_the_tags_with_a_limit_are_told_when_they_change(client, create, caller):
    assert caller.acquire()["tags"] == []
    assert caller.acquire()["tags"] is None
    threading.Timer(0.1, create, ("tag:db", 3)).start()
    assert caller.acquire(wait=10)["tags"] == ["db"]
    assert caller.acquire()["tags"] is None


def test_a_process_that_is_gone_is_passed_over(client, create, monkeypatch):
    for module in ("home", "shared"):
        monkeypatch.setattr(f"flowstone.server.desks.{module}.AWAY", 2.5)
    create("db", 1)
    holder, gone, waits = Caller(client), Caller(client), Caller(client)
    held = holder.has("db")
    lost, _ = gone.ask("db")
    key, _ = waits.ask("db")
    thread = threading.Timer(3.5, holder.release, (held,))
    thread.start()
    assert [one["id"] for one in waits.acquire(wait=10)["settled"]] == [key]
    assert gone.acquire()["settled"] == []
    waits.release(key)
    again = gone.acquire({"id": lost, "names": ["db"]}, wait=5)
    assert [one["id"] for one in again["settled"]] == [lost]


def test_resetting_ends_leases_and_empties_a_rate(client, create, caller):
    path = create("db", 1)
    key = caller.has("db")
    assert client.post(f"{path}/reset").json() == {"ended": 1}
    assert client.get(path).json()["used"] == 0
    assert caller.renew(key) == [key]
    rate = create("api", 1, slot_decay_per_second=0.001)
    caller.has("api", is_rate=True)
    client.post(f"{rate}/reset")
    assert client.get(rate).json()["level"] == 0


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_processes_of_the_home_and_of_elsewhere_share_its_limits(client, create, any_database):
    path = create("db", 1)
    local = local_limits(str(any_database.home / "limits"))
    remote = Caller(client)
    key = remote.has("db", label="far")
    here = Request(["db"], label="near")
    local.limiter.ask(here)
    assert not here.is_done
    assert here.waiting_for() == "limit db (1 of 1), position 1"
    remote.release(key)
    ended_by(lambda: here.is_done)
    key, told = remote.ask("db")
    assert told["waiting"][0]["reason"] == "limit db (1 of 1), position 1"
    [holder] = client.get(path).json()["holders"]
    assert (holder["label"], holder["until"]) == ("near", None)
    local.limiter.release(here)
    assert [one["id"] for one in remote.acquire(wait=5)["settled"]] == [key]
    assert isinstance(any_database, EmbeddedDatabase)
