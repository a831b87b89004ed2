from __future__ import annotations

import asyncio

import pytest

from flowstone import flow, task
from flowstone.annotations import allow_failure, quote, unmapped
from flowstone.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
)


@task
def add(x, y=1):
    return x + y


@task
def fail(x=None):
    raise ValueError(x)


@task
async def later(x):
    await asyncio.sleep(0)
    return x


def in_flow(body, **options):
    """Run a function as a flow; return what it returned, quoted so that states stay values."""
    return flow(lambda: quote(body()), **options)().value


def test_map_takes_iterables_apart_and_passes_the_rest_whole(home):
    @task
    def take(a, b, c="whole", *more, **named):
        return a, b, c, more, named

    def body():
        return take.map([1, 2], "text", more_named=(3, 4), same=unmapped([5])).result()

    assert in_flow(body) == [
        (1, "text", "whole", (), {"more_named": 3, "same": [5]}),
        (2, "text", "whole", (), {"more_named": 4, "same": [5]}),
    ]


@pytest.mark.parametrize(
    "iterable", [range(3), (0, 1, 2), iter([0, 1, 2]), {0: "a", 1: "b", 2: "c"}, [0, 1, 2]]
)
def test_anything_that_can_be_iterated_over_is_mapped(home, iterable):
    assert in_flow(lambda: add.map(iterable).result()) == [1, 2, 3]


def test_a_future_of_a_list_is_mapped_over(home):
    @task
    def numbers():
        return [1, 2, 3]

    assert in_flow(lambda: add.map(numbers.submit()).result()) == [2, 3, 4]


def test_futures_inside_mapped_lists_are_resolved_in_each_run(home):
    assert in_flow(lambda: add.map([add.submit(1), add.submit(2)]).result()) == [3, 4]


def test_quoted_and_failing_lists_are_mapped_with_their_mark(home):
    @task
    def take(x):
        return x

    def body():
        quoted = take.map(quote([[1], [2]])).result()
        allowed = take.map(allow_failure([fail.submit("x"), add.submit(1)])).result()
        return quoted, type(allowed[0]).__name__, allowed[1]

    assert in_flow(body) == ([[1], [2]], "ValueError", 2)


def test_an_empty_iterable_maps_to_nothing(home):
    assert in_flow(lambda: add.map([]).result()) == []


def test_lengths_that_differ_are_said(home):
    def body():
        with pytest.raises(MappingLengthMismatch, match="x: 2, y: 3"):
            add.map([1, 2], y=[1, 2, 3])

    in_flow(body)


def test_nothing_to_map_over_is_said(home):
    def body():
        with pytest.raises(MappingMissingIterable, match="Parameters for map: x"):
            add.map(5)

    in_flow(body)
