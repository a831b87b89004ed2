"""A run that waited for its retry goes on where it was: what it opened there can be used."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.runners.threads import SHARED
from flowstone.task_runners import ThreadPoolTaskRunner
from tests.concurrency.cells import deaf


@pytest.fixture
def pool(home, monkeypatch):
    """The pool without a bound, with no threads in it yet."""
    monkeypatch.setattr(SHARED, "pool", None)
    pool = SHARED.shared_pool()
    yield pool
    pool.close()


@task
def stays(event):
    event.wait(15)
    return threading.get_ident()


def test_a_connection_of_the_first_attempt_works_in_the_second_after_a_delay(pool):
    """SQLite refuses a connection to every thread but the one that opened it."""
    opened, sums = [], []

    def ask(*_given):
        sums.append(opened[0].execute("select 1 + 1").fetchone()[0])
        return True

    def end(*_given):
        ask()
        opened[0].close()

    @task(retries=1, retry_delay_seconds=0.05, retry_condition_fn=ask, on_completion=[end])
    def reads():
        if not opened:
            opened.append(sqlite3.connect(":memory:"))
            raise ValueError
        ask()
        return threading.get_ident()

    @flow
    def asks():
        some, busy = threading.Event(), threading.Event()
        others = [stays.submit(some) for _ in range(4)] + [stays.submit(busy) for _ in range(4)]
        future = reads.submit()
        until = time.monotonic() + 10
        while not (opened and pool._idle) and time.monotonic() < until:
            time.sleep(0.001)
        some.set()  # these threads go idle later than the one that is preferred
        try:
            return future.result(timeout=15), [one.result(timeout=15) for one in others[:4]]
        finally:
            busy.set()

    thread, others = asks()
    assert thread not in others
    assert sums == [2, 2, 2]


@pytest.mark.parametrize("most", [None, 3])
def test_a_thread_that_was_left_behind_is_never_gone_back_to(home, most):
    threads = []

    @task(timeout_seconds=0.1, retries=2, retry_delay_seconds=0.05)
    def reads():
        threads.append(threading.get_ident())
        if len(threads) == 1:
            deaf(0.6)
        elif len(threads) == 2:
            raise ValueError
        return len(threads)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=most))
    def asks():
        return reads.submit().result(timeout=15)

    assert asks() == 3
    first, second, third = threads
    assert first != second == third
