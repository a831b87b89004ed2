"""Generators, async from sync and nesting; which runs the values of generators came from."""

from __future__ import annotations

import asyncio
import gc
import inspect
import time

import pytest

from flowstone import flow, task
from flowstone.core.context import current
from flowstone.exceptions import TaskRunTimeoutError


class Table:
    """A value of a user's class."""

    def __repr__(self):
        return "Table()"


TABLE = Table()
A_CONSTANT = "a constant"


@task
def gives(*values):
    yield from values


@task
async def agives(*values):
    for value in values:
        yield value


@task
def origin(x=None, **more):
    """Return the names of the runs whose values it was given."""
    return [one.name for found in current.get().inputs.values() for one in found]


@task
def same(x):
    return x


@task
async def asame(x):
    await asyncio.sleep(0)
    return x


@task
async def afail(x):
    await asyncio.sleep(0)
    raise ValueError(x)


VALUES = [TABLE, [1], (1, 2), 1, True, None, A_CONSTANT, "", 2.5]


# Which run a yielded value came from


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_task_that_is_given_a_yielded_value_has_the_generator_as_its_parent(home, value):
    @flow
    def takes():
        return [(origin(given), origin.submit(given).result()) for given in gives(value)]

    assert takes() == [(["gives-0"], ["gives-0"])]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_async_generators_are_parents_too(home, value):
    @flow
    async def takes():
        return [origin(given) async for given in agives(value)]

    assert asyncio.run(takes()) == [["agives-0"]]


def test_a_value_with_an_identity_is_known_after_the_generator_has_ended(home):
    @flow
    def takes():
        return [origin(value) for value in list(gives(Table(), [1]))]

    assert takes() == [["gives-0"], ["gives-0"]]


def test_a_text_made_as_it_is_yielded_is_known_afterwards(home):
    @task
    def texts(n):
        for number in range(n):
            yield f"text {number}"

    @flow
    def takes():
        return [origin(value) for value in list(texts(2))]

    assert takes() == [["texts-0"], ["texts-0"]]


def test_the_last_value_of_a_generator_counts_while_it_is_suspended_only(home):
    @flow
    def takes():
        generator = gives(1, 2)
        seen = [origin(1)]
        next(generator)
        seen += [origin(1), origin(2)]
        next(generator)
        seen += [origin(1), origin(2)]
        assert next(generator, "end") == "end"
        return [*seen, origin(1), origin(2)]

    assert takes() == [[], ["gives-0"], [], [], ["gives-0"], [], []]


def test_a_generator_that_is_closed_or_thrown_into_counts_no_longer(home):
    @flow
    def takes():
        closed, broken, dropped = gives(1), gives(2), gives(3)
        before = [origin(next(generator)) for generator in (closed, broken, dropped)]
        closed.close()
        with pytest.raises(ValueError, match="thrown"):
            broken.throw(ValueError("thrown"))
        del dropped
        gc.collect()
        return before, [origin(value) for value in (1, 2, 3)]

    assert takes() == ([["gives-0"], ["gives-1"], ["gives-2"]], [[], [], []])


def test_generators_that_are_suspended_at_the_same_value_are_all_its_parents(home):
    @flow
    def takes():
        seen = []
        for x, y in zip(gives(1, 2), gives(1, 3), strict=True):
            seen += [sorted(origin(x)), sorted(origin(y)), sorted(origin([x, y]))]
        return seen

    both = ["gives-0", "gives-1"]
    assert takes() == [both, both, both, ["gives-0"], ["gives-1"], both]


def test_arguments_that_were_not_given_have_no_parent(home):
    @flow
    def takes():
        generator = gives(None)
        next(generator)
        return origin(), origin(7), origin(None)

    assert takes() == ([], [], ["gives-0"])


def test_the_values_of_a_generator_subflow_make_edges_in_the_flow_around(recorded):
    @flow(flow_run_name="inner")
    def inner():
        yield 1
        yield TABLE

    @flow
    def takes():
        return [origin(value) for value in inner()]

    assert takes() == [["inner"], ["inner"]]
    edges = [fact.inputs for fact in recorded.facts if type(fact).__name__ == "InputsFound"]
    assert edges == [(("x", recorded.created("inner").run),)] * 2


def test_values_yielded_in_one_flow_run_mean_nothing_in_another(home):
    @flow
    def asks(maker):
        return origin(1) if maker is None else maker()

    @flow
    def holds():
        generator = gives(1)
        next(generator)
        return asks(None), asks(lambda: origin(1))

    assert holds() == ([], [])
    assert list(gives(1)) == [1]  # outside of flows there is nothing to remember it in


# Generators


def test_a_generator_task_is_a_plain_generator_of_python(home):
    assert inspect.isgenerator(gives(1))
    assert inspect.isasyncgen(agives(1))


def test_a_run_is_running_while_its_generator_is_suspended(home):
    @task
    def looks():
        yield current.get().run

    [run] = generator = [*looks()]
    assert run.state_name == "Completed"
    generator = looks()
    assert next(generator).state_name == "Running"
    generator.close()


def test_the_return_value_of_a_generator_is_that_of_the_iteration(home):
    @task
    def returns():
        yield 1
        return "value"

    @flow
    def around():
        got = yield from returns()
        return got.upper()

    generator = around()
    assert next(generator) == 1
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "VALUE"


def test_an_async_generator_that_blocks_beyond_its_time_is_timed_out_at_its_next_value(recorded):
    @task(timeout_seconds=0.05)
    async def blocks():
        yield 1
        time.sleep(0.2)
        yield 2

    @flow
    async def takes():
        seen = []
        with pytest.raises(TaskRunTimeoutError):
            async for value in blocks():
                seen.append(value)
        return seen

    assert asyncio.run(takes())[0] == 1
    assert recorded.states("blocks-0")[-1] == "TimedOut"


# Sync and async


def test_an_async_task_called_in_a_sync_flow_is_a_coroutine(home):
    @flow
    def calls():
        coroutine = asame(1)
        assert inspect.iscoroutine(coroutine)
        return asyncio.run(coroutine), asame.submit(2).result()

    assert calls() == (1, 2)


def test_an_async_flow_calls_sync_tasks_directly_on_its_thread(home):
    @flow
    async def calls():
        return same(1), await asame(2), same.submit(3).result()

    assert asyncio.run(calls()) == (1, 2, 3)
    assert asyncio.run(asame(4)) == 4  # without a flow


def test_a_sync_task_in_a_flow_submits_async_tasks_also_ones_that_fail(home):
    @task
    def submits():
        with pytest.raises(ValueError, match="7"):
            afail.submit(7).result()
        return asame.submit(6).result(), afail.submit(5).state.is_final()

    @flow
    def calls():
        return submits()[0], submits.submit().result()[0]

    assert calls() == (6, 6)


# Tasks in tasks


@pytest.mark.parametrize("way", ["direct", "submit", "map"])
def test_a_task_in_a_task_has_it_as_its_parent(recorded, way):
    inner = task(lambda x: x, name="inner")

    @task
    def outer():
        if way == "direct":
            return [inner(1)]
        return [inner.submit(1).result()] if way == "submit" else inner.map([1]).result()

    @flow(flow_run_name="it")
    def calls():
        return outer()

    assert calls() == [1]
    assert recorded.created("inner-0").parent == recorded.created("outer-0").run
    assert recorded.created("outer-0").parent is None


def test_a_retry_of_the_outer_task_runs_the_inner_one_with_its_retries_again(recorded):
    attempts = []

    @task(retries=1)
    def inner():
        attempts.append(current.get().run.name)
        raise ValueError

    @task(retries=1)
    def outer():
        inner()

    @flow
    def calls():
        return outer(return_state=True)

    with pytest.raises(ValueError, match=r"^$"):
        calls()
    assert attempts == ["inner-0", "inner-0", "inner-1", "inner-1"]
    assert recorded.states("outer-0") == ["Pending", "Running", "Retrying", "Failed"]
