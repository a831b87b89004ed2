from __future__ import annotations

import collections
import enum
import json
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest

from flowstone.annotations import allow_failure, opaque, quote
from flowstone.core.origins import MOST, Origins
from flowstone.core.outcome import Ok
from flowstone.core.runs import TaskRun


class Thing:
    pass


class Slotted:
    __slots__ = ("value",)


class Colour(enum.Enum):
    RED = 1


SOME = Thing()
GLOBAL_TEXT = "a text that is a constant"


def run(name: str = "a-0") -> TaskRun:
    made = TaskRun()
    made.key, made.name, made.state_number = name.encode().ljust(16), name, 3
    return made


def names(origins: Origins, value: Any) -> list[str | None]:
    return [found.name for found in origins.of(value)]


def returned(origins: Origins, body: Any, name: str = "a-0") -> Any:
    """Do as the engine does: only the outcome holds the value as it is remembered."""
    outcome = Ok(body())
    origins.add(outcome, run(name), "a")
    return outcome.value


@pytest.mark.parametrize(
    "make",
    [
        Thing,
        Slotted,
        lambda: {1, 2},
        lambda: f"{id(SOME)}-text",
        f"{id(SOME)}-bytes".encode,
        lambda: id(SOME) + 1,
        lambda: id(SOME) / 3,
        lambda: [1, 2],
        lambda: {"a": 1},
        lambda: {"a": {"b": [1]}},
        list,
        lambda: (id(SOME),),
        lambda: Path("/tmp") / "x",
        lambda: collections.OrderedDict(a=1),
    ],
)
def test_a_value_that_a_run_made_is_known(make):
    origins = Origins()
    value = returned(origins, make)
    assert names(origins, value) == ["a-0"]
    assert origins.may_know((1, value))
    assert names(origins, [0, value]) == ["a-0"]
    assert names(origins, {"k": value}) == ["a-0"]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, 256, 10**30, 0.5, "", "x", "ok", GLOBAL_TEXT, b"", b"constant", (), (1, "a"),
        Ellipsis, NotImplemented, Colour.RED, logging, Thing, len, lambda: 0,
        range(3),
    ],
)  # fmt: skip
def test_a_value_that_is_the_same_everywhere_is_not_known(value):
    origins = Origins()
    assert not names(origins, returned(origins, lambda: value))


def test_a_constant_of_the_body_is_not_known_and_a_text_made_by_it_is():
    origins = Origins()
    constant = returned(origins, lambda: "s3://bucket/key with a space")
    made = returned(origins, lambda: f"s3://bucket/{id(origins)}")
    assert not names(origins, constant)
    assert names(origins, made) == ["a-0"]


def test_the_keys_that_json_shares_are_not_known():
    origins = Origins()
    rows = json.loads('[{"key": 1}, {"key": 2}]')
    returned(origins, lambda: next(iter(rows[0])))
    assert not names(origins, next(iter(rows[1])))


def test_an_id_that_another_object_has_later_proves_nothing():
    origins = Origins()
    first = returned(origins, Thing)
    number = id(first)
    del first
    later = Thing()
    origins[id(later)] = origins[number]  # no allocator can be relied on to give the id again
    assert not names(origins, later)


def test_a_result_is_freed_while_its_run_is_remembered():
    origins = Origins()
    thing = weakref.ref(returned(origins, Thing))
    assert thing() is None


@pytest.mark.parametrize("wrap", [lambda t: [t], lambda t: (t, 1), lambda t: {"a": t}])
def test_what_holds_something_that_may_be_large_is_not_held(wrap):
    assert freed(Origins(), wrap)


def test_what_holds_it_too_deep_to_be_seen_is_let_go_of_at_the_next_call():
    origins = Origins()
    watched = freed(origins, lambda thing: {"a": [[thing]]}, at_once=False)
    origins.may_know(())
    assert watched() is None


def freed(origins: Origins, wrap: Any, *, at_once: bool = True) -> Any:
    """Return a thing wrapped; return whether it is freed, or what to ask for it."""
    watched: list[Any] = []

    def body() -> Any:
        thing = Thing()
        watched.append(weakref.ref(thing))
        return wrap(thing)

    returned(origins, body)
    return watched[0]() is None if at_once else watched[0]


def test_unpacked_results_are_known_by_their_items():
    origins = Origins()
    thing, text, number = returned(origins, lambda: (Thing(), f"{id(origins)}-x", 5))
    assert names(origins, thing) == names(origins, text) == ["a-0"]
    assert not names(origins, number)
    table = returned(origins, lambda: {"rows": [1], "of": Thing()}, "b-0")
    assert names(origins, table["rows"]) == names(origins, table["of"]) == ["b-0"]


def test_what_is_changed_in_place_comes_from_the_run_that_returned_it_last():
    origins = Origins()
    rows = returned(origins, lambda: [3, 1])
    returned(origins, lambda: rows, "b-0")
    thing = returned(origins, Thing)
    returned(origins, lambda: thing, "b-0")
    assert names(origins, rows) == names(origins, thing) == ["b-0"]


def test_a_text_that_is_passed_through_comes_from_the_run_that_made_it():
    origins = Origins()
    text = returned(origins, lambda: f"{id(origins)}-x")
    returned(origins, lambda: text, "b-0")
    assert names(origins, text) == ["a-0"]


def test_a_text_that_a_run_got_from_a_run_inside_it_comes_from_the_outer_one():
    origins = Origins()
    text = returned(
        origins, lambda: returned(origins, lambda: f"{id(origins)}-x", "inner"), "outer"
    )
    assert names(origins, text) == ["outer"]


def test_large_texts_are_not_held():
    origins = Origins()
    assert names(origins, returned(origins, lambda: f"{id(origins)}" * 20))
    assert not names(origins, returned(origins, lambda: f"{id(origins)}" * 200))
    assert not names(origins, returned(origins, lambda: list(range(1000))))


def test_values_that_nobody_has_any_more_are_let_go_of():
    origins = Origins()
    kept = []
    for number in range(2000):
        origins.may_know((number,))  # as each call does first
        text = returned(origins, lambda number=number: f"{number}-text")
        if number % 100 == 0:
            kept.append(text)
    assert len(origins) < 100
    assert all(names(origins, text) for text in kept)


def test_a_flow_run_remembers_so_many_values_and_no_more():
    origins = Origins()
    things = [returned(origins, Thing) for _ in range(MOST + 100)]
    texts = [returned(origins, lambda: f"{id(things)}-x") for _ in range(100)]
    assert len(origins) == MOST
    assert names(origins, things[MOST - 1])
    assert not names(origins, things[MOST])
    assert not names(origins, texts[0])


def test_marks_are_looked_through_but_for_quote():
    origins = Origins()
    thing = returned(origins, Thing)
    assert names(origins, allow_failure(thing)) == names(origins, opaque(thing)) == ["a-0"]
    assert not names(origins, quote(thing))
    assert not origins.may_know((quote(thing),))


def test_items_are_looked_up_one_level_deep_and_not_in_very_long_lists():
    origins = Origins()
    thing = returned(origins, Thing)
    assert not names(origins, [[thing]])
    assert names(origins, [None] * (MOST - 1) + [thing])
    assert not names(origins, [None] * MOST + [thing])


def test_each_run_stands_once_among_the_origins_of_a_list():
    origins = Origins()
    one, two = returned(origins, lambda: (Thing(), Thing()))
    other = returned(origins, Thing, "b-0")
    assert names(origins, [one, two, other, one]) == ["a-0", "b-0"]


def test_an_item_that_is_handed_on_inside_something_keeps_its_origin():
    origins, made = Origins(), Thing()
    returned(origins, lambda: made, "makes-0")
    returned(origins, lambda: [made], "wraps-0")
    assert names(origins, made) == ["makes-0"]
