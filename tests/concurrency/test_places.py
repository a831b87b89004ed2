"""Futures and runs where they can do nothing: in another process, in a flow run that is over."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from contextvars import copy_context

import pytest

from flowstone import flow, task
from flowstone.futures import wait
from tests.concurrency.cells import deaf


@task
def nap(seconds):
    time.sleep(seconds)


def _say(future, answers):
    for ask in (future.result, future.wait, future.cancel):
        try:
            answers.put(repr(ask()))
        except RuntimeError as error:
            answers.put(str(error))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_future_in_a_forked_child_says_that_it_is_never_done_there(home):
    forking = multiprocessing.get_context("fork")

    @flow
    def forks():
        future, answers = nap.submit(0.5), forking.SimpleQueue()
        child = forking.Process(target=_say, args=(future, answers))
        child.start()
        child.join(10)
        return [answers.get() for _ in range(3)]

    for answer in forks():
        assert "belongs to the process that this one was forked from" in answer


def test_nothing_can_be_submitted_in_a_flow_run_that_has_ended(home):
    contexts = []

    @flow
    def ends():
        contexts.append(copy_context())

    ends()
    for verb, values in ((nap.submit, 0), (nap.map, [0])):
        with pytest.raises(RuntimeError, match="has ended"):
            contexts[0].run(verb, values)


def test_a_direct_call_that_cannot_be_interrupted_says_so_while_it_runs(recorded):
    """C2: four hours of timeout, nine hours of running, and nothing said meanwhile."""

    @task(timeout_seconds=0.1)
    def stuck():
        deaf(1.6)

    @flow(flow_run_name="it")
    def runs():
        stuck(return_state=True)

    runs()
    [line] = [
        line for line in recorded.lines if "cannot be interrupted" in line and "goes on" in line
    ]
    assert "has exceeded its timeout of 0.1 second(s)" in line


def test_a_wait_that_holds_up_a_loop_is_not_ended_by_the_stop_of_another_run(home):
    @flow(timeout_seconds=0.1)
    async def late():
        await asyncio.sleep(10)

    @flow
    async def waits():
        await asyncio.sleep(0.02)  # the other one has begun
        return nap.submit(0.6).result(), wait([nap.submit(0.3)]).not_done

    async def both():
        return await asyncio.gather(waits(), late(return_state=True))

    (result, left), state = asyncio.run(both())
    assert (result, left) == (None, set())
    assert state.name == "TimedOut"
