"""The run in processes that users start: `with_context` for process pools."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import pickle
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from flowstone import flow, tags, task
from flowstone.context import FlowRunContext, get_run_context, with_context
from flowstone.testing.recorded import recorded_runs
from tests.runners import bodies


@task
def slowly():
    time.sleep(0.3)


def tells(text):
    """Log something, call a task and submit one; return what run it was in."""
    logging.getLogger("flowstone.mine").warning("from elsewhere: %s", text)
    bodies.double(1)
    bodies.double.submit(2)
    around = get_run_context()
    run = getattr(around, "task_run", None) or FlowRunContext.get().flow_run
    return os.getpid(), run.name, FlowRunContext.get().flow_run.name


async def later(x):
    await asyncio.sleep(0)
    return x, FlowRunContext.get().flow_run.name


async def submits():
    slowly.submit()


def submits_and_raises():
    slowly.submit()
    raises()


async def asubmits_and_raises():
    submits_and_raises()


def loops(fn):
    return asyncio.run(fn())


def raises():
    raise ValueError("from elsewhere")


@pytest.fixture(params=["spawn", "forkserver"])
def executor(request):
    """Give processes of the user's own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context(request.param)) as processes:
        yield processes


def test_with_context_takes_a_flow_run_to_a_process_pool(home, recorded, executor):
    @flow(flow_run_name="it")
    def outer():
        with tags("t"):
            return executor.submit(with_context(tells), "x").result()

    pid, name, around = outer()
    assert pid != os.getpid()
    assert name == around == "it"
    assert "from elsewhere: x" in recorded.lines
    runs = recorded_runs()
    [it] = [run for run in runs if run.kind == "flow"]
    inner = [run for run in runs if run.kind == "task"]
    assert [run.name for run in inner] == [f"double-{pid}.0", f"double-{pid}.1"]
    assert {run.state_name for run in inner} == {"Completed"}
    assert {run.flow_run_id for run in inner} == {it.id}
    assert {run.tags for run in inner} == {("t",)}


def test_with_context_takes_a_task_run_to_a_process_pool(home, recorded, executor):
    @task
    def mine():
        return executor.submit(with_context(tells), "y").result()

    @flow(flow_run_name="it")
    def outer():
        return mine()

    _, name, around = outer()
    assert (name, around) == ("mine-0", "it")
    line = next(
        fact for fact in recorded.facts if "elsewhere" in (getattr(fact, "message", None) or "")
    )
    assert line.task_run == recorded.created("mine-0").run
    assert recorded.created("double-0.0").parent == line.task_run


def test_with_context_takes_local_functions_and_errors_along(home, executor):
    @flow
    def outer():
        number = 3
        assert executor.submit(with_context(lambda x: x * number), 2).result() == 6
        with pytest.raises(ValueError, match="from elsewhere"):
            executor.submit(with_context(raises)).result()

    outer()


def test_with_context_arrives_as_what_it_was_also_for_coroutine_functions(home):
    @flow(flow_run_name="it")
    def outer():
        return pickle.dumps(with_context(later))

    assert asyncio.run(pickle.loads(outer())(3)) == (3, "it")


def test_a_coroutine_function_that_was_sent_ends_with_what_it_submitted(home, executor):
    @flow
    def outer():
        executor.submit(loops, with_context(submits)).result()
        return [(run.of, run.state_name) for run in recorded_runs() if run.kind == "task"]

    assert outer() == [("slowly", "Completed")]


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_function_that_fails_elsewhere_submitted_is_not_left_open(home, executor, is_async):
    @flow
    def outer():
        fn = with_context(asubmits_and_raises if is_async else submits_and_raises)
        future = executor.submit(loops, fn) if is_async else executor.submit(fn)
        with pytest.raises(ValueError, match="from elsewhere"):
            future.result()
        return [run.end_time for run in recorded_runs() if run.kind == "task"]

    assert None not in outer()


def test_outside_of_a_run_with_context_takes_the_tags(home):
    with tags("t"):
        sent = pickle.dumps(with_context(bodies.double))
    assert pickle.loads(sent)(2) == 4
    assert recorded_runs()[0].tags == ("t",)
