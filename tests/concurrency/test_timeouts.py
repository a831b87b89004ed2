"""Timeouts: when the caller is back, what the run ends as, and what goes on undisturbed."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.drive.seats import HERE
from flowstone.exceptions import CancelledRun, FlowRunTimeoutError, TaskRunTimeoutError
from flowstone.task_runners import ThreadPoolTaskRunner
from tests.concurrency.cells import LIMIT, LONG, SOON, Cell, cells, run


@task(timeout_seconds=0.1)
def sleep_long():
    time.sleep(10)


@task
def sleep(seconds):
    time.sleep(seconds)
    return seconds


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.label) for cell in cells()])
def test_a_timeout_bites_wherever_it_can(home, cell: Cell):
    """C6: timeouts cannot be relied on, so a team does without them."""
    seen = run(cell)
    assert seen.state.name == "TimedOut"
    assert seen.state.is_failed()
    assert seen.state.message.startswith(f"Task run exceeded timeout of {LIMIT} second(s)")
    assert isinstance(seen.state.data, TaskRunTimeoutError)
    if cell.late:
        assert seen.seconds > 0.9 * LONG
        assert "could not be interrupted and ended" in seen.state.message
    else:
        assert seen.seconds < SOON


def test_the_caller_gets_a_timeout_error(home):
    with pytest.raises(TimeoutError, match=r"^Scope timed out after 0.1 second\(s\)\.$") as caught:
        sleep_long()
    assert type(caught.value) is TaskRunTimeoutError

    @flow(timeout_seconds=0.1)
    def late():
        time.sleep(10)

    with pytest.raises(TimeoutError, match=r"^Scope timed out after 0.1 second\(s\)\.$") as caught:
        late()
    assert type(caught.value) is FlowRunTimeoutError


def test_a_timed_out_run_is_recorded_with_the_line_that_it_was_at(recorded):
    @flow(flow_run_name="it")
    def runs():
        sleep_long(return_state=True)

    runs()
    assert recorded.states("sleep_long-0") == ["Pending", "Running", "TimedOut"]
    assert any("time.sleep(10)" in line for line in recorded.lines)


def test_a_flow_that_exceeds_its_time_is_timed_out(recorded):
    @flow(flow_run_name="it", timeout_seconds=0.1)
    def late():
        time.sleep(10)

    state = late(return_state=True)
    assert (state.name, state.message) == ("TimedOut", "Flow run exceeded timeout of 0.1 second(s)")
    assert recorded.states("it") == ["Pending", "Running", "TimedOut"]


def test_an_async_flow_that_exceeds_its_time_is_timed_out_and_its_task_goes_on(home):
    @flow(timeout_seconds=0.1)
    async def late():
        await asyncio.sleep(10)

    async def main():
        state = await late(return_state=True)
        await asyncio.sleep(0)  # the task around was not cancelled for good
        return state

    assert asyncio.run(main()).name == "TimedOut"


def test_a_timeout_error_of_ones_own_is_a_plain_failure(home):
    @task(timeout_seconds=5)
    def mine():
        raise TimeoutError("mine")

    state = mine(return_state=True)
    assert state.name == "Failed"
    assert type(state.data) is TimeoutError


def test_a_cancelled_error_of_ones_own_is_no_timeout(home):
    @task(timeout_seconds=5)
    async def mine():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(mine())


def test_a_timed_out_attempt_is_tried_again_with_a_new_time(recorded):
    attempts = []

    @task(timeout_seconds=0.15, retries=2, retry_delay_seconds=[0, 0.01])
    def slow_at_first():
        attempts.append(time.monotonic())
        if len(attempts) < 3:
            time.sleep(10)
        return "done"

    @flow
    def runs():
        direct = slow_at_first()
        attempts.clear()
        return direct, slow_at_first.submit().result()

    assert runs() == ("done", "done")
    expected = ["Pending", "Running", "Retrying", "AwaitingRetry", "Retrying", "Completed"]
    assert recorded.states("slow_at_first-0") == expected
    assert recorded.states("slow_at_first-1") == expected


def test_the_nearest_of_nested_deadlines_ends_only_its_own_run(home):
    @task(timeout_seconds=5)
    def outer():
        state = sleep_long(return_state=True)
        return state.name

    assert outer() == "TimedOut"


def test_a_deadline_further_out_ends_what_runs_inside(recorded):
    @flow(flow_run_name="it", timeout_seconds=0.2)
    def outer():
        sleep(10)

    began = time.monotonic()
    assert outer(return_state=True).name == "TimedOut"
    assert time.monotonic() - began < 2
    assert recorded.states("sleep-0") == ["Pending", "Running", "Cancelled"]


def test_a_body_that_catches_everything_is_interrupted_again(home):
    @task(timeout_seconds=0.1)
    def swallows():
        for _ in range(2):
            try:
                spin(30)
            except BaseException:
                continue

    began = time.monotonic()
    assert swallows(return_state=True).name == "TimedOut"
    assert time.monotonic() - began < 5


def test_no_task_starts_after_the_deadline_of_its_flow(home):
    """C5: a flow's timeout does not stop submitted tasks; queued ones still start."""
    begun = []

    @task
    def work(n):
        begun.append(n)
        spin(0.25)

    @flow(timeout_seconds=0.1, task_runner=ThreadPoolTaskRunner(max_workers=1))
    def many():
        work.map(range(50)).wait()

    began = time.monotonic()
    assert many(return_state=True).name == "TimedOut"
    assert time.monotonic() - began < 5
    assert len(begun) <= 2


def test_a_wait_for_a_result_ends_at_the_deadline(home):
    @flow(timeout_seconds=0.2)
    def waits():
        sleep.submit(0.9).result()

    began = time.monotonic()
    state = waits(return_state=True)
    assert state.name == "TimedOut"
    assert time.monotonic() - began < 2


def test_a_flow_whose_tasks_outlast_it_is_timed_out_though_its_body_returned(recorded):
    @flow(flow_run_name="it", timeout_seconds=0.2)
    def returns():
        sleep.submit(0.8)

    assert returns(return_state=True).name == "TimedOut"
    assert recorded.states("sleep-0")[-1] == "Cancelled"
    assert recorded.states("it")[-1] == "TimedOut"


def test_a_worker_whose_body_does_not_end_is_replaced(home):
    """C1: the timeout of a submitted task is ignored where it blocks."""

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def goes_on():
        stuck = task(lambda: time.sleep(2), name="stuck", timeout_seconds=0.1).submit()
        after = sleep.submit(0)
        stuck.wait()
        return stuck.state.name, after.result(timeout=1)

    began = time.monotonic()
    assert goes_on() == ("TimedOut", 0)
    assert time.monotonic() - began < 1.5


def test_a_body_that_was_left_behind_starts_nothing_more(home):
    started = []

    @task
    def child():
        started.append(1)

    @task(timeout_seconds=0.1)
    def stuck():
        time.sleep(0.6)
        child()

    @flow
    def runs():
        state = stuck.submit(return_state=True)
        time.sleep(0.8)
        return state.name

    assert runs() == "TimedOut"
    assert not started


def test_an_isolated_call_runs_in_a_thread_of_its_own_and_returns_its_value(home):
    @task(timeout_seconds=5, timeout_isolated=True)
    def where():
        return threading.current_thread()

    assert where() is not threading.current_thread()

    @task(timeout_seconds=5, timeout_isolated=True)
    def fails():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fails()


def test_alarms_of_others_are_left_alone(home):
    heard = []
    # Not Python code: where the machine stalls, alarm and timeout come at the same moment, and
    # the timeout may land in a handler that is.
    before = signal.signal(signal.SIGALRM, heard.insert)
    rest = signal.setitimer(signal.ITIMER_REAL, 0.15)
    try:
        began = time.monotonic()
        state = task(spin, timeout_seconds=0.4)(10, return_state=True)
        assert time.monotonic() - began >= 0.4
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *rest)
    assert state.name == "TimedOut"
    assert len(heard) == 1


def test_a_deadline_stands_still_while_a_debugger_holds_the_thread(home):
    code = compile("import time\ntime.sleep(0.5)", "/somewhere/pdb.py", "exec")

    @task(timeout_seconds=0.1)
    def debugged():
        exec(code)
        return "gone on with"

    assert debugged() == "gone on with"


def test_an_interruption_that_comes_too_late_does_not_end_the_next_run(home):
    @task
    def next_one():
        seat.interrupt()
        spin(0.01)
        return "done"

    @task(timeout_seconds=5, timeout_isolated=True)
    def isolated():
        while seat.wake is None:
            time.sleep(0.001)
        seat.interrupt()
        return "done"

    seat = HERE.seat
    assert next_one() == "done"
    assert isolated() == "done"


def test_runs_that_end_near_their_deadline_are_all_recorded(recorded):
    @task(timeout_seconds=0.002)
    def close(n):
        # The last of forty never ends by itself, the first at once: both ends are always seen.
        spin((n % 40 and 0.0012) + (n % 40) * 0.00004 if n % 40 < 39 else 5)

    @flow(flow_run_name="it")
    def many():
        return [close(n, return_state=True).name for n in range(400)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # else who watches the clock is not let in while a body computes
    try:
        names = many()
    finally:
        sys.setswitchinterval(interval)
    assert set(names) == {"Completed", "TimedOut"}
    ends = {n: recorded_states[-1] for n, recorded_states in _states(recorded, "close").items()}
    assert ends == dict(enumerate(names))


def test_submitted_runs_that_end_near_their_deadline_are_all_recorded(recorded):
    @task(timeout_seconds=0.02)
    def close(n):
        time.sleep(0.018 + (n % 40) * 0.0001)

    @flow(flow_run_name="it")
    def many():
        futures = [close.submit(n) for n in range(200)]
        for future in futures:
            future.wait()
        return [future.state.name for future in futures]

    names = many()
    ends = {n: recorded_states[-1] for n, recorded_states in _states(recorded, "close").items()}
    assert ends == dict(enumerate(names))


def _states(recorded, task_name):
    created = [
        fact
        for fact in recorded.facts
        if type(fact).__name__ == "TaskRunCreated" and fact.name.startswith(task_name)
    ]
    by_run = {fact.run: (int(fact.name.rpartition("-")[2]), []) for fact in created}
    for fact in recorded.facts:
        kind = type(fact).__name__
        if kind == "TaskRunCompleted":
            by_run[fact.run][1].append("Completed")
        elif kind == "TaskRunChanged":
            by_run[fact.run][1].append(fact.name)
    return dict(by_run.values())


@pytest.mark.parametrize("color", [task, flow])
def test_timeouts_that_cannot_be_are_refused(color):
    with pytest.raises(ValueError, match="must not be negative; got -1"):
        color(lambda: 1, timeout_seconds=-1)
    with pytest.raises(ValueError, match="must not be negative; got nan"):
        color(lambda: 1, timeout_seconds=float("nan"))
    with pytest.raises(TypeError, match="must be a number of seconds; got '5'"):
        color(lambda: 1, timeout_seconds="5")


def test_none_and_zero_are_no_timeout(home):
    for seconds in (None, 0):
        unlimited = task(lambda: "done", timeout_seconds=seconds)
        assert unlimited.timeout_seconds is None
        assert unlimited() == "done"
    assert sleep_long.with_options(timeout_seconds=0).timeout_seconds is None


def test_a_run_cancelled_while_it_waits_to_be_tried_again_ends_at_once(recorded):
    @task(retries=3, retry_delay_seconds=60)
    def flaky():
        raise ValueError

    @flow(flow_run_name="it")
    def runs():
        future = flaky.submit()
        while future.state.name != "AwaitingRetry":
            time.sleep(0.005)
        assert future.cancel()
        with pytest.raises(CancelledRun):
            future.result(timeout=5)

    runs()
    assert recorded.states("flaky-0")[-2:] == ["AwaitingRetry", "Cancelled"]
