"""On which thread of a pool a story goes on, and that no story is forgotten."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import pytest

from flowstone.core.context import RunContext
from flowstone.core.outcome import Ok
from flowstone.core.runs import TaskRun
from flowstone.drive.pool import Pool
from flowstone.drive.stories import Pause
from flowstone.drive.switching import SWITCHING
from tests.engine.scripted import Spec

CONTEXT = RunContext(TaskRun(), Spec(), None, None, False)


class Gate:
    """What a story waits for, opened by hand."""

    def __init__(self) -> None:
        self.is_done = False
        self._calls: list[Callable[[Any], object]] = []

    @property
    def is_waited_for(self) -> bool:
        return bool(self._calls)

    def when_done(self, call: Callable[[Any], object]) -> None:
        self._calls.append(call)

    def open(self) -> None:
        self.is_done = True
        for call in self._calls:
            call(self)


class ShutGate(Gate):
    """Goes into a queue once it is waited for."""

    def __init__(self, shut: SimpleQueue[Gate | None]) -> None:
        super().__init__()
        self._shut = shut

    def when_done(self, call: Callable[[Any], object]) -> None:
        super().when_done(call)
        self._shut.put(self)


class Told:
    """A job: it tells a story, and is `over` once that has ended."""

    def __init__(self, story: Any) -> None:
        self._story = story
        self.over = threading.Event()
        self.outcome: Any = None

    def begin(self) -> Any:
        return self._story, copy_context()

    def record(self) -> None:
        """There is no record."""

    def finish(self, outcome: Any) -> None:
        self.outcome = outcome
        self.over.set()

    @property
    def value(self) -> Any:
        assert self.over.wait(20)
        return self.outcome.unwrap()


@pytest.fixture
def pools():
    """Makes pools that are closed at the end."""
    made: list[Pool] = []

    def make(most: int | None = None) -> Pool:
        made.append(Pool(most))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def told(pool: Pool, story: Any) -> Told:
    job = Told(story)
    pool.put(job)
    return job


async def here():
    return Ok(threading.get_ident())


async def stays_until(event: threading.Event):
    event.wait(20)
    return Ok(threading.get_ident())


async def waits_for(*gates: Gate):
    """Tell on which threads the story was, before each wait and at the end."""
    seen = []
    for gate in gates:
        seen.append(threading.get_ident())
        await Pause(CONTEXT, [gate], 0.0)
    return Ok([*seen, threading.get_ident()])


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def occupy(pool: Pool, number: int) -> tuple[threading.Event, list[Told]]:
    """Keep so many threads busy until the event."""
    event = threading.Event()
    jobs = [told(pool, stays_until(event)) for _ in range(number)]
    until(lambda: not pool._items)
    return event, jobs


def open_them(shut: SimpleQueue[Gate | None]) -> None:
    while (gate := shut.get()) is not None:
        gate.open()


def all_are_idle(pool: Pool) -> bool:
    return len(pool._idle) == pool._threads


def test_a_story_that_waited_goes_on_in_its_old_thread_where_others_went_idle_later(pools):
    pool = pools()
    end, others = occupy(pool, 4)
    gates = Gate(), Gate()
    story = told(pool, waits_for(*gates))
    until(lambda: gates[0].is_waited_for and len(pool._idle) > 0)
    end.set()
    assert len({one.value for one in others}) == 4
    for gate in gates:
        until(lambda gate=gate: gate.is_waited_for and all_are_idle(pool))
        gate.open()
    assert len(set(story.value)) == 1


def test_a_story_whose_old_thread_is_busy_goes_on_in_another_one_at_once(pools):
    pool, gate = pools(), Gate()
    story = told(pool, waits_for(gate))
    until(lambda: gate.is_waited_for and all_are_idle(pool))
    end, [other] = occupy(pool, 1)  # in the thread that the story left
    gate.open()
    before, after = story.value
    assert not other.over.is_set()
    end.set()
    assert other.value == before != after


def test_jobs_one_after_the_other_stay_on_the_thread_that_is_warm(pools):
    pool = pools()
    end, others = occupy(pool, 8)
    end.set()
    assert len({one.value for one in others}) == 8
    threads = set()
    for _ in range(50):
        until(lambda: all_are_idle(pool))
        threads.add(told(pool, here()).value)
    assert len(threads) == 1


class Nap(dict[Any, Any]):
    """Idle workers; while one lies down for the first time another thread puts a job."""

    def __init__(self, put: Callable[[], object]) -> None:
        super().__init__()
        self._put = [put]

    def __setitem__(self, worker: Any, value: Any) -> None:
        if self._put:
            self._put.pop()()
        super().__setitem__(worker, value)


def test_a_job_that_comes_while_a_worker_goes_idle_is_not_forgotten(pools):
    pool, jobs, idle = pools(1), [], []

    async def looks():
        idle.append(len(pool._idle))
        return Ok(None)

    pool._idle = Nap(lambda: jobs.append(told(pool, looks())))
    told(pool, here())
    until(lambda: bool(jobs))
    assert jobs[0].value is None
    assert idle == [0]


@pytest.mark.parametrize("most", [1, 2, 5, None])
def test_of_many_stories_that_wait_shortly_none_is_forgotten(pools, most):
    """In a bounded pool no new thread hides a worker that nobody woke."""
    pool = pools(most)
    shut: SimpleQueue[Gate | None] = SimpleQueue()
    openers = [threading.Thread(target=open_them, args=(shut,)) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for opener in openers:
            opener.start()
        jobs = [told(pool, waits_for(*[ShutGate(shut) for _ in range(30)])) for _ in range(60)]
        assert {len(job.value) for job in jobs} == {31}
    finally:
        sys.setswitchinterval(interval)
        for _ in openers:
            shut.put(None)
    until(lambda: all_are_idle(pool))
    assert most is None or pool._threads <= most


def test_bodies_that_wait_get_threads_beside_others_that_compute(pools, monkeypatch):
    monkeypatch.setattr(time, "process_time", time.monotonic)  # others use a whole core
    pool = pools()
    inside, most = [], []

    async def waits():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.5)
        inside.pop()
        return Ok(None)

    for job in [told(pool, waits()) for _ in range(300)]:
        assert job.over.wait(20)
    assert max(most) > 60  # twenty, where what others compute counts as the bodies' own


def test_beyond_a_few_threads_each_doubling_has_time_to_show_that_it_moves_nothing(
    pools, monkeypatch
):
    pool = pools()
    grown, grow = [], pool._grow

    def grows(number):
        grown.append((time.monotonic(), number))
        return grow(number)

    monkeypatch.setattr(pool, "_grow", grows)
    end, _ = occupy(pool, 150)
    end.set()
    slowly = [at for at, number in grown if number >= 16]
    assert len(slowly) >= 2, grown
    assert all(later - at >= 0.02 for at, later in pairwise(slowly)), grown


def test_a_pool_grows_by_fewer_threads_where_each_is_long_in_coming(pools, monkeypatch):
    pool = pools()
    monkeypatch.setattr("flowstone.drive.pool._SLOWLY", 0.0)
    assert pool._grow(100) == pool._threads == 1


def test_a_pool_whose_bodies_compute_keeps_few_of_its_threads(pools, monkeypatch):
    pool = pools()
    monkeypatch.setattr(pool, "_clocks", Clocks(1.5))
    end, waiting = occupy(pool, 100)
    computed = [told(pool, here()) for _ in range(100)]
    end.set()
    assert all(one.value for one in [*waiting, *computed])
    until(lambda: pool._threads <= max(16, os.cpu_count()))
    assert told(pool, here()).value  # those that are left do what comes


def test_a_pool_whose_bodies_wait_keeps_its_threads(pools, monkeypatch):
    pool = pools()
    monkeypatch.setattr(pool, "_clocks", Clocks(0.3))
    end, waiting = occupy(pool, 100)
    threads = pool._threads
    end.set()
    assert all(one.value for one in waiting)
    until(lambda: all_are_idle(pool))
    assert pool._threads == threads >= 100


def test_many_threads_have_the_interpreter_for_longer_while_they_are_busy(pools, monkeypatch):
    until(lambda: not SWITCHING._wanted)  # the pool of another test may just have become idle
    own = sys.getswitchinterval()
    monkeypatch.setattr("flowstone.drive.pool._MANY", 50)
    monkeypatch.setattr("flowstone.drive.switching._EACH", 0.001)
    pool = pools()
    end, waiting = occupy(pool, 100)
    until(lambda: sys.getswitchinterval() > 0.09)
    end.set()
    assert all(one.value for one in waiting)
    until(lambda: sys.getswitchinterval() == own)
    assert pool._threads >= 100


class Clocks:
    """Those of threads that use so much of a core."""

    def __init__(self, share: float) -> None:
        self._share = share

    def share(self) -> float:
        return self._share

    def join(self) -> None:
        """Count nobody."""

    leave = join
