from __future__ import annotations

import asyncio

import pytest

from flowstone import flow, task
from flowstone.annotations import allow_failure, quote, unmapped
from flowstone.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    UpstreamTaskError,
)
from flowstone.states import Completed
from flowstone.task_runners import ThreadPoolTaskRunner
from tests.concurrency.test_inputs import edges


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


@task
def numbers():
    return [1, 2, 3]


@task
def both(x, y):
    return x, y


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


def test_each_run_of_a_mapped_future_has_an_edge_from_it(recorded):
    in_flow(lambda: add.map(numbers.submit(), y=unmapped(2)).wait())
    assert edges(recorded) == [("numbers-0", "x", f"add-{number}") for number in range(3)]


def test_each_run_of_a_mapped_state_has_an_edge_from_its_run(recorded):
    def body():
        add.map(numbers(return_state=True)).wait()
        return add.map(Completed(data=[5])).result()  # one that the user made has no run

    assert in_flow(body) == [6]
    assert edges(recorded) == [("numbers-0", "x", f"add-{number}") for number in range(3)]


def test_each_run_of_a_mapped_result_has_an_edge_from_the_call(recorded):
    in_flow(lambda: add.map(numbers()).wait())
    assert edges(recorded) == [("numbers-0", "x", f"add-{number}") for number in range(3)]


def test_each_run_of_a_mapped_list_of_futures_has_an_edge_from_its_own(recorded):
    in_flow(lambda: add.map([add.submit(1), add.submit(2)]).wait())
    assert sorted(edges(recorded)) == [("add-0", "x", "add-2"), ("add-1", "x", "add-3")]


def test_each_run_of_a_mapped_list_of_results_has_an_edge_from_its_own(recorded):
    def body():
        lists = [numbers(), numbers()]
        return task(len).with_options(name="count").map(lists).result()

    assert in_flow(body) == [3, 3]
    assert edges(recorded) == [("numbers-0", "obj", "count-0"), ("numbers-1", "obj", "count-1")]


def test_a_map_over_a_map_has_an_edge_an_item(recorded):
    assert in_flow(lambda: add.map(add.map([1, 2])).result()) == [3, 4]
    assert sorted(edges(recorded)) == [("add-0", "x", "add-2"), ("add-1", "x", "add-3")]


def test_an_unmapped_future_is_resolved_whole_in_each_run(recorded):
    got = in_flow(lambda: both.map([1, 2], unmapped(numbers.submit())).result())
    assert got == [(1, [1, 2, 3]), (2, [1, 2, 3])]
    assert sorted(edges(recorded)) == [("numbers-0", "y", "both-0"), ("numbers-0", "y", "both-1")]


def test_a_mapped_future_that_may_fail_is_mapped_over_where_it_did_not(recorded):
    assert in_flow(lambda: add.map(allow_failure(numbers.submit())).result()) == [2, 3, 4]
    assert edges(recorded) == [("numbers-0", "x", f"add-{number}") for number in range(3)]


def test_a_mapped_future_that_failed_is_said_before_anything_begins(recorded):
    def body():
        failed = fail.submit("x")
        with pytest.raises(UpstreamTaskError, match="'fail-0'") as info:
            add.map(failed)
        assert isinstance(info.value.__cause__, ValueError)

    in_flow(body)
    assert "TaskRunCreated add-0" not in {
        f"{type(fact).__name__} {getattr(fact, 'name', '')}" for fact in recorded.facts
    }


def test_quoted_futures_are_passed_as_they_are(recorded):
    @task
    def take(x):
        return quote(x)

    def body():
        future = add.submit(1)
        [taken] = take.map(quote([future])).result()
        return taken.value is future

    assert in_flow(body)
    assert edges(recorded) == []


def test_a_runner_used_by_itself_keeps_the_edges_of_a_mapped_future(recorded):
    def body():
        future = numbers.submit()
        with ThreadPoolTaskRunner() as runner:
            return runner.map(add, {"x": future}).result()

    assert in_flow(body) == [2, 3, 4]
    assert edges(recorded) == [("numbers-0", "x", f"add-{number}") for number in range(3)]


def test_defaults_are_never_mapped_over(home):
    @task
    def take(x, y=(1, 2)):
        return x, y

    assert in_flow(lambda: take.map([1, 2, 3]).result()) == [(n, (1, 2)) for n in (1, 2, 3)]
