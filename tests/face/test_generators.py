"""Generator tasks and flows: values one at a time, one run around them all."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from flowstone import flow, task
from flowstone.core.context import current
from flowstone.exceptions import TaskRunTimeoutError


@task
def count(n):
    yield from range(n)
    return "counted"


@task
async def acount(n):
    for number in range(n):
        await asyncio.sleep(0)
        yield number


@task
def same(x):
    return x


def test_a_generator_task_gives_its_values_and_returns_its_return_value(recorded):
    @flow(flow_run_name="it")
    def takes():
        values = []
        generator = count(2)
        while True:
            try:
                values.append(next(generator))
            except StopIteration as stop:
                return values, stop.value

    assert takes() == ([0, 1], "counted")
    assert recorded.states("count-0") == ["Pending", "Running", "Completed"]


def test_its_run_begins_with_the_first_value(recorded):
    @flow(flow_run_name="it")
    def takes():
        generator = count(2)
        same(1)
        return next(generator)

    assert takes() == 0
    created = [f.name for f in recorded.facts if type(f).__name__ == "TaskRunCreated"]
    assert created == ["same-0", "count-0"]


def test_one_that_is_never_begun_makes_no_run(recorded):
    @flow(flow_run_name="it")
    def drops():
        count(2)
        gc.collect()

    drops()
    assert not [f for f in recorded.facts if type(f).__name__ == "TaskRunCreated"]


def test_what_is_sent_and_thrown_reaches_the_function(home):
    @task
    def echo():
        heard = []
        while True:
            try:
                heard.append((yield heard))
            except ValueError as error:
                heard.append(str(error))

    generator = echo()
    next(generator)
    generator.send("a")
    assert generator.throw(ValueError("b")) == ["a", "b"]


def test_its_error_fails_the_run_and_is_raised(recorded):
    @task
    def breaks():
        yield 1
        raise ValueError("broken")

    @flow(flow_run_name="it")
    def takes():
        with pytest.raises(ValueError, match="broken") as caught:
            list(breaks())
        assert caught.value.__context__ is None

    takes()
    assert recorded.states("breaks-0")[-1] == "Failed"


def test_a_retry_begins_from_the_first_value_again(recorded):
    failures = [ValueError(), ValueError()]

    @task(retries=2)
    def flaky():
        yield 1
        yield 2
        if failures:
            raise failures.pop()

    @flow(flow_run_name="it")
    def takes():
        return list(flaky())

    assert takes() == [1, 2, 1, 2, 1, 2]
    assert recorded.states("flaky-0")[-3:] == ["Retrying", "Retrying", "Completed"]


def test_closing_early_completes_the_run_and_says_after_how_many_values(recorded):
    cleaned = []

    @task
    def endless():
        try:
            while True:
                yield 1
        finally:
            cleaned.append(True)

    @flow(flow_run_name="it")
    def takes():
        for number, _ in enumerate(endless()):
            if number == 2:
                break

    takes()
    [end] = [f for f in recorded.facts if type(f).__name__ == "TaskRunChanged"]
    assert (end.type, end.message) == (3, "Closed after 3 values.")
    assert cleaned == [True]


def test_an_error_while_it_is_closed_fails_the_run(recorded):
    @task
    def untidy():
        try:
            yield 1
        finally:
            raise ValueError("untidy")

    @flow(flow_run_name="it")
    def takes():
        generator = untidy()
        next(generator)
        with pytest.raises(ValueError, match="untidy"):
            generator.close()

    takes()
    assert recorded.states("untidy-0")[-1] == "Failed"


def test_its_run_is_current_in_its_steps_and_not_between_them(home):
    seen = []

    @task
    def looks():
        seen.append(current.get().run.name)
        yield 1
        seen.append(current.get().run.name)

    @flow(flow_run_name="it")
    def takes():
        for _ in looks():
            seen.append(current.get().run.name)

    takes()
    assert seen == ["looks-0", "it", "looks-0"]
    assert current.get() is None


def test_a_submitted_generator_gives_a_list(home):
    @flow
    def submits():
        return count.submit(3).result(), acount.submit(3).result(), count.map([1, 2]).result()

    assert list(submits()[0]) == [0, 1, 2]
    assert submits() == ([0, 1, 2], [0, 1, 2], [[0], [0, 1]])


def test_a_returned_generator_comes_as_a_list_and_a_yielded_one_as_it_is(home):
    @task
    def returns(n):
        return (number for number in range(n))

    @task
    async def areturns(n):
        return (number for number in range(n))

    @task
    async def returns_async(n):
        return acount.fn(n)

    @task
    def yields(n):
        yield (number for number in range(n))

    @flow
    def takes():
        return returns(3), returns.submit(3).result(), returns_async.submit(2).result()

    assert takes() == ([0, 1, 2], [0, 1, 2], [0, 1])
    assert asyncio.run(areturns(2)) == [0, 1]
    [inner] = list(yields(3))
    assert next(inner) == 0


def test_a_flow_may_return_and_be_a_generator(recorded):
    @flow
    def returns():
        return (same(number) for number in range(3))

    assert returns() == [0, 1, 2]

    @flow(flow_run_name="it")
    def yields():
        for number in range(3):
            yield same(number)

    assert list(yields()) == [0, 1, 2]
    assert recorded.states("it") == ["Pending", "Running", "Completed"]


def test_async_generators_give_their_values(recorded):
    @flow(flow_run_name="it")
    async def takes():
        return [value async for value in acount(3)]

    assert asyncio.run(takes()) == [0, 1, 2]
    assert recorded.states("acount-0") == ["Pending", "Running", "Completed"]

    @flow
    async def yields():
        async for value in acount(2):
            yield value

    async def main():
        return [value async for value in yields()]

    assert asyncio.run(main()) == [0, 1]


def test_async_generators_are_retried_fail_and_close(recorded):
    failures = [ValueError()]

    @task(retries=1)
    async def flaky():
        yield 1
        if failures:
            raise failures.pop()

    @task
    async def breaks():
        yield 1
        raise ValueError("broken")

    @flow(flow_run_name="it")
    async def takes():
        values = [value async for value in flaky()]
        with pytest.raises(ValueError, match="broken") as caught:
            [value async for value in breaks()]
        assert caught.value.__context__ is None
        generator = acount(5)
        await anext(generator)
        await generator.aclose()
        return values

    assert asyncio.run(takes()) == [1, 1]
    assert recorded.states("breaks-0")[-1] == "Failed"
    assert recorded.states("acount-0")[-1] == "Completed"


def test_several_async_generators_interleave_on_one_loop(home):
    async def collect(n):
        return [(value, current.get() and current.get().run.name) async for value in acount(n)]

    @flow(flow_run_name="it")
    async def takes():
        return await asyncio.gather(*(collect(3) for _ in range(5)))

    assert asyncio.run(takes()) == [[(0, "it"), (1, "it"), (2, "it")]] * 5


def test_a_generator_that_exceeds_its_time_is_interrupted_in_its_own_code(home):
    @task(timeout_seconds=0.1)
    def slow():
        yield 1
        time.sleep(5)

    generator = slow()
    assert next(generator) == 1
    with pytest.raises(TaskRunTimeoutError):
        next(generator)


def test_a_deadline_does_not_hit_the_code_of_the_caller(home):
    @task(timeout_seconds=0.05)
    def quick():
        yield 1
        yield 2

    generator = quick()
    next(generator)
    time.sleep(0.3)  # would be interrupted here
    with pytest.raises(TaskRunTimeoutError):
        next(generator)


def test_the_state_of_a_generator_cannot_be_asked_for(home):
    with pytest.raises(ValueError, match="Task 'count' is a generator"):
        count(3, return_state=True)
    with pytest.raises(ValueError, match="is a generator"):
        flow(count.fn)(3, return_state=True)
