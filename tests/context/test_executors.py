from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from flowstone import flow, tags, task
from flowstone.context import FlowRunContext, get_run_context
from flowstone.drive.executors import carry_runs
from flowstone.runtime import task_run


@task
def double(n):
    return 2 * n, task_run.tags


def test_the_threads_of_an_executor_belong_to_the_run_that_submits(home, recorded):
    @flow
    def outer():
        with ThreadPoolExecutor(2) as executor, tags("t"):
            mapped = list(executor.map(double, [1, 2]))
            seen = executor.submit(FlowRunContext.get).result()
            kept = executor.submit(lambda a, *, b: a + b, 1, b=2).result()
        return mapped, kept, seen == get_run_context()

    assert outer() == ([(2, ["t"]), (4, ["t"])], 3, True)
    flow_run = recorded.created("double-0").flow_run
    assert flow_run is not None
    assert recorded.created("double-1").flow_run == flow_run


def test_a_thread_is_in_no_run_when_what_was_submitted_is_over(home):
    @flow
    def outer(executor):
        return executor.submit(FlowRunContext.get).result() is not None

    with ThreadPoolExecutor(1) as executor:
        assert outer(executor) is True
        assert executor.submit(FlowRunContext.get).result() is None


def test_runs_of_one_executor_do_not_see_each_other(home):
    @flow
    def outer(executor, n):
        context = executor.submit(get_run_context).result()
        return context.parameters["n"]

    with ThreadPoolExecutor(1) as executor:
        assert [outer(executor, n) for n in range(3)] == [0, 1, 2]


def test_what_a_loop_hands_to_its_threads_belongs_to_the_run(home):
    @flow
    async def outer():
        loop = asyncio.get_running_loop()
        own = get_run_context()
        plain = await loop.run_in_executor(None, FlowRunContext.get)
        return plain == own, await asyncio.to_thread(get_run_context) == own

    assert asyncio.run(outer()) == (True, True)


def test_an_error_of_what_was_submitted_reaches_the_caller_as_it_is(home):
    mine = ValueError("mine")

    def fails():
        raise mine

    @flow
    def outer(executor):
        return executor.submit(fails).exception()

    with ThreadPoolExecutor(1) as executor:
        assert outer(executor) is mine


def test_outside_of_runs_an_executor_calls_the_function_itself(home):
    class Counting(ThreadPoolExecutor):
        submitted: list

        def submit(self, fn, /, *args, **kwargs):
            self.submitted = [fn, *args]
            return super().submit(fn, *args, **kwargs)

    flow(lambda: None)()
    with Counting(1) as executor:
        assert executor.submit(len, "abc").result() == 3
        assert executor.submitted == [len, "abc"]


def test_wrapping_twice_is_wrapping_once(home):
    carry_runs()
    wrapped = ThreadPoolExecutor.submit
    carry_runs()
    assert ThreadPoolExecutor.submit is wrapped
    assert wrapped.__name__ == "submit"
    assert not hasattr(wrapped.__wrapped__, "carries_runs")


LATE = """
import sys
from flowstone import flow
from flowstone.context import FlowRunContext

@flow
def early():
    assert "concurrent.futures.thread" not in sys.modules

@flow
def late():
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(FlowRunContext.get).result() == FlowRunContext.get()

finders = len(sys.meta_path)
early()
assert late() is True
assert len(sys.meta_path) == finders
"""


def test_executors_that_are_imported_after_the_first_run_carry_runs_too(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", LATE],
        env={"FLOWSTONE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
