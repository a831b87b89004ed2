"""SIGTERM while several flows run at once: who hears it after, and who in a forked child."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal

import pytest

from flowstone import flow


def test_flows_that_do_not_end_in_turn_leave_sigterm_to_those_who_heard_it_before(home):
    before = signal.getsignal(signal.SIGTERM)
    go_on = asyncio.Event()

    @flow
    async def first():
        await asyncio.sleep(0)

    @flow
    async def second():
        await go_on.wait()

    async def both():
        one, other = asyncio.ensure_future(first()), asyncio.ensure_future(second())
        await one
        assert signal.getsignal(signal.SIGTERM) is not before
        go_on.set()
        await other

    asyncio.run(both())
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_forked_beside_several_flows_has_the_handler_from_before_all_of_them(home):
    forking = multiprocessing.get_context("fork")
    child = forking.Process(target=expect_handler, args=(signal.getsignal(signal.SIGTERM),))

    @flow
    async def waits(ready, go_on):
        ready.set()
        await go_on.wait()

    async def both():
        ready, go_on = [asyncio.Event(), asyncio.Event()], asyncio.Event()
        flows = [asyncio.ensure_future(waits(one, go_on)) for one in ready]
        for one in ready:
            await one.wait()
        child.start()
        child.join(10)
        go_on.set()
        for one in flows:
            await one

    asyncio.run(both())
    assert child.exitcode == 0


def expect_handler(expected):
    assert signal.getsignal(signal.SIGTERM) is expected
