"""The task runner as a user holds it: options, pickling, what a thread of it sees."""

from __future__ import annotations

import contextvars
import pickle
import threading

import pytest

from flowstone import flow, tags, task
from flowstone.context import FlowRunContext, TaskRunContext
from flowstone.task_runners import ConcurrentTaskRunner, ThreadPoolTaskRunner

COLOUR = contextvars.ContextVar("COLOUR", default="none")


@task
def sees():
    """Return what a task sees of where it was submitted."""
    task_run, flow_run = TaskRunContext.get(), FlowRunContext.get()
    return (
        COLOUR.get(),
        sorted(task_run.task_run.tags),
        flow_run and flow_run.flow_run.name,
        threading.current_thread() is threading.main_thread(),
    )


@task
async def asees():
    return sees.fn()


def test_the_default_runner_has_its_old_name_too():
    assert ConcurrentTaskRunner is ThreadPoolTaskRunner
    assert ThreadPoolTaskRunner().name == "threadpool"
    assert ThreadPoolTaskRunner().max_workers is None


def test_a_duplicate_has_the_settings_and_has_not_begun(home):
    with ThreadPoolTaskRunner(max_workers=3) as runner:
        copy = runner.duplicate()
        assert copy is not runner
        assert copy == runner
        with pytest.raises(RuntimeError, match="not started"):
            copy.submit(sees, {})


def test_a_runner_of_a_class_of_ones_own_is_not_equal_to_another():
    class Own(ThreadPoolTaskRunner):
        pass

    assert Own(3) == Own(3)
    assert Own(3) != ThreadPoolTaskRunner(3)


def test_a_runner_can_be_pickled():
    runner = pickle.loads(pickle.dumps(ThreadPoolTaskRunner(max_workers=3)))
    assert runner == ThreadPoolTaskRunner(max_workers=3)
    with pytest.raises(RuntimeError, match="not started"):
        runner.submit(sees, {})


def test_a_runner_that_has_begun_arrives_as_one_that_has_not(home):
    with ThreadPoolTaskRunner(max_workers=3) as runner:
        runner.submit(sees, {}).result()
        copy = pickle.loads(pickle.dumps(runner))
    assert copy == runner
    with copy:
        assert copy.submit(sees, {}).result()[0] == "none"


@pytest.mark.parametrize("what", [sees, asees])
@pytest.mark.parametrize("most", [None, 1])
def test_a_submitted_task_sees_variables_tags_and_the_flow_of_where_it_was_submitted(
    home, what, most
):
    @flow(flow_run_name="it", task_runner=ThreadPoolTaskRunner(max_workers=most))
    def submits():
        COLOUR.set("red")
        with tags("a"):
            first = what.submit()
        COLOUR.set("blue")
        return first.result(), what.submit().result()

    told = contextvars.copy_context().run(submits)
    assert told == (("red", ["a"], "it", False), ("blue", [], "it", False))


def test_a_runner_used_by_itself_takes_what_is_to_be_waited_for(home):
    order = []
    first = task(lambda: order.append("first"), name="first")
    second = task(lambda: order.append("second"), name="second")
    with ThreadPoolTaskRunner() as runner:
        gate = threading.Event()
        held = runner.submit(task(gate.wait, name="held"), {"timeout": 5})
        before = runner.submit(first, {}, wait_for=[held])
        after = runner.submit(second, {}, wait_for=[before])
        gate.set()
        after.result()
    assert order == ["first", "second"]


def test_tagged_tasks_that_wait_for_each_other_do_not_lock_up_a_small_runner(home):
    one = task(lambda x=None: 1, name="one", tags=["a", "b"])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def submits():
        first = one.submit()
        return one.submit(wait_for=[first, one.submit(first)]).result()

    assert submits() == 1
