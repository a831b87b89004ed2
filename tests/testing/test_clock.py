"""A clock turned by hand: delays take no time, and all times are its time."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from flowstone import flow, task
from flowstone.concurrency.asyncio import rate_limit as arate_limit
from flowstone.concurrency.sync import rate_limit
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError
from flowstone.testing import flowstone_test_harness, hand_turned_clock, recorded_runs
from flowstone.wiring.process import PROCESS

DELAYS = [60, 600]
STATES = ("Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Failed")


@pytest.fixture
def clock():
    with flowstone_test_harness(), hand_turned_clock() as clock:
        yield clock


@task(retries=2, retry_delay_seconds=DELAYS)
def fails():
    raise ValueError("no")


@task(retries=2, retry_delay_seconds=DELAYS)
async def afails():
    raise ValueError("no")


@task(retries=2, retry_delay_seconds=DELAYS)
def yields_and_fails():
    yield 1
    raise ValueError("no")


def direct():
    fails(return_state=True)


def submitted():
    fails.submit().wait()


def async_submitted():
    afails.submit().wait()


def generated():
    with pytest.raises(ValueError, match="no"):
        list(yields_and_fails())


async def awaited():
    await afails(return_state=True)


async def sync_in_async():
    fails(return_state=True)


@pytest.mark.parametrize(
    "body", [direct, submitted, async_submitted, generated, awaited, sync_in_async]
)
def test_retry_delays_of_minutes_take_no_time(body, clock):
    run = flow(body)
    began = time.monotonic()
    if run.isasync:
        asyncio.run(run())
    else:
        run()
    assert time.monotonic() - began < 30
    assert clock.waits == DELAYS
    [found] = [one for one in recorded_runs() if one.kind == "task"]
    assert found.states == STATES
    assert found.run_count == 3
    assert found.end_time - found.start_time == timedelta(seconds=660)


def test_a_flow_that_is_retried_waits_no_longer(clock):
    @flow(retries=1, retry_delay_seconds=3600)
    def nightly():
        raise ValueError("no")

    nightly(return_state=True)
    assert clock.waits == [3600]


def test_it_stands_still_between_turns(clock):
    @flow
    def quick():
        time.sleep(0.01)

    before = clock.time
    quick()
    clock.turn(90.5)
    quick()
    first, second = recorded_runs()
    assert (first.start_time, first.end_time) == (before, before)
    assert second.start_time == before + timedelta(seconds=90.5)
    assert clock.waits == []


def test_delays_of_runs_beside_each_other_all_go_by(clock):
    @flow
    def many():
        for future in [fails.submit() for _ in range(20)]:
            future.wait()

    many()
    assert sorted(clock.waits) == sorted(DELAYS * 20)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_it_is_turned_forward_only(seconds, clock):
    with pytest.raises(ValueError, match="forward"):
        clock.turn(seconds)


def test_waits_for_a_rate_turn_it_by_what_is_needed(clock):
    PROCESS.limits.definitions.create("api", 1, slot_decay_per_second=0.01)
    rate_limit("api")
    rate_limit("api")
    asyncio.run(_aonce())
    assert clock.waits == pytest.approx([100, 100])


async def _aonce():
    await arate_limit("api")


def test_callers_of_a_rate_beside_each_other_are_all_let_in(clock):
    PROCESS.limits.definitions.create("api", 2, slot_decay_per_second=0.02)

    @task
    def call():
        rate_limit("api")
        return 1

    @flow
    def calls():
        return [future.result() for future in [call.submit() for _ in range(8)]]

    assert calls() == [1] * 8
    assert sum(clock.waits) >= 299


def test_a_rate_that_has_no_room_in_time_times_out_by_the_clock(clock):
    PROCESS.limits.definitions.create("api", 1, slot_decay_per_second=0.01)
    rate_limit("api")
    with pytest.raises(AcquireConcurrencySlotTimeoutError, match="within 30 second"):
        rate_limit("api", timeout_seconds=30)
    assert clock.waits == pytest.approx([30])


def test_timeouts_of_what_really_runs_stay_real(clock):
    @task(timeout_seconds=0.05)
    def sleeps():
        time.sleep(60)

    assert sleeps(return_state=True).name == "TimedOut"
    assert clock.waits == []


def test_afterwards_delays_are_real_again():
    with flowstone_test_harness():
        with hand_turned_clock() as clock:
            fails(return_state=True)
        began = time.monotonic()
        fails.with_options(retries=1, retry_delay_seconds=0.1)(return_state=True)
        assert time.monotonic() - began >= 0.1
        assert clock.waits == DELAYS
