"""Limits of tags, as task runs meet them in all three ways of running."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.annotations import quote
from flowstone.exceptions import ConcurrencySlotAcquisitionError
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.wiring.process import PROCESS
from tests.face.recorded import Recorded


@pytest.fixture
def recorded(home):
    return Recorded(home)


class Gauge:
    """Counts who is inside, and the most there ever were."""

    def __init__(self):
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *exc):
        with self._lock:
            self.now -= 1


def limit(tag, most):
    PROCESS.limits.definitions.create(f"tag:{tag}", most)


def messages(recorded, name):
    run = recorded.created(name).run
    return [f.message for f in recorded.facts if getattr(f, "run", None) == run and _changed(f)]


def _changed(fact):
    return type(fact).__name__ == "TaskRunChanged"


def test_no_more_submitted_runs_of_a_tag_run_at_once_than_its_limit(recorded):
    gauge = Gauge()

    @task(tags=["db"])
    def query():
        with gauge:
            time.sleep(0.02)

    @flow
    def many():
        limit("db", 2)
        query.submit()
        for future in [query.submit() for _ in range(10)]:
            future.result()

    many()
    assert gauge.most == 2


def test_no_more_async_runs_of_a_tag_run_at_once_than_its_limit(recorded):
    gauge = Gauge()

    @task(tags=["db"])
    async def query():
        with gauge:
            await asyncio.sleep(0.02)

    @flow
    async def many():
        limit("db", 2)
        await asyncio.gather(*(query() for _ in range(6)))
        for future in [query.submit() for _ in range(6)]:
            await asyncio.to_thread(future.result)

    asyncio.run(many())
    assert gauge.most == 2


def test_a_run_that_waits_for_a_slot_is_pending_and_says_what_it_waits_for(recorded):
    """E12: a task that waits for a slot looks like any that is Pending."""
    leave = threading.Event()
    holds = task(lambda: leave.wait(5), name="holds", tags=["db"])
    waits = task(lambda: "in", name="waits", tags=["db"])

    @flow(flow_run_name="it")
    def queued():
        limit("db", 1)
        first = holds.submit()
        while first.state.name != "Running":
            time.sleep(0.002)
        second = waits.submit()
        while second.state.message is None:
            time.sleep(0.002)
        seen = second.state
        threading.Timer(0.05, leave.set).start()
        return (seen.name, seen.message), second.result(), waits()

    seen, late, direct = queued()
    assert seen == ("Pending", "Queued: limit tag:db (1 of 1), position 1")
    assert (late, direct) == ("in", "in")
    assert recorded.states("waits-0") == ["Pending", "Pending", "Running", "Completed"]
    assert recorded.states("waits-1") == ["Pending", "Running", "Completed"]


def test_a_direct_call_waits_in_its_place(recorded):
    leave = threading.Event()
    holds = task(lambda: leave.wait(5), name="holds", tags=["db"])
    waits = task(lambda: "in", name="waits", tags=["db"])

    @flow(flow_run_name="it")
    def queued():
        limit("db", 1)
        first = holds.submit()
        while first.state.name != "Running":
            time.sleep(0.002)
        threading.Timer(0.1, leave.set).start()
        return waits()

    assert queued() == "in"
    assert recorded.states("waits-0") == ["Pending", "Pending", "Running", "Completed"]


def test_a_delay_before_a_retry_holds_no_slot(recorded):
    """E4: a run that waits for its retry still has a slot to lose."""
    order = []

    @task(tags=["db"], retries=1, retry_delay_seconds=0.2)
    def flaky():
        order.append("flaky")
        if order.count("flaky") == 1:
            raise ValueError

    @task(tags=["db"])
    def other():
        order.append("other")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def both():
        limit("db", 1)
        first = flaky.submit()
        while first.state.name != "AwaitingRetry":
            time.sleep(0.002)
        other.submit().result(timeout=5)
        first.result(timeout=5)

    both()
    assert order == ["flaky", "other", "flaky"]


def test_a_body_that_was_left_behind_holds_its_slot_until_it_ends(recorded):
    @task(tags=["db"], timeout_seconds=0.1)
    def stuck():
        time.sleep(0.6)

    next_one = task(time.monotonic, name="next", tags=["db"])

    @flow
    def queued():
        limit("db", 1)
        began = time.monotonic()
        assert stuck.submit(return_state=True).name == "TimedOut"
        assert time.monotonic() - began < 0.5
        return next_one() - began

    assert queued() >= 0.55


def test_a_limit_of_none_fails_the_run_instead_of_waiting_for_ever(recorded):
    never = task(lambda: "in", name="never", tags=["db"], retries=3)

    @flow(flow_run_name="it")
    def queued():
        limit("db", 0)
        return quote([never.submit(return_state=True), never(return_state=True)])

    for state in queued().value:
        assert state.is_failed()
        assert isinstance(state.data, ConcurrencySlotAcquisitionError)
    assert recorded.states("never-0") == ["Pending", "Failed"]


def test_a_cancelled_run_leaves_the_queue(recorded):
    """E1: what was cancelled is still counted."""
    leave = threading.Event()
    holds = task(lambda: leave.wait(5), name="holds", tags=["db"])
    waits = task(lambda: "in", name="waits", tags=["db"])

    @flow
    def queued():
        limit("db", 1)
        first = holds.submit()
        while first.state.name != "Running":
            time.sleep(0.002)
        second, third = waits.submit(), waits.submit()
        while second.state.message is None or third.state.message is None:
            time.sleep(0.002)
        assert second.cancel()
        second.wait(timeout=5)
        leave.set()
        return second.state.name, third.result(timeout=5)

    assert queued() == ("Cancelled", "in")
    assert PROCESS.limits.definitions.usage("tag:db").used == 0
