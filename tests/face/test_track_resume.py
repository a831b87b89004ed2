"""`track(..., resume=True)`: a further attempt goes on where the one before stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from flowstone import flow, task, track

pytestmark = pytest.mark.usefixtures("home")


class Attempts:
    """What each attempt handled; `fail_at` says at which items they fail, one an attempt."""

    def __init__(self, *fail_at: object) -> None:
        self.handled: list[list[object]] = []
        self._fail_at = list(fail_at)

    def begin(self) -> None:
        self.handled.append([])

    def handle(self, item: object) -> None:
        if self._fail_at and self._fail_at[0] == item:
            del self._fail_at[0]
            raise ConnectionError(item)
        self.handled[-1].append(item)


def run(attempts: Attempts, body: Callable[[], None], retries: int = 3) -> None:
    @task(retries=retries)
    def work():
        attempts.begin()
        body()

    work()


def test_items_that_were_handled_are_passed():
    attempts = Attempts(3, 6)

    def body():
        for item in track(range(8), resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_without_resume_a_retry_begins_anew():
    attempts = Attempts(2)

    def body():
        for item in track(range(4)):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1], [0, 1, 2, 3]]


def test_a_failure_behind_the_loop_repeats_nothing_of_it():
    attempts = Attempts("after")

    def body():
        for item in track(range(3), resume=True):
            attempts.handle(item)
        attempts.handle("after")

    run(attempts, body)
    assert attempts.handled == [[0, 1, 2], ["after"]]


def test_retries_of_a_flow_go_on_too():
    attempts = Attempts(2)

    @flow(retries=1)
    def work():
        attempts.begin()
        for item in track([0, 1, 2, 3], resume=True):
            attempts.handle(item)

    work()
    assert attempts.handled == [[0, 1], [2, 3]]


@pytest.mark.parametrize("submitted", [False, True])
def test_async_loops_go_on_alike(submitted):
    attempts = Attempts(3)

    async def numbers():
        for number in range(6):
            yield number

    @task(retries=1)
    async def work():
        attempts.begin()
        async for item in track(numbers(), resume=True):
            attempts.handle(item)

    @flow
    async def main():
        if submitted:
            work.submit().wait()
        else:
            await work()

    asyncio.run(main())
    assert attempts.handled == [[0, 1, 2], [3, 4, 5]]


def test_another_run_of_the_task_begins_at_the_beginning():
    attempts = Attempts()

    @task
    def work():
        attempts.begin()
        for item in track(range(2), resume=True):
            attempts.handle(item)

    work()
    work()
    assert attempts.handled == [[0, 1], [0, 1]]


def test_a_generator_made_anew_is_passed_up_to_there():
    attempts = Attempts(2)

    def body():
        for item in track((number for number in range(4)), resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1], [2, 3]]


def test_an_iterator_that_attempts_share_goes_on_with_the_item_that_failed():
    attempts = Attempts(2, 4)
    shared = iter(range(6))

    def body():
        for item in track(shared, resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1], [2, 3], [4, 5]]


def test_an_async_iterator_that_attempts_share_goes_on_with_the_item_that_failed():
    attempts = Attempts(2)

    class Shared:
        def __init__(self):
            self.items = iter(range(4))

        def __aiter__(self):
            return self

        async def __anext__(self):
            for item in self.items:
                return item
            raise StopAsyncIteration

    shared = Shared()

    @task(retries=1)
    async def work():
        attempts.begin()
        async for item in track(shared, resume=True):
            attempts.handle(item)

    asyncio.run(work())
    assert attempts.handled == [[0, 1], [2, 3]]


def test_another_length_means_to_begin_anew_and_a_warning(caplog):
    attempts = Attempts(2)
    lengths = iter([4, 5])

    def body():
        for item in track(list(range(next(lengths))), description="pages", resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1], [0, 1, 2, 3, 4]]
    assert "Loop 'pages' begins anew: it has 5 items, and had 4" in caplog.text


def test_where_fewer_items_come_than_were_handled_the_loop_is_over():
    attempts = Attempts(3)
    lengths = iter([5, 2])

    def body():
        length = next(lengths)
        for item in track((number for number in range(length)), resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [[0, 1, 2], []]


def test_an_inner_loop_goes_on_in_the_item_of_the_outer_one_where_it_stopped():
    attempts = Attempts((1, 2), (2, 0))

    def body():
        for outer in track(range(3), resume=True):
            for inner in track(range(3), resume=True):
                attempts.handle((outer, inner))

    run(attempts, body)
    assert attempts.handled == [
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)],
        [(1, 2)],
        [(2, 0), (2, 1), (2, 2)],
    ]


def test_inner_loops_in_one_that_begins_anew_are_told_apart_by_its_items():
    attempts = Attempts((1, 1))

    def body():
        for outer in range(3):
            for inner in track(range(2), resume=True):
                attempts.handle((outer, inner))

    run(attempts, body)
    assert attempts.handled == [[(0, 0), (0, 1), (1, 0)], [(1, 1), (2, 0), (2, 1)]]


def test_loops_of_one_description_are_told_apart_by_their_order():
    attempts = Attempts("b1")

    def body():
        for item in track(["a0", "a1"], resume=True):
            attempts.handle(item)
        for item in track(["b0", "b1"], resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [["a0", "a1", "b0"], ["b1"]]


def test_a_loop_that_another_attempt_leaves_out_does_not_move_those_of_other_names():
    attempts = Attempts("b1")
    first = [True]

    def body():
        if first:
            first.clear()
            for item in track(["a0", "a1"], description="only once", resume=True):
                attempts.handle(item)
        for item in track(["b0", "b1"], description="always", resume=True):
            attempts.handle(item)

    run(attempts, body)
    assert attempts.handled == [["a0", "a1", "b0"], ["b1"]]


def test_a_loop_that_was_left_by_break_goes_on_with_that_item():
    attempts = Attempts("after")

    def body():
        for item in track(range(3), resume=True):
            attempts.handle(item)
            if item == 1:
                break
        attempts.handle("after")

    run(attempts, body)
    assert attempts.handled == [[0, 1], [1, "after"]]
