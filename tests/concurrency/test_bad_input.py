"""What cannot be submitted or waited for is refused at once, and no run is left of it."""

from __future__ import annotations

import asyncio
import math
import threading
from multiprocessing.reduction import ForkingPickler

import pytest

from flowstone import flow, task
from flowstone.annotations import allow_failure, quote, unmapped
from flowstone.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    UpstreamTaskError,
)
from flowstone.futures import FutureList, as_completed, wait
from flowstone.task_runners import ThreadPoolTaskRunner


@task
def add(x, y=1):
    return x + y


@task
def take(*values, **named):
    return values, named


@task
def fail():
    raise ValueError("upstream")


def in_flow(body, **options):
    """Run a function as a flow; return what it returned, quoted so that states stay values."""
    return flow(lambda: quote(body()), **options)().value


def created(recorded):
    return [fact.name for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"]


@pytest.mark.parametrize(
    ("args", "kwargs", "table"),
    [
        (([1, 2],), {"y": [1, 2, 3]}, "x: 2, y: 3"),
        ((range(4), (1, 2, 3)), {}, "x: 4, y: 3"),
        ((iter([1]), []), {}, "x: 1, y: 0"),
        ((quote([1, 2]),), {"y": allow_failure([1])}, "x: 2, y: 1"),
    ],
)
def test_a_map_over_unequal_lengths_names_them_and_begins_nothing(recorded, args, kwargs, table):
    def body():
        with pytest.raises(MappingLengthMismatch, match=rf"{table}\. unmapped\(value\) passes"):
            add.map(*args, **kwargs)

    in_flow(body)
    assert created(recorded) == []


def test_unequal_lengths_are_found_behind_futures_and_in_other_names_too(recorded):
    def body():
        two = task(lambda: [1, 2], name="two").submit()
        with pytest.raises(MappingLengthMismatch, match="x: 2, y: 3"):
            add.map(two, y=range(3))
        with pytest.raises(MappingLengthMismatch, match="a: 1, b: 2"):
            take.map(a=[1], b=[1, 2])

    in_flow(body)
    assert created(recorded) == ["two-0"]


@pytest.mark.parametrize(
    "value", ["text", b"bytes", None, 5, unmapped([1, 2]), quote(5), allow_failure("text")]
)
def test_a_map_without_anything_to_map_over_names_what_it_got(recorded, value):
    def body():
        with pytest.raises(MappingMissingIterable, match=r"Parameters for map: x, y\. Give at"):
            add.map(value, y=1)
        with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
            add.map()

    in_flow(body)
    assert created(recorded) == []


def test_an_iterable_that_breaks_raises_its_own_error_and_begins_nothing(recorded):
    def numbers():
        yield 1
        raise KeyError("in the iterable")

    def body():
        with pytest.raises(KeyError, match="in the iterable"):
            add.map(numbers())

    in_flow(body)
    assert created(recorded) == []


def test_a_map_over_the_result_of_a_failed_task_says_so_at_once(recorded):
    def body():
        with pytest.raises(UpstreamTaskError, match="'fail-0' did not reach") as caught:
            add.map(fail.submit())
        assert isinstance(caught.value.__cause__, ValueError)

    in_flow(body)
    assert created(recorded) == ["fail-0"]


def test_a_task_outside_of_flows_cannot_submit_others(recorded):
    @task
    def submits(verb):
        return getattr(add, verb)([1])

    for verb in ("submit", "map"):
        with pytest.raises(RuntimeError, match=rf"`\.{verb}` needs a flow run around it"):
            submits(verb)
    assert created(recorded) == ["submits", "submits"]


def test_a_plain_thread_in_a_flow_is_outside_of_it(recorded):
    raised = []

    def submits():
        with pytest.raises(RuntimeError, match="needs a flow run around it") as caught:
            add.submit(1)
        raised.append(caught.value)

    def body():
        thread = threading.Thread(target=submits)
        thread.start()
        thread.join()

    in_flow(body)
    assert len(raised) == 1
    assert created(recorded) == []


def test_code_after_an_async_flow_is_outside_of_it(home):
    @flow
    async def submits():
        return add.submit(1).result()

    async def main():
        assert await submits() == 2
        with pytest.raises(RuntimeError, match="needs a flow run around it"):
            add.submit(1)

    asyncio.run(main())


def test_negative_times_are_refused_wherever_one_waits(home):
    gate = threading.Event()

    def body():
        future = task(gate.wait, name="gate").submit()
        many = FutureList([future])
        for waits in (
            lambda: future.wait(timeout=-1),
            lambda: future.result(timeout=-1),
            lambda: many.wait(timeout=-1),
            lambda: many.result(timeout=-1),
            lambda: wait([future], timeout=-0.1),
            lambda: next(as_completed([future], timeout=-math.inf)),
        ):
            with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
                waits()
        gate.set()
        assert future.result()

    in_flow(body)


def test_a_negative_timeout_is_refused_by_with_options_too():
    for color in (task, flow):
        with pytest.raises(ValueError, match=r"`timeout_seconds` must not be negative; got -1"):
            color(lambda: 1).with_options(timeout_seconds=-1)


def test_a_future_on_its_way_to_another_process_says_where_it_belongs(home):
    gate = threading.Event()

    def body():
        running = task(gate.wait, name="gate").submit()
        ended = add.submit(1)
        ended.wait()
        for sent in (running, [ended], {"deep": (ended,)}):
            with pytest.raises(TypeError, match=r"belongs to process \d+ .* send its result"):
                ForkingPickler.dumps(sent)
        gate.set()

    in_flow(body)


@pytest.mark.parametrize("most", [None, 2])
def test_a_closed_runner_has_ended_what_it_was_given_and_takes_no_more(recorded, most):
    gate = threading.Event()
    runner = ThreadPoolTaskRunner(max_workers=most)
    with runner:
        future = runner.submit(task(gate.wait, name="gate"), {})
        later = runner.submit(add, {"x": 1}, wait_for=[future])
        threading.Timer(0.05, gate.set).start()
    assert [future.state.name, later.state.name] == ["Completed", "Completed"]
    with pytest.raises(RuntimeError, match=r"not started\. Use it as a context"):
        runner.submit(add, {"x": 1})
    with pytest.raises(RuntimeError, match="must be started before submitting work"):
        runner.map(add, {"x": [1]})
    assert created(recorded) == ["gate", "add"]
    with runner:  # opened again, it works again
        assert runner.submit(add, {"x": 1}).result() == 2


def test_a_runner_refuses_parameters_that_do_not_fit(recorded):
    with ThreadPoolTaskRunner() as runner:
        with pytest.raises(ParameterBindError):
            runner.submit(add, {})
        with pytest.raises(ParameterBindError):
            runner.submit(add, {"x": 1, "z": 2})
        with pytest.raises(MappingMissingIterable):
            runner.map(add, {"x": 5})
        with pytest.raises(MappingLengthMismatch):
            runner.map(add, {"x": [1], "y": [1, 2]})
    assert created(recorded) == []
