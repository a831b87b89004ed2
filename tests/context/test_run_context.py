from __future__ import annotations

import asyncio
import threading

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.context import (
    FlowRunContext,
    TaskRunContext,
    get_run_context,
    get_settings_context,
    tags,
    with_context,
)
from flowstone.exceptions import MissingContextError
from flowstone.runtime import task_run
from flowstone.wiring.process import PROCESS


@task
def name_of_run():
    return task_run.name, task_run.tags


def test_outside_of_a_run_there_is_no_context():
    assert FlowRunContext.get() is None
    assert TaskRunContext.get() is None
    with pytest.raises(MissingContextError, match="There is no run around this code"):
        get_run_context()


def test_in_a_flow_it_is_the_flow_runs(home):
    @flow(log_prints=True)
    def outer(a, b=2):
        context = get_run_context()
        assert context == FlowRunContext.get()
        assert TaskRunContext.get() is None
        return context

    context = outer(1)
    assert isinstance(context, FlowRunContext)
    assert context.flow is outer
    assert context.flow_run.state_name == "Completed"
    assert context.parameters == {"a": 1, "b": 2}
    assert context.log_prints is True
    assert context.task_runner is outer.task_runner
    assert context.start_time == context.flow_run.start_time is not None


def test_in_a_task_it_is_the_task_runs_with_the_flow_runs_beside_it(home):
    @task
    def inner(x, *rest, y=2):
        return get_run_context(), FlowRunContext.get()

    @flow
    def outer():
        return inner(1, 3), get_run_context()

    (mine, around), flows = outer()
    assert isinstance(mine, TaskRunContext)
    assert mine.task is inner
    assert mine.task_run.name == "inner-0"
    assert mine.parameters == {"x": 1, "rest": (3,), "y": 2}
    assert mine.log_prints is False
    assert mine.start_time == mine.task_run.start_time is not None
    assert around == flows


def test_a_subflow_in_a_task_wins_and_the_task_is_still_found(home):
    @flow
    def subflow():
        return get_run_context(), TaskRunContext.get()

    @task
    def inner():
        return subflow(), get_run_context()

    @flow
    def outer():
        return inner()

    (innermost, task_around), own = outer()
    assert isinstance(innermost, FlowRunContext)
    assert innermost.flow is subflow
    assert task_around == own


def test_parameters_are_the_values_of_the_futures_that_were_given(home):
    @task
    def one():
        return 1

    @task(task_run_name=lambda: f"named-{task_run.parameters['x']}")
    def takes(x):
        return get_run_context().parameters, task_run.name

    @flow
    def outer():
        return takes.submit(one.submit()).result()

    assert outer() == ({"x": 1}, "named-1")


def test_hooks_have_the_context_of_their_run(home):
    seen = []

    def hook(_task, run, _state):
        seen.append(get_run_context().task_run is run)

    task(lambda: None, name="hooked", on_completion=[hook])()
    assert seen == [True]


def test_a_logger_is_made_of_a_context(home, recorded):
    @flow
    def outer():
        get_run_logger(get_run_context()).warning("from the context")
        with pytest.raises(TypeError, match="must be the context of a run; got int"):
            get_run_logger(3)

    outer()
    assert "from the context" in recorded.lines


def test_the_settings_are_those_of_the_process(home):
    assert get_settings_context().settings is PROCESS.settings


def run_in_thread(fn):
    found = []
    thread = threading.Thread(target=lambda: found.append(fn()))
    thread.start()
    thread.join()
    return found[0]


def test_with_context_takes_the_run_and_its_tags_to_another_thread(home):
    def mine():
        return name_of_run(), FlowRunContext.get()

    @flow
    def outer():
        with tags("t"):
            carried = with_context(mine)
        return run_in_thread(carried), run_in_thread(FlowRunContext.get), get_run_context()

    (child, within), without, own = outer()
    assert child == ("name_of_run-0", ["t"])
    assert within == own
    assert without is None


def test_with_context_carries_coroutine_functions_too(home):
    async def later(x, *, y):
        await asyncio.sleep(0)
        return x + y, FlowRunContext.get()

    @flow
    def outer():
        carried = with_context(later)
        assert carried.__name__ == "later"
        value, context = run_in_thread(lambda: asyncio.run(carried(1, y=2)))
        return value, context == get_run_context()

    assert outer() == (3, True)


def test_with_context_leaves_the_thread_as_it_was(home):
    @flow
    def outer():
        return with_context(lambda: 1)

    carried = outer()

    @flow
    def other():
        before = get_run_context()
        return carried(), get_run_context() == before

    assert other() == (1, True)
