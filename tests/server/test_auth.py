"""Who may ask a server what."""

from __future__ import annotations

import time
import uuid

import pytest

from flowstone.server import auth
from flowstone.server.audit import Audit
from flowstone.server.auth import Failures
from flowstone.store import tokens
from flowstone.store.errors import DatabaseAway
from flowstone.store.tokens import digest_of
from tests.server.serving import HERE, bearer, code_of, made_token, served

SECOND = 1_000_000_000
READ, RUN, ADMIN = (
    ("GET", "/api/flow-runs"),
    ("POST", f"/api/flow-runs/{uuid.UUID(int=1)}/cancel"),
    ("GET", "/api/tokens"),
)


@pytest.fixture
def quick(monkeypatch):
    """Tokens are looked up each time."""
    monkeypatch.setattr(auth, "_REMEMBERED_SECONDS", -1.0)


def test_on_this_machine_nobody_needs_a_token_while_there_is_none(any_database):
    with served(any_database) as client:
        assert client.get("/api/flow-runs").status_code == 200
        assert client.get("/api/session").json() == {
            "name": "",
            "scope": "admin",
            "via": "open",
            "expires": None,
        }


def test_with_a_token_in_the_database_everybody_needs_one(any_database, quick):
    with served(any_database) as client:
        secret = made_token(any_database)
        answer = client.get("/api/flow-runs")
        assert code_of(answer) == (401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200
        assert code_of(client.get("/api/flow-runs", headers=bearer("flst_x")))[0] == 401
        assert client.get("/api/health").status_code == 200
        assert client.get("/api/ready").status_code == 200


def test_a_scope_holds_those_before_it(any_database):
    allowed = {"read": {READ}, "run": {READ, RUN}, "admin": {READ, RUN, ADMIN}}
    secrets = {scope: made_token(any_database, scope) for scope in allowed}
    with served(any_database) as client:
        for scope, secret in secrets.items():
            for asked in (READ, RUN, ADMIN):
                answer = client.request(*asked, headers=bearer(secret))
                assert (answer.status_code != 403) == (asked in allowed[scope]), (scope, asked)


def test_a_token_that_has_expired_is_none(any_database, quick):
    made_token(any_database, "admin", "kept")
    secret = made_token(any_database, "read", "short", time.time_ns() + 3600 * SECOND)
    with served(any_database) as client:
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200
        with any_database.transaction() as connection:
            connection.execute("UPDATE token SET expires = 1 WHERE name = ?", ("short",))
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 401


def test_the_database_holds_nothing_that_opens_the_door(any_database):
    secret = made_token(any_database)
    with any_database.store() as store:
        (digest,) = store.connection.execute("SELECT digest FROM token").fetchone()
    assert digest == digest_of(secret)
    assert len(secret) > 43
    for path in any_database.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_tokens_are_made_listed_and_revoked_by_who_is_admin(any_database):
    admin = bearer(made_token(any_database))
    with served(any_database) as client:
        asked = {"name": "etl", "scope": "run", "expires": "2099-01-01T00:00:00Z"}
        made = client.post("/api/tokens", json=asked, headers=admin)
        assert made.status_code == 201
        token, secret = made.json()["token"], made.json()["secret"]
        assert token["expires"] == "2099-01-01T00:00:00.000000Z"
        assert code_of(client.post("/api/tokens", json=asked, headers=admin))[1] == "token_exists"
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200
        listed = client.get("/api/tokens", headers=admin)
        assert [one["name"] for one in listed.json()["items"]] == ["admin", "etl"]
        assert secret not in listed.text
        path = f"/api/tokens/{token['id']}"
        assert client.delete(path, headers=admin).status_code == 204
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 401
        assert code_of(client.delete(path, headers=admin)) == (404, "token_not_found")


def test_a_token_that_cannot_be_is_refused(any_database):
    wrong = [
        {"name": "", "scope": "run"},
        {"name": "x" * 101, "scope": "run"},
        {"name": "a\nb", "scope": "run"},
        {"name": "a\0b", "scope": "run"},
        {"name": "a", "scope": "root"},
        {"name": "a", "scope": "run", "expires": "tomorrow"},
        {"name": "a", "scope": "run", "expires": "2099-01-01T00:00:00"},
        {"name": "a", "scope": "run", "expires": "9999-12-31T00:00:00Z"},
        {"name": "a", "scope": "run", "expires": "1999-12-31T00:00:00Z"},
        {"name": "a", "scope": "run", "more": 1},
    ]
    with served(any_database) as client:
        for asked in wrong:
            assert code_of(client.post("/api/tokens", json=asked)) == (400, "invalid_request")


def test_a_token_revoked_elsewhere_is_refused_within_a_second(any_database):
    secret = made_token(any_database)
    made_token(any_database, "read")
    with served(any_database) as client:
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200
        with any_database.transaction() as connection:
            tokens.revoke_token(connection, "admin")
        until = time.monotonic() + 10
        while client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.05)


NOT_OURS = ["evil.example", "evil.example:4840", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]"]
OURS = ["localhost", "LOCALHOST:4840", "127.0.0.1:1", "[::1]:4840"]


def test_on_this_machine_only_names_of_this_machine_are_ours(any_database):
    with served(any_database) as client:
        for host in NOT_OURS:
            for path in ("/api/health", "/api/flow-runs", "/", "/metrics", "/api/schema"):
                answer = client.get(path, headers={"Host": host})
                assert code_of(answer) == (421, "wrong_host"), (host, path)
        assert "FLOWSTONE_SERVER_API_ALLOWED_HOSTS" in answer.json()["hint"]
        for host in OURS:
            assert client.get("/api/health", headers={"Host": host}).status_code == 200, host


def test_further_names_are_ours_where_the_settings_say_so(any_database):
    with served(any_database, server__api__allowed_hosts="flows.example, other") as client:
        for host, status in (("flows.example", 200), ("other:80", 200), ("third", 421)):
            assert client.get("/api/health", headers={"Host": host}).status_code == status


def test_behind_a_proxy_everybody_needs_a_token(any_database):
    with served(any_database, server__api__allowed_hosts="flows.example") as client:
        assert client.get("/api/flow-runs", headers={"Host": "flows.example"}).status_code == 401
        assert client.get("/api/flow-runs").status_code == 401
    with served(any_database) as client:
        for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            assert client.get("/api/flow-runs", headers={name: "192.0.2.7"}).status_code == 401
        assert client.get("/api/flow-runs").status_code == 200


def test_where_others_can_reach_it_no_name_is_wrong_and_a_token_is_needed(any_database):
    with served(any_database, server__api__host="0.0.0.0") as client:
        headers = {"Host": "whatever.example"}
        assert client.get("/api/health", headers=headers).status_code == 200
        assert client.get("/api/flow-runs", headers=headers).status_code == 401


def test_a_page_of_another_site_changes_nothing_on_this_machine(any_database):
    asked = {"name": "a", "scope": "admin"}
    with served(any_database) as client:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            answer = client.post("/api/tokens", json=asked, headers={"Origin": origin})
            assert code_of(answer) == (403, "wrong_origin"), origin
        with any_database.store() as store:
            assert not tokens.has_tokens(store.connection)
        own = client.post("/api/tokens", json=asked, headers={"Origin": HERE})
        assert own.status_code == 201


def test_a_browser_logs_in_with_a_token_and_out_again(any_database, quick):
    secret = made_token(any_database, "run", "mine")
    with served(any_database) as client:
        assert code_of(client.post("/api/login", json={"token": "flst_no"}))[0] == 401
        answer = client.post("/api/login", json={"token": secret}, headers={"Origin": HERE})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert secret not in cookie
        found = client.get("/api/session").json()
        assert (found["name"], found["scope"], found["via"]) == ("mine", "run", "session")
        assert client.get("/api/flow-runs").status_code == 200
        shown = dict(client.cookies)
        assert client.post("/api/logout", headers={"Origin": HERE}).status_code == 204
        client.cookies.update(shown)
        assert client.get("/api/flow-runs").status_code == 401


FROM_PAGES = [
    ({}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 201),
    ({"Origin": HERE}, 201),
]


def test_a_logged_in_browser_changes_things_from_our_pages_alone(any_database):
    secret = made_token(any_database)
    with served(any_database) as client:
        client.post("/api/login", json={"token": secret}, headers={"Origin": HERE})
        for number, (headers, status) in enumerate(FROM_PAGES):
            asked = {"name": f"another {number}", "scope": "read"}
            answer = client.post("/api/tokens", json=asked, headers=headers)
            assert answer.status_code == status, headers


def test_a_session_ends_with_its_token(any_database, quick):
    secret = made_token(any_database)
    made_token(any_database, "read")
    with served(any_database) as client:
        client.post("/api/login", json={"token": secret}, headers={"Origin": HERE})
        assert client.get("/api/flow-runs").status_code == 200
        with any_database.transaction() as connection:
            tokens.revoke_token(connection, "admin")
        assert client.get("/api/flow-runs").status_code == 401


def test_who_shows_too_much_that_is_no_token_waits_and_who_has_one_does_not(
    any_database, monkeypatch
):
    monkeypatch.setattr(auth, "_REMEMBERED_SECONDS", 0.0)  # each request is looked up
    secret = made_token(any_database)
    with served(any_database) as client:
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200
        codes = [
            client.get("/api/flow-runs", headers=bearer(f"flst_{number}")).status_code
            for number in range(12)
        ]
        assert codes == [401] * 10 + [429] * 2
        answer = client.post("/api/login", json={"token": "flst_13"})
        assert code_of(answer) == (429, "too_many_failures")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert client.get("/api/flow-runs", headers=bearer(secret)).status_code == 200


def test_failures_are_counted_in_bounded_memory_and_forgotten_in_time():
    failures = Failures()
    for number in range(20_000):
        failures.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(failures._of) == 4096
    for _ in range(10):
        failures.note("192.0.2.1", 5.0)
    assert failures.seconds_to_wait("192.0.2.1", 6.0) == 59.0
    assert failures.seconds_to_wait("192.0.2.2", 6.0) == 0
    assert failures.seconds_to_wait("192.0.2.1", 66.0) == 0


def test_who_has_many_addresses_of_one_network_is_counted_once():
    failures = Failures()
    for number in range(10):
        failures.note(f"2001:db8::{number:x}", 0.0)
    assert failures.seconds_to_wait("2001:db8::ffff", 1.0) > 0
    assert failures.seconds_to_wait("2001:db8:0:1::1", 1.0) == 0


def test_changes_are_written_down_with_who_made_them(any_database):
    headers = bearer(made_token(any_database, "admin", "alice"))
    with served(any_database) as client:
        client.post("/api/tokens", json={"name": "bob", "scope": "read"}, headers=headers)
        client.post("/api/tokens", json={"name": "bob", "scope": "read"}, headers=headers)
        client.delete(f"/api/tokens/{uuid.UUID(int=1)}", headers=headers)
        client.get("/api/flow-runs", headers=headers)
        first = client.get("/api/audit", headers=headers).json()
        assert [
            (one["who"], one["method"], one["path"], one["status"]) for one in first["items"]
        ] == [("alice", "POST", "/api/tokens", 201)]
        for name in ("c", "d"):
            client.post("/api/tokens", json={"name": name, "scope": "read"}, headers=headers)
        page = client.get("/api/audit?limit=2", headers=headers).json()
        rest = client.get(f"/api/audit?limit=2&cursor={page['next']}", headers=headers).json()
        assert [len(page["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
        assert rest["items"] == first["items"]
    with any_database.store() as store:
        assert tokens.tokens(store.connection)[0].used is not None


def test_what_was_changed_just_before_a_server_ends_is_written_down_and_forgotten_in_time(
    any_database,
):
    with served(any_database) as client:
        client.post("/api/tokens", json={"name": "a", "scope": "admin"})
    with any_database.store() as store:
        assert [one.path for one in tokens.changes(store.connection, 0)] == ["/api/tokens"]
    with any_database.transaction() as connection:
        tokens.forget_old(connection, time.time_ns() + SECOND, 0)
    with any_database.store() as store:
        assert tokens.changes(store.connection, 0) == []


def test_lines_about_changes_and_uses_of_tokens_wait_while_the_database_is_away(
    any_database, monkeypatch
):
    with any_database.transaction() as connection:
        token, _ = tokens.create_token(connection, "alice", "run")
    used = {token.id: 5}
    audit = Audit(any_database, used)
    audit._waiting.append(tokens.change_of(1, "alice", "192.0.2.1", ("POST", "/api/x\0"), 201))
    with monkeypatch.context() as context:
        context.setattr(type(any_database), "transaction", _away)
        with pytest.raises(DatabaseAway):
            audit.write()
    assert used == {token.id: 5}
    audit.write()
    audit.write()
    with any_database.store() as store:
        assert [one.path for one in tokens.changes(store.connection, 0)] == ["/api/x\\0"]
        assert [one.used for one in tokens.tokens(store.connection)] == [5]
    assert used == {}


def _away(_self):
    raise DatabaseAway("It is away.")
