"""How many bodies a cluster is given, and who waits meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from flowstone.core.context import current
from flowstone.runners.places import Places


class NoLimits:
    gives_places = False

    def holding(self, tags, label):
        raise AssertionError("asked for the limits of no tags")


def places(count=2, spread=1, **options):
    return Places(NoLimits(), count, spread, lambda: False, **options)


@contextmanager
def run_with(timeout):
    token = current.set(SimpleNamespace(spec=SimpleNamespace(timeout=timeout)))
    try:
        yield
    finally:
        current.reset(token)


def asked(there, number, timeout=None):
    with run_with(timeout):
        return [there.holding((), "") for _ in range(number)]


def test_as_many_as_run_at_once_have_a_place_and_the_others_in_order():
    there = places()
    wishes = asked(there, 4)
    told = []
    for wish in wishes:
        wish.when_done(told.append)
    assert told == wishes[:2]
    assert wishes[2].waiting_for() == "a place on the cluster (2 of 2 in use)"
    wishes[1].release()
    assert told == wishes[:3]
    wishes[1].release()  # once more: it has nothing to give back
    assert told == wishes[:3]


def test_short_bodies_are_handed_over_ahead_unless_their_time_is_limited():
    there = places()
    there.note(0.002)
    assert sum(wish.is_done for wish in asked(there, 100)) == 2 + 2 * 25
    there = places()
    there.note(0.002)
    assert sum(wish.is_done for wish in asked(there, 100, timeout=5)) == 2
    there = places()
    there.note(0.5)
    assert sum(wish.is_done for wish in asked(there, 100)) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_a_cluster_without_workers_is_given_something_to_grow_for(count):
    assert sum(wish.is_done for wish in asked(places(count, spread=2), 9)) == 2


def test_a_cluster_that_grows_sees_seconds_of_work():
    there = places(1, spread=2, grows=True)
    there.note(0.5)
    assert sum(wish.is_done for wish in asked(there, 100)) == 2 + 20


def test_a_wish_that_is_taken_back_holds_nobody_up():
    there = places(1)
    first, second, third = asked(there, 3)
    second.release()
    first.release()
    assert third.is_done
    assert not second.is_done


def test_more_workers_make_more_places():
    there = places(1)
    wishes = asked(there, 5)
    there.resize(3)
    assert [wish.is_done for wish in wishes] == [True, True, True, False, False]


def test_who_needs_no_place_waits_for_none():
    there = Places(NoLimits(), 1, 1, lambda: True)
    assert all(wish.is_done for wish in asked(there, 3))
