"""Many at once: nothing locks up, and the time is right. `benchmarks/concurrency.py` has more."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowstone import flow, task
from flowstone.runners.threads import SHARED
from flowstone.store.queries import open_store
from flowstone.task_runners import ThreadPoolTaskRunner


@pytest.fixture
def pool(home, monkeypatch):
    """The pool without a bound, with no threads in it yet."""
    monkeypatch.setattr(SHARED, "pool", None)
    pool = SHARED.shared_pool()
    yield pool
    pool.close()


@task
def nested(n):
    return 0 if n == 0 else nested.submit(n - 1).result() + 1


def counts(home):
    with open_store(home) as store:
        [run] = store.flow_runs()
        return store.task_counts(run.id)


def turn(turns):
    total = 0
    for number in range(turns):
        total += number
    return total


def test_two_thousand_sleeps_of_a_second_take_little_more_than_one(pool, home):
    @flow
    def sleeps():
        task(time.sleep, name="nap").map([1] * 2000).wait()

    began = time.monotonic()
    sleeps()
    assert time.monotonic() - began < 25  # 1.7 s on a quiet machine; 250 s with eight threads
    assert counts(home) == {"Completed": 2000}


def test_three_hundred_tasks_that_wait_for_each_other_meet(pool):
    barrier = threading.Barrier(300)

    @task
    def meet():
        barrier.wait(15)
        return 1

    @flow
    def meeting():
        return sum(future.result() for future in [meet.submit() for _ in range(300)])

    assert meeting() == 300


def test_computing_takes_few_threads_and_no_longer_than_with_eight(pool):
    began = time.thread_time()
    turn(100_000)
    turns = int(100_000 * 0.01 / (time.thread_time() - began))

    @flow
    def computes():
        task(turn).map([turns] * 300).wait()

    def spent(call):
        began = time.process_time()
        call()
        return time.process_time() - began

    with ThreadPoolExecutor(8) as eight:
        bare = spent(lambda: list(eight.map(turn, [turns] * 300)))
    ours = spent(computes)
    assert pool._threads <= 32
    assert ours < 2 * bare  # 1.0 where nothing else runs


def test_a_thousand_submits_inside_each_other_come_back(pool, home):
    @flow
    def nests():
        return nested.submit(1000).result(timeout=18)

    assert nests() == 1000
    assert counts(home) == {"Completed": 1001}


@pytest.mark.parametrize("most", [1, 2])
def test_a_bounded_pool_nests_deeper_than_it_has_places(home, most):
    @task
    def halves(n):
        if n <= 1:
            return 1
        return sum(future.result() for future in halves.map([n // 2, n - n // 2]))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=most))
    def nests():
        return halves.submit(64).result(timeout=18)

    assert nests() == 64
    assert counts(home) == {"Completed": 127}


def test_ten_thousand_async_tasks_are_awaited_at_once(home):
    inside, all_here = [], asyncio.Event()

    @task
    async def meet():
        inside.append(1)
        if len(inside) == 10_000:
            all_here.set()
        await all_here.wait()
        return 1

    @flow
    async def gathers():
        return sum(await asyncio.gather(*[meet() for _ in range(10_000)]))

    assert asyncio.run(asyncio.wait_for(gathers(), 18)) == 10_000
    assert counts(home) == {"Completed": 10_000}


def test_async_tasks_that_block_get_as_many_loops_as_they_need(home, monkeypatch):
    monkeypatch.setattr(SHARED, "loops", None)
    threads = set()

    @task
    async def blocks():
        threads.add(threading.get_ident())
        time.sleep(0.2)

    @flow
    def many():
        for future in [blocks.submit() for _ in range(100)]:
            future.result(timeout=18)

    many()
    assert 20 < len(threads) <= 64  # with nine they take 3 s, with fifty 1 s


def test_tasks_of_every_kind_wait_for_each_other_in_one_flow(pool):
    @task
    async def asks(n):
        return nested.submit(n).result() + (asks.submit(n - 1).result() if n else 0)

    @task
    def mixes(n):
        return asks.submit(n).result() + (mixes.submit(n - 1).result() if n else 0)

    @flow
    async def gathers():
        futures = [mixes.submit(n) for n in range(8)]
        return [future.result(timeout=18) for future in futures]

    expected = [sum(sum(range(m + 1)) for m in range(n + 1)) for n in range(8)]
    assert asyncio.run(gathers()) == expected
