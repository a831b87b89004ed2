from __future__ import annotations

import threading
from typing import Any

import pytest

from flowstone import flow, task
from flowstone.exceptions import UpstreamTaskError
from flowstone.task_runners import ThreadPoolTaskRunner


@task
def use(x, y=None):
    return None


@task
def same(x):
    return x


def held_back(body):
    """Run a body while the only worker is busy, so that what it submits begins afterwards."""
    held = threading.Event()

    @task
    def block():
        held.wait(10)

    def whole():
        block.submit()
        futures = body()
        held.set()
        for future in futures:
            future.wait()
        return futures

    futures: list[Any] = []
    flow(lambda: futures.extend(whole()), task_runner=ThreadPoolTaskRunner(max_workers=1))()
    return futures


@pytest.mark.parametrize("where", ["wait_for", "x"])
def test_a_run_that_waits_for_itself_fails_and_says_deadlock(recorded, where):
    def body():
        futures: list[Any] = []
        futures.append(use.submit(**{"x": None, where: futures}))
        return futures

    [future] = held_back(body)
    with pytest.raises(ValueError, match=rf"'use-0'.*deadlock.*'{where}'"):
        future.result()
    assert recorded.states("use-0") == ["Pending", "Failed"]


def test_runs_that_wait_for_each_other_end_and_say_deadlock(home):
    def body():
        firsts: list[Any] = []
        second = use.submit(1, wait_for=firsts)
        third = use.submit(second)
        firsts.append(third)
        return second, third

    second, third = held_back(body)
    errors = [future.result(raise_on_failure=False) for future in (second, third)]
    assert "deadlock" in str(next(each for each in errors if isinstance(each, ValueError)))
    assert any(isinstance(each, UpstreamTaskError) for each in errors)


def test_a_list_that_was_filled_later_with_others_is_waited_for(home):
    def body():
        later: list[Any] = []
        first = same.submit(later)
        later.append(same.submit("there"))
        return [first]

    [first] = held_back(body)
    assert first.result() == ["there"]
