"""`track`: what it gives, records and shows, and where cancelling takes effect."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time

import pytest

import flowstone
from flowstone import flow, task, track, tracking
from flowstone.core.facts import ProgressMade
from flowstone.core.tracked import OPEN
from flowstone.drive.live.lookout import _loop_views
from flowstone.runtime import flow_run, task_run
from flowstone.store.queries import open_store

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def clock(monkeypatch):
    """A clock for `track` that stands still unless it is moved."""
    now = [1000.0]
    monkeypatch.setattr(tracking, "monotonic", lambda: now[0])
    return now


def progress(recorded) -> list[tuple[str, int, int | None]]:
    facts = [fact for fact in recorded.facts if isinstance(fact, ProgressMade)]
    return [(fact.description, fact.done, fact.total) for fact in facts]


async def numbers(count: int):
    for number in range(count):
        yield number


def test_outside_of_a_run_it_is_the_iterable(recorded):
    assert list(track([1, 2, 3], description="x", resume=True)) == [1, 2, 3]

    async def loop():
        return [number async for number in track(numbers(3))]

    assert asyncio.run(loop()) == [0, 1, 2]
    assert recorded.facts == []


def test_in_a_run_it_gives_the_same_items_and_records_where_it_began_and_ended(recorded, clock):
    @task
    def loop():
        return [item for item in track("abc", description="letters")]  # noqa: C416 - looped over

    assert loop() == ["a", "b", "c"]
    assert progress(recorded) == [("letters", 0, 3), ("letters", 3, 3)]


def test_async_iterables_are_tracked_alike(recorded, clock):
    @task
    async def loop():
        return [number async for number in track(numbers(4), total=4, description="n")]

    assert asyncio.run(loop()) == [0, 1, 2, 3]
    assert progress(recorded) == [("n", 0, 4), ("n", 4, 4)]


def test_records_come_at_most_each_fifth_of_a_second_and_at_the_end(recorded, clock):
    @task
    def loop():
        for _ in track(range(1000)):
            clock[0] += 0.01

    loop()
    told = [done for _, done, _ in progress(recorded)]
    assert told[0] == 0
    assert told[-1] == 1000
    assert 45 <= len(told) <= 52
    assert min(after - before for before, after in itertools.pairwise(told[:-1])) >= 20


def test_a_million_items_in_no_time_are_two_records(recorded, clock):
    @task
    def loop():
        return sum(1 for _ in track(range(1_000_000)))

    assert loop() == 1_000_000
    assert progress(recorded) == [("", 0, 1_000_000), ("", 1_000_000, 1_000_000)]


@pytest.mark.parametrize(
    ("given", "total", "expected"),
    [((x for x in "ab"), None, None), (iter([1, 2]), 2, 2), ({"a": 1}, None, 1), ([1, 2], 9, 9)],
)
def test_the_total_is_what_is_given_or_else_the_length(given, total, expected, recorded):
    @task
    def loop():
        for _ in track(given, total=total):
            pass

    loop()
    assert progress(recorded)[0][2] == expected


def test_a_total_that_is_no_number_of_items_is_refused_at_once():
    with pytest.raises(TypeError, match=r"whole number; got 2\.5"):
        track([1], total=2.5)
    with pytest.raises(ValueError, match="0 or more; got -1"):
        track([1], total=-1)


@pytest.mark.parametrize("way", ["break", "raise", "return"])
def test_a_loop_that_is_left_tells_where(way, recorded, clock):
    @task
    def loop():
        for number in track(range(10), description="left"):
            if number == 6:
                if way == "raise":
                    raise ValueError
                if way == "return":
                    return
                break

    loop(return_state=True)
    assert progress(recorded) == [("left", 0, 10), ("left", 6, 10)]
    assert "left" not in {description for _, description in OPEN}


def test_an_async_loop_that_is_left_tells_where(recorded, clock):
    @task
    async def loop():
        async for number in track(numbers(10), total=10, description="left"):
            if number == 6:
                raise ValueError

    asyncio.run(loop(return_state=True))
    assert progress(recorded) == [("left", 0, 10), ("left", 6, 10)]
    assert "left" not in {description for _, description in OPEN}


def test_what_the_iterable_raises_reaches_the_loop(recorded, clock):
    def broken():
        yield 1
        raise KeyError("no more")

    @task
    def loop():
        for _ in track(broken()):
            pass

    with pytest.raises(KeyError, match="no more"):
        loop()
    assert progress(recorded) == [("", 0, None), ("", 1, None)]


def test_what_cannot_be_looped_over_is_an_error_where_the_loop_is():
    @task
    def loop():
        for _ in track(5):
            pass

    with pytest.raises(TypeError, match="'int' object is not iterable"):
        loop()


def test_flow_runs_and_submitted_task_runs_have_progress_of_their_own(home):
    @task
    def inner(number):
        for _ in track(range(number), description="inner"):
            pass
        return task_run.id

    @flow
    def outer():
        futures = [inner.submit(number) for number in track([3, 5], description="outer")]
        return flow_run.id, [future.result() for future in futures]

    of_flow, of_tasks = outer()
    with open_store(home) as store:
        found = [
            [(one.description, one.done, one.total) for one in store.progress(row.id)]
            for row in [
                store.find_flow_run(of_flow),
                *(store.find_task_run(run) for run in of_tasks),
            ]
        ]
    assert found == [[("outer", 2, 2)], [("inner", 3, 3)], [("inner", 5, 5)]]


def test_an_inner_loop_shares_the_line_of_its_description(home):
    @task
    def loop():
        for _ in track(range(3), description="outer"):
            for _ in track(range(4), description="inner"):
                pass
        return task_run.id

    run = loop()
    with open_store(home) as store:
        loops = {
            one.description: (one.done, one.total)
            for one in store.progress(store.find_task_run(run).id)
        }
    assert loops == {"outer": (3, 3), "inner": (4, 4)}


def test_cancelling_takes_effect_at_the_next_item():
    begun, handled = threading.Event(), []

    @task
    def loop():
        for number in track(itertools.count(), description="cancelled"):
            begun.set()
            handled.append(number)

    @flow
    def main():
        future = loop.submit()
        begun.wait(10)
        assert future.cancel()
        future.wait(10)
        return future.state

    assert main(return_state=True).name == "Cancelled"
    assert handled


def test_an_async_loop_is_cancelled_at_the_next_item_though_it_never_waits():
    begun = threading.Event()

    async def endless():
        while True:
            yield 1

    @task
    async def loop():
        async for _ in track(endless()):
            begun.set()

    @flow
    def main():
        future = loop.submit()
        begun.wait(10)
        future.cancel()
        future.wait(10)
        return future.state

    assert main(return_state=True).name == "Cancelled"


def test_a_deadline_takes_effect_at_the_next_item():
    @task(timeout_seconds=0.1)
    def loop():
        for _ in track(itertools.count()):
            time.sleep(0.001)

    assert loop(return_state=True).name == "TimedOut"


def test_a_look_at_the_open_loops_shows_those_of_a_flow_run():
    seen = []

    @task
    def inner():
        for number in track(range(4), description="rows"):
            if number == 2:
                seen.extend(_loop_views(run_key()))

    @flow
    def main():
        for _ in track(iter("ab")):
            inner()

    def run_key():
        return flowstone.context.FlowRunContext.get().flow_run.key

    main()
    assert [(one.task, one.done, one.total) for one in seen[1:2]] == [("rows", 2, 4)]
    assert (seen[0].done, seen[0].total) == (0, None)
    assert "rows" not in {description for _, description in OPEN}


def test_a_track_may_be_looped_over_twice(recorded):
    @task
    def loop():
        pages = track([1, 2], description="pages")
        return list(pages) + list(pages)

    assert loop() == [1, 2, 1, 2]


def test_it_is_among_the_names_of_the_package():
    assert flowstone.track is tracking.track
    assert "track" in flowstone.__all__
