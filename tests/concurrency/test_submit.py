from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import time
import weakref

import pytest

from flowstone import flow, task
from flowstone.annotations import allow_failure, opaque, quote
from flowstone.exceptions import (
    CancelledRun,
    ParameterBindError,
    UpstreamTaskError,
)
from flowstone.futures import FutureList, as_completed, resolve_futures_to_states, wait
from flowstone.states import Completed, Failed, State
from flowstone.store.queries import open_store
from flowstone.task_runners import ThreadPoolTaskRunner


@task
def add(x, y=1):
    return x + y


@task
def fail(x=None):
    raise ValueError(x)


@task
async def later(x):
    await asyncio.sleep(0)
    return x


def in_flow(body, **options):
    """Run a function as a flow; return what it returned, quoted so that states stay values."""
    return flow(lambda: quote(body()), **options)().value


def test_a_submitted_task_gives_a_future_of_its_result(home):
    def body():
        future = add.submit(1, y=2)
        assert future.result() == 3
        assert future.state.is_completed()
        assert future.state.result() == 3
        assert future.task_run_id == future.run.id
        return future.result(timeout=0)

    assert in_flow(body) == 3


def test_an_async_task_is_submitted_like_any_other(home):
    assert in_flow(lambda: [future.result() for future in [later.submit(n) for n in range(5)]]) == [
        0, 1, 2, 3, 4,
    ]  # fmt: skip


def test_futures_in_arguments_are_resolved_wherever_they_stand(home):
    seen = []

    @task
    def take(*values, **named):
        seen.append((values, named))

    def body():
        one = add.submit(1)
        take.submit(one, [one, {"a": (one, 5)}], key={one: "as a key"}).wait()

    in_flow(body)
    assert seen == [((2, [2, {"a": (2, 5)}]), {"key": {2: "as a key"}})]


def test_states_in_arguments_are_resolved_in_direct_calls_too(home):
    def body():
        state = add(1, return_state=True)
        return add(state), add(state, y=Completed(data=10))

    assert in_flow(body) == (3, 12)


def test_arguments_without_a_future_inside_are_passed_as_they_are(home):
    big = {"a": [1, 2, {"b": (3,)}]}

    @task
    def identity(x, _other):
        return x

    def body():
        return identity.submit(big, add.submit(1)).result() is big

    assert in_flow(body)


def test_a_cycle_in_an_argument_does_not_hang(home):
    ring: list = [1]
    ring.append(ring)
    assert in_flow(lambda: task(len).submit(ring).result()) == 2


def test_the_inputs_of_a_run_are_recorded(recorded):
    def body():
        one = add.submit(1)
        add.submit(one, y=[one], wait_for=[add.submit(2)]).wait()

    in_flow(body)
    [fact] = [fact for fact in recorded.facts if type(fact).__name__ == "InputsFound"]
    first, second = recorded.created("add-0").run, recorded.created("add-1").run
    assert fact.inputs == (("x", first), ("y", first), ("wait_for", second))
    assert fact.run == recorded.created("add-2").run


def test_a_failed_upstream_leaves_the_run_not_ready(recorded):
    fired = []
    downstream = add.with_options(on_failure=[lambda *given: fired.append(given)], retries=2)

    def body():
        future = downstream.submit(fail.submit("x"))
        with pytest.raises(UpstreamTaskError, match="'fail-0' did not reach a 'Completed'") as info:
            future.result()
        assert isinstance(info.value.__cause__, ValueError)
        return future.state

    state = in_flow(body)
    assert (state.type, state.name) == ("PENDING", "NotReady")
    assert recorded.states("add-0") == ["Pending", "NotReady"]
    assert not fired


def test_a_direct_call_with_a_failed_upstream_raises(home):
    def body():
        failed = fail(return_state=True)
        with pytest.raises(UpstreamTaskError):
            add(failed)
        assert add(failed, return_state=True).name == "NotReady"
        with pytest.raises(UpstreamTaskError):
            add(1, wait_for=[failed])

    in_flow(body)


def test_not_ready_passes_on_downstream(home):
    def body():
        last = add.submit(add.submit(fail.submit("x")))
        last.wait()
        return last.state.name

    assert in_flow(body) == "NotReady"


def test_allow_failure_delivers_the_exception(home):
    @task
    def take(x):
        return x

    def body():
        delivered = take.submit(allow_failure([fail.submit("x"), add.submit(1)])).result()
        after = add.submit(1, wait_for=[allow_failure(fail.submit("y"))]).result()
        return delivered, after

    (error, value), after = in_flow(body)
    assert isinstance(error, ValueError)
    assert (value, after) == (2, 2)


def test_quote_and_opaque_keep_the_search_out(home):
    @task
    def take(x):
        return x

    def body():
        future = add.submit(1)
        quoted = take.submit(quote([future])).result()
        return quoted[0] is future, take.submit(opaque(future)).result()

    assert in_flow(body) == (True, 2)


def test_submitting_needs_a_flow_run():
    with pytest.raises(RuntimeError, match="needs a flow run around it"):
        add.submit(1)
    with pytest.raises(RuntimeError, match="needs a flow run around it"):
        add.map([1])


def test_arguments_that_do_not_fit_are_refused_where_they_are_submitted(recorded):
    def body():
        with pytest.raises(ParameterBindError):
            add.submit()
        with pytest.raises(ParameterBindError):
            add.map([1], nope=[2])

    in_flow(body)
    assert not [fact for fact in recorded.facts if type(fact).__name__ == "TaskRunCreated"]


def test_return_state_waits_for_the_end(home):
    def body():
        good, bad = add.submit(1, return_state=True), fail.submit(return_state=True)
        states = add.map([1, 2], return_state=True)
        return good.result(), bad.name, [state.result() for state in states]

    assert in_flow(body) == (2, "Failed", [2, 3])


def test_a_timeout_of_result_raises_and_one_of_wait_returns(home):
    gate = threading.Event()

    def body():
        future = task(gate.wait, name="gate").submit()
        assert future.wait(timeout=0.01) is None
        with pytest.raises(TimeoutError, match=r"did not complete within 0.01 seconds"):
            future.result(timeout=0.01)
        many = FutureList([future])
        with pytest.raises(TimeoutError, match="Timed out waiting for all futures"):
            many.result(timeout=0.01)
        done, not_done = wait([future, future], timeout=0)
        assert (done, not_done) == (set(), {future})
        gate.set()
        assert future.result() is True

    in_flow(body)


@pytest.mark.parametrize("function", [wait, lambda *given: list(as_completed(*given))])
def test_a_negative_timeout_is_refused(function):
    with pytest.raises(ValueError, match="must be a non-negative number, got -1"):
        function([], -1)


def test_as_completed_gives_the_ended_first_and_each_once(home):
    gates = [threading.Event() for _ in range(3)]

    @task
    def pass_gate(n):
        gates[n].wait()
        return n

    def body():
        futures = [pass_gate.submit(n) for n in range(3)]
        gates[1].set()
        futures[1].wait()
        seen = []
        for future in as_completed([*futures, *futures]):
            seen.append(future.result())
            gates[{1: 2, 2: 0, 0: 0}[seen[-1]]].set()
        return seen

    assert in_flow(body) == [1, 2, 0]


def test_as_completed_says_how_many_are_left_at_its_timeout(home):
    gate = threading.Event()

    def body():
        futures = [add.submit(1), task(gate.wait, name="gate").submit()]
        seen = []
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            for future in as_completed(futures, timeout=0.3):
                seen.append(future.result())
        gate.set()
        return seen

    assert in_flow(body) == [2]


def test_a_list_of_futures_fails_with_the_first_failure(home):
    def body():
        with pytest.raises(ValueError, match="x"):
            FutureList([add.submit(1), fail.submit("x")]).result()
        both = FutureList([add.submit(1), fail.submit("x")]).result(raise_on_failure=False)
        return both[0], type(both[1]).__name__

    assert in_flow(body) == (2, "ValueError")


def test_a_timeout_error_of_the_tasks_own_passes_through(home):
    own = TimeoutError("mine")

    @task
    def times_out():
        raise own

    def body():
        with pytest.raises(TimeoutError) as info:
            FutureList([times_out.submit()]).result(timeout=5)
        return info.value is own

    assert in_flow(body)


def test_callbacks_are_called_once_the_run_has_ended(home, caplog):
    seen = []

    def broken(future):
        raise KeyError("oops")

    def body():
        future = add.submit(1)
        future.add_done_callback(broken)
        future.add_done_callback(lambda done: seen.append(done.result()))
        future.wait()
        future.add_done_callback(lambda done: seen.append("at once"))

    in_flow(body)
    assert sorted(map(str, seen)) == ["2", "at once"]


def test_a_run_that_has_not_begun_can_be_cancelled(recorded):
    gate = threading.Event()

    def body():
        blocker = task(gate.wait, name="gate").submit()
        waiting = add.submit(blocker)
        queued = add.submit(5)
        assert queued.cancel()
        assert queued.cancel()
        with pytest.raises(CancelledRun):
            queued.result()
        gate.set()
        waiting.wait()
        assert not waiting.cancel()
        return queued.state.name

    assert in_flow(body, task_runner=ThreadPoolTaskRunner(max_workers=1)) == "Cancelled"
    assert recorded.states("add-1") == ["Pending", "Cancelled"]


def test_a_future_stays_in_its_process(home):
    def body():
        with pytest.raises(TypeError, match="cannot be sent to another"):
            pickle.dumps(add.submit(1))

    in_flow(body)


def test_resolving_gives_states_in_the_same_shape(home):
    def body():
        states = resolve_futures_to_states({"a": [add.submit(1)], "b": 5})
        return states["a"][0].result(), states["b"]

    assert in_flow(body) == (2, 5)


def test_a_crashed_body_is_raised_by_its_future_and_the_worker_lives(recorded):
    @task
    def exits():
        raise SystemExit(3)

    def body():
        future = exits.submit()
        with pytest.raises(SystemExit):
            future.result()
        return add.submit(1).result(), future.state.name

    assert in_flow(body) == (2, "Crashed")
    assert recorded.states("exits-0")[-1] == "Crashed"


def test_retries_of_a_submitted_run_give_their_thread_back(home):
    attempts = []

    @task(retries=2, retry_delay_seconds=0.05)
    def flaky(n):
        attempts.append(n)
        if attempts.count(n) < 3:
            raise ValueError(n)
        return n

    def body():
        begun = time.monotonic()
        result = flaky.map(range(20)).result()
        return result, time.monotonic() - begun

    result, took = in_flow(body, task_runner=ThreadPoolTaskRunner(max_workers=1))
    assert result == list(range(20))
    assert took < 1.5  # one after another they would take 2 s


def test_a_result_is_freed_with_its_future(home):
    class Thing: ...

    @task
    def make():
        return Thing()

    def body():
        future = make.submit()
        alive = weakref.ref(future.result())
        del future
        gc.collect()
        return alive() is None

    assert in_flow(body)


def test_context_variables_of_the_submitter_are_seen(home):
    from contextvars import ContextVar

    mine: ContextVar[str] = ContextVar("mine", default="none")

    @task
    def look():
        return mine.get()

    @task
    async def alook():
        return mine.get()

    def body():
        mine.set("set")
        return look.submit().result(), alook.submit().result()

    assert in_flow(body) == ("set", "set")


def test_a_returned_future_becomes_the_state_of_its_run(home):
    @flow
    def returns():
        return add.submit(1)

    @flow
    def returns_many():
        return add.map([1, 2])

    @flow
    def returns_failed():
        return [add.submit(1), fail.submit("x")]

    state = returns()
    assert isinstance(state, State)
    assert state.result() == 2
    states = returns_many()
    assert type(states) is list
    assert [one.result() for one in states] == [2, 3]
    with pytest.raises(ValueError, match="x"):
        returns_failed()
    assert returns_failed(return_state=True).message == "1/2 states failed."


def test_a_failed_task_that_nobody_asks_for_is_named_and_does_not_fail_the_flow(home, caplog):
    @flow
    def careless():
        fail.submit("x")
        fail.submit("seen").wait()
        return "fine"

    assert careless() == "fine"
    said = [r.getMessage() for r in caplog.records if "nobody asked" in r.getMessage()]
    assert said == ["1 submitted task run failed, and nobody asked for the result: fail-0"]


def test_user_made_failed_states_in_wait_for_hold_a_run_back(home):
    def waited():
        future = add.submit(1, wait_for=[Failed(message="no")])
        future.wait()
        return future.state.name

    assert in_flow(waited) == "NotReady"


def test_a_submitted_run_gets_its_name_when_its_inputs_are_known(recorded):
    named = add.with_options(task_run_name="add {x}")

    @flow(flow_run_name="child of {x}")
    def child(x):
        return x

    def body():
        named.submit(add.submit(1)).wait()
        child(add.submit(5))

    in_flow(body)
    with open_store(recorded.home) as store:
        assert store.find_task_run("add 2").state_name == "Completed"
        assert store.find_flow_run("child of 6").state_name == "Completed"


def test_what_is_submitted_is_in_the_store_with_its_inputs(recorded):
    in_flow(lambda: add.submit(add.submit(1), y=2).result())
    with open_store(recorded.home) as store:
        row = store.find_task_run("add-1")
        assert [(one.name, one.run_name) for one in store.upstream(row.id)] == [("x", "add-0")]
        assert [one.run_name for one in store.downstream(store.find_task_run("add-0").id)] == [
            "add-1"
        ]
