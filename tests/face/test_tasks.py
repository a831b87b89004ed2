from __future__ import annotations

import asyncio
import functools
import threading
import traceback

import pytest

import flowstone
from flowstone import Task, flow, task
from flowstone.exceptions import (
    FailedRun,
    ParameterBindError,
    ReservedArgumentError,
)
from flowstone.states import Completed, Failed, State
from flowstone.tasks import TaskOptions, exponential_backoff


def add(x, y=2):
    """Add two numbers.

    In detail.
    """
    return x + y


def test_a_task_is_called_like_its_function(recorded):
    assert task(add)(1, y=5) == 6
    assert recorded.states("add") == ["Pending", "Running", "Completed"]


def test_bare_with_options_and_as_a_call():
    assert task(add).name == task()(add).name == "add"
    assert task(name="other")(add).name == "other"
    assert task(add, name="third").name == "third"


def test_a_task_knows_its_function():
    made = task(add, tags=["a"], version="1", retries=2, retry_delay_seconds=[1, 2])
    assert made.fn is add
    assert made.fn(1) == 3
    assert made.__name__ == "add"
    assert made.__wrapped__ is add
    assert made.description == "Add two numbers.\n\nIn detail."
    assert made.tags == {"a"}
    assert made.version == "1"
    assert made.retries == 2
    assert made.retry_delay_seconds == [1, 2]
    assert not made.isasync


def test_the_same_object_goes_in_and_out(home):
    thing = object()

    @task
    def identity(x):
        return x

    assert identity(thing) is thing


def test_the_users_own_exception_object_reaches_the_caller(home):
    error = KeyError("mine")

    @task
    def fail():
        raise error

    with pytest.raises(KeyError) as info:
        fail()
    assert info.value is error


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, RuntimeError, ExceptionGroup])
def test_any_exception_is_an_ordinary_failure(recorded, kind):
    error = kind("x", [ValueError()]) if kind is ExceptionGroup else kind("x")

    @task
    def fail():
        raise error

    with pytest.raises(kind) as info:
        fail()
    assert info.value is error
    assert recorded.states("fail")[-1] == "Failed"


def test_return_state_gives_the_state_and_raises_nothing(home):
    @task
    def fail():
        raise ValueError("x")

    good = task(add)(1, return_state=True)
    assert isinstance(good, State)
    assert (good.name, good.result()) == ("Completed", 3)
    bad = fail(return_state=True)
    assert bad.is_failed()
    assert bad.message == "Task run encountered an exception ValueError: x"
    with pytest.raises(ValueError, match="x"):
        bad.result()
    assert bad.state_details.task_run_id is not None


def test_an_interrupt_is_raised_even_with_return_state(recorded):
    @task
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(return_state=True)
    assert recorded.states("interrupted")[-1] == "Crashed"


def test_a_returned_state_carries_its_name_and_data(home):
    @task
    def checked():
        return Completed(name="Checked", data=5)

    @task
    def refused():
        return Failed(message="not today")

    assert checked() == 5
    assert checked(return_state=True).name == "Checked"
    with pytest.raises(FailedRun, match="not today"):
        refused()


def test_arguments_that_do_not_fit_are_refused_before_a_run_exists(recorded):
    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        task(add)()
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        task(add)(1, x=2)
    with pytest.raises(ParameterBindError, match=r"add\(\) .*'yy'; .*\. Did you mean 'y'\?"):
        task(add)(1, yy=2)
    assert recorded.facts == []


def test_an_async_task_gives_a_coroutine(recorded):
    @task
    async def later(x):
        await asyncio.sleep(0)
        return x + 1

    assert asyncio.run(later(1)) == 2
    assert recorded.states("later") == ["Pending", "Running", "Completed"]


def test_an_async_task_fails_with_its_own_exception(recorded):
    error = ValueError("x")

    @task(retries=1)
    async def fail():
        raise error

    with pytest.raises(ValueError, match="x") as info:
        asyncio.run(fail())
    assert info.value is error
    assert recorded.states("fail") == ["Pending", "Running", "Retrying", "Failed"]
    assert asyncio.run(fail(return_state=True)).is_failed()


def test_a_cancelled_async_task_crashes(recorded):
    @task
    async def slow():
        await asyncio.sleep(60)

    async def main():
        running = asyncio.ensure_future(slow())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert recorded.states("slow") == ["Pending", "Running", "Crashed"]
    messages = [getattr(fact, "message", "") for fact in recorded.facts]
    assert "Execution was cancelled by the runtime environment." in messages


def test_async_retries_wait_on_the_loop(home):
    attempts = []

    @task(retries=1, retry_delay_seconds=0.01)
    async def flaky():
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("x")
        return "good"

    turned = []

    async def turn():
        while len(attempts) < 2:
            turned.append(1)
            await asyncio.sleep(0)

    async def main():
        result, _ = await asyncio.gather(flaky(), turn())
        return result

    assert asyncio.run(main()) == "good"
    assert len(turned) > 2


def test_a_sync_task_works_on_a_running_loop(home):
    @task
    async def outer(x):
        await asyncio.sleep(0)
        return task(add)(x) + 1

    assert asyncio.run(outer(1)) == 4


@pytest.mark.parametrize("looping", [False, True])
def test_a_coroutine_that_a_sync_body_returns_is_run(home, looping):
    async def answer():
        await asyncio.sleep(0)
        return 42

    @task
    def asks():
        return answer()

    async def main():
        return asks()

    assert (asyncio.run(main()) if looping else asks()) == 42


def test_partials_and_callable_objects_are_async_where_what_they_call_is(home):
    async def later(x, y):
        return x + y

    class Later:
        async def __call__(self, x):
            return x

    partial = task(functools.partial(later, 1), name="partial")
    assert partial.isasync
    assert asyncio.run(partial(2)) == 3
    assert task(Later()).isasync
    assert task(Later()).name == "Later"
    assert asyncio.run(task(Later())(5)) == 5


def test_nested_tasks_and_deep_recursion(home):
    @task
    def count(n):
        return 0 if n == 0 else count(n - 1) + 1

    assert count(100) == 100


def test_a_direct_sync_task_runs_in_the_calling_thread(home):
    @task
    def where():
        return threading.current_thread()

    assert where() is threading.main_thread()


def test_about_four_of_our_frames_stand_above_the_body(home):
    depths = []

    @task
    def depth():
        depths.append(len(traceback.extract_stack()))

    here = len(traceback.extract_stack())
    depth()
    assert depths[0] - here <= 6


def test_a_traceback_has_few_frames_of_ours_and_does_not_grow(home):
    error = ValueError("x")

    @task
    def fail():
        raise error

    lengths = []
    for _ in range(2):
        error.__traceback__ = None
        try:
            fail()
        except ValueError as caught:
            frames = traceback.extract_tb(caught.__traceback__)
            lengths.append(len(frames))
            assert frames[-1].name == "fail"
            assert sum("flowstone" in frame.filename for frame in frames) <= 4
    assert lengths[0] == lengths[1]


def test_with_options_makes_a_new_task_and_carries_the_rest():
    made = task(add, name="a", tags=["t"], retries=3, version="7")
    other = made.with_options(name="b", retries=0)
    assert (made.name, made.retries) == ("a", 3)
    assert (other.name, other.retries, other.tags, other.version) == ("b", 0, {"t"}, "7")
    assert made.with_options(tags=["u"]).tags == {"u"}
    assert made.with_options(version=None).version is None


def test_hooks_added_by_decorator_fire(home):
    calls = []
    made = task(add)

    @made.on_completion
    def note(task_, run, state):
        calls.append((task_, run.name, state.name))

    @made.on_running
    async def later(task_, run, state):
        await asyncio.sleep(0)
        calls.append(("running", run.run_count, state.name))

    made(1)
    assert calls == [("running", 1, "Running"), (made, "add", "Completed")]


def test_a_hook_sees_the_run_as_users_know_it(home):
    runs = []
    made = task(add, tags=["b", "a"], on_completion=[lambda t, run, s: runs.append(run)])
    made(1)
    [run] = runs
    assert run.state_type == "COMPLETED"
    assert (run.run_count, run.tags, run.flow_run_id) == (1, ("a", "b"), None)
    assert run.start_time <= run.end_time
    assert run.total_run_time.total_seconds() >= 0
    assert str(run.id) in repr(run)


def test_delays_of_exponential_backoff():
    made = task(add, retries=3, retry_delay_seconds=exponential_backoff(2))
    assert made.retry_delay_seconds == [2, 4, 8]


def test_tasks_of_the_same_name_function_and_tags_have_the_same_key():
    first, second = task(add), task(add)
    assert first.task_key == second.task_key
    assert first.task_key.startswith("add-")
    assert len(first.task_key) == len("add-") + 8
    assert task(add, tags=["t"]).task_key != first.task_key
    assert task(add, name="other").task_key != first.task_key


BAD_OPTIONS = [
    (
        {"on_completion": add},
        TypeError,
        (
            "Expected iterable for 'on_completion'; got function instead. Please provide a list of "
            "hooks to 'on_completion':\n\n@task(on_completion=[hook1, hook2])\n"
            "def my_task():\n\tpass"
        ),
    ),
    (
        {"on_failure": ["x"]},
        TypeError,
        (
            "Expected callables in 'on_failure'; got str instead. Please provide a list of "
            "hooks to 'on_failure':\n\n@task(on_failure=[hook1, hook2])\n"
            "def my_task():\n\tpass"
        ),
    ),
    ({"retries": 1, "retry_delay_seconds": "x"}, TypeError, "Invalid `retry_delay_seconds`"),
    (
        {"retry_delay_seconds": list(range(51))},
        ValueError,
        "Can not configure more than 50 retry delays per task.",
    ),
    ({"retry_jitter_factor": -1}, ValueError, "`retry_jitter_factor` must be >= 0."),
    (
        {"retry_condition_fn": 3},
        TypeError,
        "Expected `retry_condition_fn` to be callable, got int instead.",
    ),
    (
        {"task_run_name": 3},
        TypeError,
        "Expected string or callable for 'task_run_name'; got int instead.",
    ),
    ({"retires": 3}, TypeError, "unexpected keyword argument 'retires'. Did you mean 'retries'?"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_OPTIONS)
def test_a_wrong_option_is_refused_at_the_declaration(options, error, message):
    with pytest.raises(error) as info:
        task(add, **options)
    assert message in str(info.value)


def test_what_cannot_be_called_is_no_task():
    with pytest.raises(TypeError, match="'fn' must be callable"):
        task(3)


@pytest.mark.parametrize("name", ["wait_for", "return_state"])
def test_reserved_parameter_names_are_refused(name):
    scope: dict = {}
    exec(f"def fn({name}): ...", scope)
    with pytest.raises(ReservedArgumentError, match="is a reserved argument name"):
        task(scope["fn"])


def test_the_public_list_is_sorted_and_complete():
    assert flowstone.__all__ == sorted(flowstone.__all__)
    for name in flowstone.__all__:
        assert getattr(flowstone, name) is not None
        assert name in dir(flowstone)
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = flowstone.nope


def test_a_task_run_in_a_flow_is_numbered_and_outside_is_not(recorded):
    made = task(add)
    made(1)

    @flow
    def twice():
        made(1)
        made(2)

    twice()
    names = [fact.name for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"]
    assert names == ["add", "add-0", "add-1"]


def test_every_option_is_spelled_in_the_docstring():
    for option in TaskOptions.__annotations__:
        assert f"`{option}" in task.__doc__


def test_a_task_of_a_c_function_works(home):
    assert task(int)("5") == 5
    assert Task(max)(1, 2) == 2


def test_concurrent_async_tasks_each_know_their_own_run(recorded):
    from flowstone.core.context import current

    @task
    async def who(n):
        before = current.get().run.name
        await asyncio.sleep(0)
        return before == current.get().run.name

    @flow
    async def many():
        return await asyncio.gather(*(who(n) for n in range(50)))

    assert all(asyncio.run(many()))
    assert (
        len({fact.name for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"}) == 50
    )
