"""`concurrency` and `rate_limit`, as users call them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.concurrency import asyncio as with_loop
from flowstone.concurrency import sync
from flowstone.concurrency.sync import concurrency, rate_limit
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from flowstone.task_runners import ThreadPoolTaskRunner
from tests.face.recorded import Recorded

pytestmark = pytest.mark.usefixtures("home")


class Crowd:
    """How many were inside at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self.inside = self.most = self.times = 0

    def __enter__(self):
        with self._lock:
            self.inside += 1
            self.times += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_):
        with self._lock:
            self.inside -= 1


def test_no_more_submitted_tasks_are_inside_than_the_limit_says(limits):
    limits.definitions.create("db", 3)
    crowd = Crowd()
    full = threading.Barrier(3)

    @task
    def query(n):
        with concurrency("db"), crowd:
            full.wait(10)
        return n

    @flow
    def queries():
        return sum(query.map(range(39)).result())

    assert queries() == sum(range(39))
    assert (crowd.most, crowd.times) == (3, 39)
    assert limits.definitions.usage("db").used == 0


def test_async_code_waits_without_blocking_its_loop(limits):
    """E11: async tasks that wait at a limit stop their loop."""
    limits.definitions.create("db", 2)
    crowd = Crowd()

    async def query():
        async with with_loop.concurrency("db"):
            with crowd:
                await asyncio.sleep(0.005)

    async def tick(ticks):
        while True:
            await asyncio.sleep(0)
            ticks.append(None)

    @flow
    async def queries():
        ticks = []
        ticker = asyncio.create_task(tick(ticks))
        await asyncio.gather(*(query() for _ in range(30)))
        ticker.cancel()
        return len(ticks)

    assert asyncio.run(queries()) > 100
    assert (crowd.most, crowd.times) == (2, 30)


def test_a_place_in_a_bounded_pool_is_lent_while_a_body_waits_for_a_slot(limits):
    limits.definitions.create("db", 1)

    @task
    def part():
        return 1

    @task
    def whole(n):
        with concurrency("db"):
            return part.submit().result() + n

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def wholes():
        return whole.map(range(6)).result()

    assert wholes() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("names", ["db", ["db"], ("db", "db"), ["nowhere", "db"]])
def test_a_limit_is_held_in_the_body_and_free_behind_it(limits, names):
    limits.definitions.create("db", 2)
    with concurrency(names):
        assert limits.definitions.usage("db").used == 1
    assert limits.definitions.usage("db").used == 0


def test_a_body_that_raises_frees_its_slot(limits):
    limits.definitions.create("db", 1)
    with pytest.raises(ZeroDivisionError), concurrency("db"):
        _ = 1 / 0
    assert limits.definitions.usage("db").used == 0


@pytest.mark.parametrize("names", [None, "", [], ()])
def test_without_names_there_is_nothing_to_wait_for(limits, names, caplog):
    with concurrency(names, strict=True):
        rate_limit(names)
    assert caplog.messages == []


def test_a_function_can_be_decorated(limits):
    limits.definitions.create("db", 1)

    @concurrency("db")
    def used():
        return limits.definitions.usage("db").used

    assert (used(), used()) == (1, 1)


def test_who_may_not_wait_longer_is_told_what_for(limits):
    limits.definitions.create("db", 1)
    began = time.monotonic()
    with concurrency("db"):
        with (
            pytest.raises(AcquireConcurrencySlotTimeoutError) as raised,
            concurrency("db", timeout_seconds=0.1),
        ):
            pass
        assert isinstance(raised.value, TimeoutError)
        expected = "No slot within 0.1 second(s): limit db (1 of 1), position 1."
        assert str(raised.value) == expected
    assert time.monotonic() - began < 5
    with concurrency("db", timeout_seconds=0):
        pass  # the one that timed out left nothing behind


def test_no_retry_means_not_to_wait(limits):
    limits.definitions.create("db", 1)
    with (
        concurrency("db"),
        pytest.raises(ConcurrencySlotAcquisitionError, match="0 retries"),
        concurrency("db", max_retries=0, timeout_seconds=10),
    ):
        pass


def test_async_waits_end_at_their_time_and_leave_nothing_behind(limits):
    limits.definitions.create("db", 1)

    async def main():
        async with with_loop.concurrency("db"):
            with pytest.raises(AcquireConcurrencySlotTimeoutError):
                async with with_loop.concurrency("db", timeout_seconds=0.05):
                    pass
            waiter = asyncio.create_task(with_loop.concurrency("db").__aenter__())
            await asyncio.sleep(0.02)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
        usage = limits.definitions.usage("db")
        assert (usage.used, usage.waiting) == (0, 0)

    asyncio.run(main())


@pytest.mark.parametrize("occupy", [0, 2])
def test_what_can_never_be_had_is_an_error(limits, occupy):
    limits.definitions.create("db", 1)
    with pytest.raises(ConcurrencySlotAcquisitionError), concurrency("db", occupy=occupy):
        pass
    assert limits.definitions.usage("db").used == 0


def test_a_missing_limit_is_a_warning_that_says_how_to_make_it(limits, caplog):
    limits.definitions.create("db", 1)
    with caplog.at_level(logging.WARNING, logger="flowstone"), concurrency(["db", "no-such"]):
        assert limits.definitions.usage("db").used == 1
    [message] = caplog.messages
    assert "There is no limit 'no-such'. Make it: flowstone gcl create no-such --limit" in message


def test_a_missing_rate_limit_says_that_it_needs_a_decay(limits, caplog):
    with caplog.at_level(logging.WARNING, logger="flowstone"):
        rate_limit("api")
    assert "flowstone gcl create api --limit N --slot-decay-per-second N" in caplog.text


@pytest.mark.parametrize("names", ["no-such", ["db", "no-such"]])
def test_a_missing_limit_is_an_error_where_one_is_strict_and_nothing_stays_held(limits, names):
    limits.definitions.create("db", 1)
    with (
        pytest.raises(ConcurrencySlotAcquisitionError, match="'no-such'"),
        concurrency(names, strict=True),
    ):
        pass
    assert limits.definitions.usage("db").used == 0


def test_a_run_that_waits_says_for_what_at_which_place(limits, home):
    limits.definitions.create("db", 1)

    @task
    def query():
        with concurrency("db"):
            return limits.definitions.usage("db").holders[0].label

    @flow
    def queries():
        with concurrency("db"):
            futures = [query.submit(), query.submit()]
            time.sleep(1.3)
        return [future.result() for future in futures]

    assert sorted(queries()) == ["task run query-0", "task run query-1"]
    said = [line for line in Recorded(home).lines if line.startswith("Queued")]
    assert sorted(said) == [
        "Queued: limit db (1 of 1), position 1",
        "Queued: limit db (1 of 1), position 2",
    ]


def test_a_rate_lets_so_many_pass_in_a_time(limits):
    limits.definitions.create("api", 1, slot_decay_per_second=50)
    began = time.monotonic()
    for _ in range(11):
        rate_limit("api")
    assert time.monotonic() - began >= 0.2


def test_an_async_rate_lets_so_many_pass_in_a_time(limits):
    limits.definitions.create("api", 1, slot_decay_per_second=50)

    async def main():
        await asyncio.gather(*(with_loop.rate_limit("api") for _ in range(11)))

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began >= 0.2


def test_a_rate_can_time_out_and_needs_a_decay(limits):
    limits.definitions.create("api", 1, slot_decay_per_second=0.001)
    limits.definitions.create("db", 1)
    rate_limit("api", timeout_seconds=0)
    with pytest.raises(AcquireConcurrencySlotTimeoutError, match="rate limit api"):
        rate_limit("api", timeout_seconds=0.05)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="is no rate"):
        rate_limit("db")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no-such"):
        rate_limit("no-such", strict=True)


def test_a_task_that_is_stopped_while_it_waits_leaves_no_place_behind(limits):
    limits.definitions.create("db", 1)

    @task(timeout_seconds=0.2)
    def query():
        with concurrency("db"):
            pass

    @flow
    def queries():
        with concurrency("db"):
            state = query(return_state=True)
            usage = limits.definitions.usage("db")
            return state.name, usage.used, usage.waiting

    assert queries() == ("TimedOut", 1, 0)


def test_both_faces_take_the_same_arguments():
    for name in ("concurrency", "rate_limit"):
        one, other = getattr(sync, name), getattr(with_loop, name)
        parameters = [list(inspect.signature(face).parameters.values()) for face in (one, other)]
        assert parameters[0] == parameters[1]
    assert sync.__all__ == with_loop.__all__
