"""The end of flows, the pool's growth, and what must not lock up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.engine import ending
from flowstone.exceptions import UpstreamTaskError
from flowstone.task_runners import ThreadPoolTaskRunner


@task
def add(x, y=1):
    return x + y


@task
def nested(n):
    return 0 if n == 0 else nested.submit(n - 1).result() + 1


@task
async def anested(n):
    return 0 if n == 0 else anested.submit(n - 1).result() + 1


def test_a_flow_waits_for_what_it_submitted(recorded):
    """D3: futures that nobody awaited are dropped where the flow ends."""

    @task
    def slow(n):
        time.sleep(0.02)
        if n:
            slow.submit(n - 1)

    @flow(flow_run_name="it")
    def forgets():
        slow.submit(3)

    forgets()
    assert [recorded.states(f"slow-{n}")[-1] for n in range(4)] == ["Completed"] * 4
    facts = recorded.facts
    ends = [n for n, fact in enumerate(facts) if type(fact).__name__ == "TaskRunCompleted"]
    flow_end = max(n for n, fact in enumerate(facts) if type(fact).__name__ == "FlowRunChanged")
    assert flow_end > max(ends)


def waits_for_what_is_submitted_inside(until_over, *, colour):
    """Run a flow whose body is over at once; what it submitted submits what ends by the call."""

    @task
    def inner():
        until_over()

    @task
    def outer():
        inner.submit()

    @flow
    def body():
        outer.submit()

    @flow
    async def abody():
        outer.submit()

    if colour == "sync":
        body()
    else:
        asyncio.run(abody())


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_flow_says_what_it_waits_for_only_after_a_while(recorded, monkeypatch, colour):
    monkeypatch.setattr(ending, "PATIENCE", 60.0)
    waits_for_what_is_submitted_inside(lambda: time.sleep(0.1), colour=colour)
    assert not [line for line in recorded.lines if "Waiting for" in line]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_flow_says_once_which_submitted_run_it_has_waited_for_longest(
    recorded, monkeypatch, colour
):
    def told():
        return [line for line in recorded.lines if "Waiting for" in line]

    def until_told():
        until = time.monotonic() + 15
        while not told() and time.monotonic() < until:
            time.sleep(0.01)

    monkeypatch.setattr(ending, "PATIENCE", 0.05)
    waits_for_what_is_submitted_inside(until_told, colour=colour)
    [line] = told()  # on a slow machine the outer one has not ended either
    assert line.endswith(("to end; 'inner-0' has run longest", "to end; 'outer-0' has run longest"))


def test_an_async_flow_waits_without_holding_its_loop(home):
    turned = []

    @task
    def slow():
        time.sleep(0.1)

    @flow
    async def forgets():
        slow.submit()

    async def turn():
        while not done.is_set():
            turned.append(1)
            await asyncio.sleep(0.005)

    async def main():
        other = asyncio.ensure_future(turn())
        await forgets()
        done.set()
        await other

    done = asyncio.Event()
    asyncio.run(main())
    assert len(turned) > 5


def test_a_flow_whose_body_fails_cancels_what_has_not_started(recorded):
    gate = threading.Event()

    @task
    def block():
        gate.wait(5)
        return 1

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def fails():
        running = block.submit()
        while running.state.name != "Running":
            time.sleep(0.001)
        add.submit(1)
        threading.Timer(0.05, gate.set).start()
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert recorded.states("block-0")[-1] == "Completed"
    assert recorded.states("add-0") == ["Pending", "Cancelled"]


def test_each_attempt_of_a_retried_flow_ends_what_it_submitted(recorded):
    attempts = []

    @flow(retries=1)
    def flaky():
        attempts.append(1)
        add.submit(len(attempts))
        if len(attempts) == 1:
            raise ValueError("again")

    flaky()
    assert recorded.states("add-1")[-1] == "Completed"


def test_an_interrupted_flow_leaves_no_open_task_run(recorded):
    @flow(flow_run_name="it", task_runner=ThreadPoolTaskRunner(max_workers=1))
    def interrupted():
        for n in range(10):
            task(time.sleep, name="nap").submit(0.01 * n)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert recorded.states("it")[-1] == "Crashed"
    ended = {"Completed", "Cancelled"}
    assert {recorded.states(f"nap-{n}")[-1] for n in range(10)} <= ended


def test_tasks_that_wait_for_each_other_all_get_to_run(home):
    """D1: the default runner does not lock up on trivial graphs."""
    barrier = threading.Barrier(100)

    @task
    def meet(n):
        barrier.wait(15)
        return n

    @flow
    def meeting():
        return sum(meet.map(range(100)).result())

    assert meeting() == sum(range(100))


def test_a_bounded_pool_and_nested_submits_do_not_lock_up(home):
    """D2: a body that waits for its children lends its place."""

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def nests():
        return nested.submit(30).result(timeout=15)

    assert nests() == 30


def test_waiting_for_an_upstream_run_holds_no_worker(home):
    """D1: a task that waits for its inputs takes a worker, and then nothing gets on."""
    gate = threading.Event()

    @task
    def first():
        gate.wait(15)
        return 1

    @task
    def opens():
        gate.set()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def waits():
        begun = first.submit()
        blocked = [add.submit(begun) for _ in range(50)]
        opens.submit()
        return sum(future.result(timeout=15) for future in blocked)

    assert waits() == 100


def test_no_more_bodies_run_at_once_than_the_bound_says(home):
    running, most, lock = [], [], threading.Lock()

    @task
    def counted(n):
        with lock:
            running.append(n)
            most.append(len(running))
        if n:
            with lock:
                running.remove(n)
            counted.submit(n - 1).result()
            with lock:
                running.append(n)
                most.append(len(running))
        time.sleep(0.002)
        with lock:
            running.remove(n)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def bounded():
        counted.map([2] * 20).wait()

    bounded()
    assert max(most) <= 3


def test_many_sleeping_tasks_soon_all_sleep_at_once(home):
    @flow
    def naps():
        task(time.sleep, name="nap").map([0.3] * 300).wait()

    begun = time.monotonic()
    naps()
    assert time.monotonic() - begun < 3


def test_async_tasks_nest_without_waiting_for_themselves(home):
    @flow
    def nests():
        return anested.submit(20).result(timeout=15)

    assert nests() == 20


def test_results_can_be_asked_for_inside_an_async_flow(home):
    """D4: futures are synchronous everywhere, and a blocking wait cannot hang the child."""

    @flow
    async def asks():
        return anested.submit(3).result(timeout=15) + add.submit(1).result(timeout=15)

    assert asyncio.run(asks()) == 5


def test_async_tasks_of_one_depth_share_a_loop(home):
    @task
    async def which():
        return id(asyncio.get_running_loop())

    @flow
    def asks():
        return len({future.result() for future in [which.submit() for _ in range(20)]})

    assert asks() == 1


def test_waiting_for_a_task_of_the_same_loop_says_why_it_cannot_be(home):
    @task
    async def first():
        await asyncio.sleep(0.05)

    @task
    async def second(futures):
        futures[0].result()

    @flow
    def tangled():
        one = first.submit()
        from flowstone.annotations import quote

        with pytest.raises(RuntimeError, match="runs on the event loop of the task that waits"):
            second.submit(quote([one])).result(timeout=10)

    tangled()


def test_ten_thousand_async_tasks_at_once(home):
    @task
    async def nap(n):
        await asyncio.sleep(0.05)
        return n

    @flow
    def many():
        return sum(nap.map(range(10_000)).result(timeout=18))

    assert many() == sum(range(10_000))


def test_a_runner_can_be_used_by_itself(home):
    with ThreadPoolTaskRunner() as runner:
        assert runner.submit(add, {"x": 1}).result() == 2
        assert runner.map(add, {"x": [1, 2], "y": 5}).result() == [6, 7]
        with pytest.raises(RuntimeError, match="already started"):
            runner.__enter__()
    with pytest.raises(RuntimeError, match="Task runner is not started"):
        runner.submit(add, {"x": 1})
    with pytest.raises(RuntimeError, match="must be started before submitting work"):
        runner.map(add, {"x": [1]})


def test_runners_are_equal_where_their_settings_are():
    assert ThreadPoolTaskRunner(3) == ThreadPoolTaskRunner(3).duplicate()
    assert ThreadPoolTaskRunner(3) != ThreadPoolTaskRunner(4)
    with pytest.raises(ValueError, match="at least 1"):
        ThreadPoolTaskRunner(0)
    with pytest.raises(TypeError, match="must be a task runner"):
        flow(lambda: 1, task_runner=5)


def test_a_subflow_with_a_failed_input_is_not_ready(recorded):
    @flow(flow_run_name="child")
    def child(x):
        return x

    @task
    def fail():
        raise ValueError("x")

    @flow
    def parent():
        with pytest.raises(UpstreamTaskError):
            child(fail.submit())
        return child(add.submit(1))

    assert parent() == 2
    changes = [fact for fact in recorded.facts if type(fact).__name__ == "FlowRunChanged"]
    assert [fact.name for fact in changes if fact.type == 1] == ["NotReady"]


def test_async_tasks_that_block_their_loop_do_not_hold_up_the_others(home, caplog):
    """C4, E11: a blocking call inside `async def` costs its own time, not everybody's."""

    @task(name="blocks-the-loop")  # it is told once a task and process
    async def blocks(n):
        time.sleep(0.2)
        return n

    @flow
    def many():
        return sum(blocks.map(range(50)).result(timeout=15))

    begun = time.monotonic()
    assert many() == sum(range(50))
    assert time.monotonic() - begun < 3  # one after another they take 10 s
    said = [r.getMessage() for r in caplog.records if "blocks its event loop" in r.getMessage()]
    assert len(said) == 1
    assert "Task 'blocks-the-loop'" in said[0]
    assert "test_structure.py:" in said[0]


def test_async_tasks_that_await_stay_on_one_loop(home, caplog):
    loops = set()

    @task
    async def awaits(_n):
        await asyncio.sleep(0.01)
        loops.add(id(asyncio.get_running_loop()))

    @flow
    def many():
        awaits.map(range(2000)).wait()

    many()
    assert len(loops) == 1
    assert "blocks its event loop" not in caplog.text


def test_a_second_interrupt_does_not_wait_for_what_runs(recorded, monkeypatch):
    from flowstone.engine import flow_run

    async def interrupted_again(_context, _ops, _env):
        raise KeyboardInterrupt

    monkeypatch.setattr(flow_run, "stop_children", interrupted_again)

    @flow(flow_run_name="it")
    def interrupted():
        task(time.sleep, name="nap").submit(0.1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert recorded.states("it")[-1] == "Crashed"


def test_the_closing_line_counts_cancelled_runs_too(home, caplog):
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def cancels():
        gate = threading.Event()
        task(gate.wait, name="gate").submit(5)
        add.submit(1).cancel()
        gate.set()

    with caplog.at_level("INFO", logger="flowstone"):
        cancels()
    closing = [r.getMessage() for r in caplog.records if "task runs:" in r.getMessage()]
    assert "1 Cancelled" in closing[-1]
