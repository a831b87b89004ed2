"""Limits as users meet them: tags of tasks, names that nobody made, their errors."""

from __future__ import annotations

import asyncio
import logging

import pytest

from flowstone import flow, task
from flowstone.concurrency.asyncio import concurrency as aconcurrency
from flowstone.concurrency.sync import concurrency, rate_limit
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError
from flowstone.wiring.process import PROCESS


def made(name: str, most: int, **options: object) -> None:
    PROCESS.limits.definitions.create(name, most, **options)


def used(name: str) -> float:
    return PROCESS.limits.definitions.usage(name).used


@pytest.mark.parametrize("way", ["call", "submit"])
def test_the_slot_of_a_tag_is_held_in_the_body_and_free_also_after_a_failure(home, way):
    made("tag:db", 1)
    seen = []

    @task(tags=["db"])
    def fails():
        seen.append(used("tag:db"))
        raise ValueError

    @flow
    def calls():
        if way == "call":
            fails(return_state=True)
        else:
            fails.submit(return_state=True)
        seen.append(used("tag:db"))

    calls()
    calls()  # the slot is there again
    assert seen == [1, 0, 1, 0]


def test_tags_of_a_block_have_limits_too(home):
    from_block = task(lambda: used("tag:db"), name="from_block")
    made("tag:db", 2)

    @flow(tags=["db"])
    def calls():
        return from_block(), from_block.submit().result()

    assert calls() == (1, 1)


def test_a_tag_without_a_limit_is_no_warning(home, caplog):
    caplog.set_level(logging.WARNING)
    assert task(lambda: 1, tags=["nobody made a limit of this"])() == 1
    assert caplog.records == []


def test_a_wait_that_takes_too_long_is_a_timeout_error(home):
    made("db", 1)
    with concurrency("db"), pytest.raises(TimeoutError) as sync, concurrency("db", 1, 0.01):
        pass

    async def waits():
        async with aconcurrency("db", 1, 0.01):
            pass

    with concurrency("db"), pytest.raises(AcquireConcurrencySlotTimeoutError):
        asyncio.run(waits())
    assert type(sync.value) is AcquireConcurrencySlotTimeoutError
    assert used("db") == 0


def test_several_names_take_a_slot_of_each_and_occupy_says_how_many(home):
    made("db", 3)
    made("gpu", 3)
    with concurrency(["db", "gpu"], occupy=2):
        assert (used("db"), used("gpu")) == (2, 2)
    assert (used("db"), used("gpu")) == (0, 0)


def test_options_of_leases_are_taken_and_change_nothing(home):
    made("db", 1)
    with concurrency("db", lease_duration=60, raise_on_lease_renewal_failure=True):
        assert used("db") == 1
    assert used("db") == 0


def test_an_inactive_limit_is_not_enforced(home):
    made("db", 1, active=False)
    with concurrency("db"), concurrency("db", timeout_seconds=0.01):
        inside = True
    assert inside


def test_a_rate_limit_gives_nothing_back(home):
    made("calls", 2, slot_decay_per_second=0.001)
    rate_limit("calls")
    rate_limit("calls")
    with pytest.raises(TimeoutError):
        rate_limit("calls", timeout_seconds=0.01)
