"""Limits made, shown, changed and deleted by commands."""

from __future__ import annotations

import os

import pytest

from flowstone.drive.limits.local import local_limits
from flowstone.drive.limits.requests import Request


@pytest.fixture
def limits(home):
    return local_limits(str(home / "limits"))


def hold(limits, *names, label=""):
    request = Request(names, label=label)
    limits.limiter.ask(request)
    return request


def test_a_limit_is_made_listed_changed_and_deleted(cli, limits):
    assert cli("gcl", "ls") == (
        0,
        "No limits. Make one: flowstone gcl create NAME --limit N\n",
        "",
    )
    assert cli("gcl", "create", "db", "--limit", "3") == (0, "Created limit db (3).\n", "")
    cli("gcl", "create", "api", "-l", "10", "--slot-decay-per-second", "2.5", "--disable")
    held = hold(limits, "db")
    code, out, err = cli("gcl", "ls")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "LIMIT", "IN", "USE", "WAITING", "ACTIVE", "DECAY", "LEVEL"],
        ["api", "10", "0", "0", "no", "2.5/s", "0.0", "of", "10"],
        ["db", "3", "1", "0", "yes"],
    ]
    limits.limiter.release(held)
    assert cli("gcl", "update", "db", "--limit", "5")[0] == 0
    assert limits.definitions.usage("db").limit.limit == 5
    assert cli("gcl", "delete", "db") == (0, "Deleted limit db.\n", "")
    assert [one.name for one in limits.definitions.all()] == ["api"]


def test_a_limit_is_shown_with_who_holds_and_how_many_wait(cli, cli_json, limits):
    limits.definitions.create("db", 1)
    held, waits = hold(limits, "db", label="task run load-3"), hold(limits, "db")
    shown = cli_json("gcl", "inspect", "db")
    assert (shown["name"], shown["limit"], shown["active"]) == ("db", 1, True)
    assert (shown["active_slots"], shown["waiting"]) == (1, 1)
    [holder] = shown["holders"]
    assert (holder["slot"], holder["pid"], holder["holder"]) == (0, os.getpid(), "task run load-3")
    assert cli_json("gcl", "ls") == [shown]
    out = cli("gcl", "inspect", "db")[1]
    assert f"{os.getpid()}" in out
    assert "task run load-3" in out
    for request in (held, waits):
        limits.limiter.release(request)


def test_a_limit_is_switched_off_and_on(cli, limits):
    limits.definitions.create("db", 1)
    for words, active in (
        (["disable", "db"], False),
        (["enable", "db"], True),
        (["update", "db", "--disable"], False),
        (["update", "db", "--enable"], True),
    ):
        assert cli("gcl", *words)[0] == 0
        assert limits.definitions.usage("db").limit.active is active


def test_how_far_a_rate_is_used_up_can_be_set_and_slots_that_are_held_cannot(cli, limits):
    cli("gcl", "create", "api", "-l", "10", "--slot-decay-per-second", "0.001")
    cli("gcl", "create", "db", "-l", "10")
    assert cli("gcl", "update", "api", "--active-slots", "7")[0] == 0
    assert limits.definitions.usage("api").level == pytest.approx(7, abs=0.1)
    assert cli("gcl", "update", "db", "--active-slots", "0")[0] == 0
    code, _, err = cli("gcl", "update", "db", "--active-slots", "7")
    assert code == 1
    assert "held by processes (0 now)" in err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["create", "db", "-l", "2"], 1, "There is a limit 'db' already"),
        (["create", "web"], 2, "--limit"),
        (["create", "web", "-l", "-1"], 2, "whole number"),
        (["create", "", "-l", "1"], 1, "1 to 1000 bytes"),
        (["create", "web", "-l", "1", "--slot-decay-per-second", "nan"], 1, "slot decay"),
        (["inspect", "web"], 1, "There is no limit 'web'"),
        (["update", "web", "-l", "1"], 1, "There is no limit 'web'"),
        (["update", "db"], 1, "nothing to change"),
        (["update", "db", "--enable", "--disable"], 2, "not allowed with"),
        (["delete", "web"], 1, "There is no limit 'web'"),
        (["enable", "web"], 1, "There is no limit 'web'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(cli, limits, words, code, text):
    limits.definitions.create("db", 1)
    found, out, err = cli("gcl", *words)
    assert (found, out) == (code, "")
    assert text in err
    assert [one.limit for one in limits.definitions.all()] == [1]


def test_a_folder_that_cannot_be_used_is_said_in_a_line(cli, home):
    home.mkdir()
    (home / "limits").write_text("no folder")
    code, out, err = cli("gcl", "ls")
    assert (code, out) == (1, "")
    assert "could not use the limits" in err


def test_tags_have_limits_of_their_own(cli, cli_json, limits):
    family = "concurrency-limit"
    assert cli(family, "ls")[1].startswith("No limits of tags.")
    assert cli(family, "create", "db", "1")[1] == "Created the limit of tag db (1).\n"
    assert cli(family, "create", "db", "2")[1] == "Changed the limit of tag db (2).\n"
    cli("gcl", "create", "web", "-l", "1")
    assert limits.tags.limited(["db", "web"]) == ("tag:db",)
    held = limits.holding(["db"], "task run load-0")
    [shown] = cli_json(family, "ls")
    assert (shown["tag"], shown["concurrency_limit"], shown["active_slots"]) == ("db", 2, 1)
    assert cli_json(family, "inspect", "db") == shown
    assert "task run load-0" in cli(family, "inspect", "db")[1]
    assert str(os.getpid()) in cli(family, "reset", "db")[1]
    limits.limiter.release(held)
    assert cli(family, "reset", "db")[1] == "No slot of tag db is held.\n"
    assert cli(family, "delete", "db")[1] == "Deleted the limit of tag db.\n"
    assert limits.tags.limited(["db"]) == ()
    assert cli(family, "inspect", "db")[0] == 1


def test_a_long_list_of_tags_is_cut_and_says_so(cli, limits):
    for number in range(17):
        limits.definitions.create(f"tag:{number:02}", 1)
    lines = cli("concurrency-limit", "ls")[1].splitlines()
    assert len(lines) == 1 + 15 + 1
    assert lines[-1] == "17 limits in all; --limit 0 shows them."
    lines = cli("concurrency-limit", "ls", "--limit", "0", "--offset", "3")[1].splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["03", "04", "05"]
    assert len(lines) == 1 + 14 + 1
