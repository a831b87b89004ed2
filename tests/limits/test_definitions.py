"""The limits that there are."""

from __future__ import annotations

import time

import pytest

from flowstone.drive.limits.definitions import Definitions
from flowstone.drive.limits.files import file_name
from flowstone.drive.limits.folder import Folder
from flowstone.drive.limits.local import LocalLimits, local_limits
from flowstone.exceptions import LimitExists, LimitNotFound


def test_a_limit_is_made_changed_and_deleted(limits):
    made = limits.definitions.create("db", 3, slot_decay_per_second=0.5)
    assert (made.name, made.limit, made.active, made.slot_decay_per_second) == ("db", 3, True, 0.5)
    changed = limits.definitions.change("db", limit=5, active=False)
    assert (changed.limit, changed.active, changed.slot_decay_per_second) == (5, False, 0.5)
    assert (changed.id, changed.created) == (made.id, made.created)
    assert limits.definitions.all() == [changed]
    limits.definitions.delete("db")
    assert limits.definitions.all() == []


def test_a_deleted_limit_can_be_made_anew_and_is_another_one(limits):
    first = limits.definitions.create("db", 3)
    limits.definitions.delete("db")
    second = limits.definitions.create("db", 1)
    assert second.id != first.id
    assert limits.definitions.usage("db").limit == second


def test_a_limit_that_there_is_cannot_be_made_nor_one_that_there_is_not_be_changed(limits):
    limits.definitions.create("db", 3)
    with pytest.raises(LimitExists, match="'db'"):
        limits.definitions.create("db", 4)
    assert limits.definitions.usage("db").limit.limit == 3
    for call in (limits.definitions.delete, limits.definitions.change, limits.definitions.usage):
        with pytest.raises(LimitNotFound, match="'web'"):
            call("web")


@pytest.mark.parametrize(
    ("name", "limit", "decay"),
    [("", 1, 0), ("x" * 1001, 1, 0), ("\ud800", 1, 0), ("db", -1, 0), ("db", 1 << 33, 0)]
    + [("db", 1, decay) for decay in (-1.0, float("inf"), float("nan"))],
)
def test_what_cannot_be_a_limit_is_refused_and_nothing_is_made(limits, name, limit, decay):
    with pytest.raises(ValueError):
        limits.definitions.create(name, limit, slot_decay_per_second=decay)
    assert limits.definitions.all() == []


NAMES = [
    "db",
    "DB",
    "a/b",
    "..",
    "tag:ä",
    "a b",
    "%41",
    "A",
    "x" * 1000,
    "x" * 999 + "y",
    "\n",
    "~",
]


def test_a_name_may_be_any_text_and_no_two_share_a_file(limits, directory):
    for number, name in enumerate(NAMES):
        limits.definitions.create(name, number)
    files = [path.name for path in directory.iterdir()]
    assert len({name.lower() for name in files}) == len(NAMES)
    assert max(map(len, files)) <= 255
    assert {one.name: one.limit for one in limits.definitions.all()} == {
        name: number for number, name in enumerate(NAMES)
    }


def test_another_process_sees_what_was_defined(limits, directory):
    limits.definitions.create("db", 3)
    stranger = Definitions(Folder(str(directory)))  # reads only, so it takes nobody's locks
    assert [one.limit for one in stranger.all()] == [3]


def test_a_folder_has_one_set_of_open_files_by_whatever_path(limits, directory, tmp_path):
    limits.definitions.create("db", 1)
    (tmp_path / "link").symlink_to(directory)
    assert local_limits(str(tmp_path / "link")) is limits
    assert local_limits(str(directory) + "/") is limits


def test_listing_what_is_in_use_frees_nothing(limits, elsewhere):
    limits.definitions.create("db", 1)
    request = limits.holding(())
    assert request is None
    assert elsewhere.tell("ask", "x", "db") == "in"
    elsewhere.tell("release", "x")
    limits.definitions.create("tag:db", 1)
    held = limits.holding(["db"])
    assert [one.name for one in limits.definitions.all()] == ["db", "tag:db"]
    assert limits.definitions.usage("tag:db").used == 1
    assert elsewhere.tell("ask", "y", "tag:db") == "out"
    limits.limiter.release(held)


def seen_within(limits: LocalLimits, expected, seconds=2.0):
    """Whether it is seen; within twice the bound, because the machine may be busy."""
    until = time.monotonic() + seconds
    while limits.tags.limited(["etl", "db"]) != expected and time.monotonic() < until:
        time.sleep(0.01)
    return limits.tags.limited(["etl", "db"]) == expected


def test_the_limit_of_a_tag_is_noticed_within_a_second_however_it_changes(limits, directory):
    elsewhere = Definitions(Folder(str(directory)))
    assert limits.tags.limited(["etl", "db"]) == ()
    elsewhere.create("db", 1)  # not that of a tag
    elsewhere.create("tag:db", 1)
    assert seen_within(limits, ("tag:db",))
    elsewhere.change("tag:db", active=False)
    assert seen_within(limits, ())
    elsewhere.change("tag:db", active=True)
    assert seen_within(limits, ("tag:db",))
    elsewhere.delete("tag:db")
    assert seen_within(limits, ())
    elsewhere.create("tag:etl", 1)
    assert seen_within(limits, ("tag:etl",))


def test_a_run_whose_tags_have_limits_gets_a_slot_of_each(limits):
    limits.definitions.create("tag:db", 1)
    limits.definitions.create("tag:etl", 2)
    first = limits.holding(["db", "etl", "web"], "task run load")
    second = limits.holding(["db"])
    assert first.is_done
    assert first.names == ("tag:db", "tag:etl")
    assert not second.is_done
    limits.limiter.release(first)
    assert second.is_done
    assert limits.holding(["web"]) is None


def test_a_name_that_is_not_plain_is_escaped():
    assert file_name("tag:db") == "tag%3Adb.limit"
    assert file_name("Ab/ü") == "%41b%2F%C3%BC.limit"
