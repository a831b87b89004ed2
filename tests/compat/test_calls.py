"""Sections 1.3 to 1.5, 2.4, 2.7, 2.8: calls, submits and maps, subflows, what a flow returns."""

from __future__ import annotations

import asyncio
import io

import pytest

from flowstone import flow, task
from flowstone.annotations import quote, unmapped
from flowstone.exceptions import MappingMissingIterable
from flowstone.runtime import flow_run
from flowstone.states import Cancelled, Cancelling, Completed, Failed, State
from flowstone.task_runners import ThreadPoolTaskRunner


@task
def show(x=None, y=(1, 2), **named):
    return x, y, named


@task
def fail():
    raise ValueError("x")


def within(body):
    """Run a function as the body of a flow."""
    return flow(body)()


def test_outside_of_a_flow_tasks_are_called_but_not_submitted_or_mapped(home):
    assert show(1) == (1, (1, 2), {})
    with pytest.raises(RuntimeError, match=r"`\.submit` needs a flow run around it"):
        show.submit(1)
    with pytest.raises(RuntimeError, match=r"`\.map` needs a flow run around it"):
        show.map([1])


def test_submit_is_a_plain_call_for_async_tasks_too(home):
    @task
    async def later(x):
        await asyncio.sleep(0)
        return x

    @flow
    async def submits():
        return later.submit(1).result() + later.submit(2, return_state=True).result()

    assert asyncio.run(submits()) == 3


def test_tasks_in_tasks_are_submitted_to_the_flows_runner(home):
    started = []

    class Noting(ThreadPoolTaskRunner):
        def start(self):
            started.append(1)
            return super().start()

    @task
    def inner(x):
        return x

    @task
    def outer():
        return inner.submit(3).result()

    @flow(task_runner=Noting())
    def submits():
        return outer(), outer.submit().result()

    assert submits() == (3, 3)
    assert started == [1]


@pytest.mark.parametrize(
    ("mapped", "items"), [({"a": 1, "b": 2}, ["a", "b"]), ({5}, [5]), (iter([6]), [6]), ((7,), [7])]
)
def test_whatever_iterates_is_mapped_over(home, mapped, items):
    assert [x for x, _, _ in within(lambda: show.map(mapped).result())] == items


@pytest.mark.parametrize("whole", ["text", b"bytes", io.StringIO("file"), 5, unmapped([1, 2])])
def test_texts_files_and_what_does_not_iterate_go_to_every_run(home, whole):
    results = within(lambda: show.map([1, 2], whole).result())
    expected = whole.value if isinstance(whole, unmapped) else whole
    assert [(x, y) for x, y, _ in results] == [(1, expected), (2, expected)]


def test_defaults_are_not_mapped_over_and_further_keywords_are(home):
    assert within(lambda: show.map([1, 2], z=[3, 4]).result()) == [
        (1, (1, 2), {"z": 3}),
        (2, (1, 2), {"z": 4}),
    ]


def test_a_map_over_defaults_alone_has_nothing_to_map_over(home):
    with pytest.raises(MappingMissingIterable):
        within(lambda: show.map(1))


def test_map_gives_states_where_asked(home):
    states = within(lambda: [show.map([1, 2], return_state=True)])[0]
    assert [type(state) for state in states] == [State, State]
    assert [state.result()[0] for state in states] == [1, 2]


def test_a_failed_run_that_was_submitted_fails_the_flow_only_where_it_is_asked_for(home):
    @flow
    def ignores():
        fail.submit().wait()
        return "fine"

    @flow
    def asks():
        fail.submit().result()

    @flow
    def returns():
        return fail.submit()

    assert ignores() == "fine"
    for flow_ in (asks, returns):
        with pytest.raises(ValueError, match="x"):
            flow_()


def test_returned_futures_come_back_as_states(home):
    state = within(lambda: show.submit(1))
    assert isinstance(state, State)
    assert state.result()[0] == 1
    states = within(lambda: show.map([1, 2]))
    assert type(states) is list
    assert [one.result()[0] for one in states] == [1, 2]


@pytest.mark.parametrize("gather", [list, tuple, set])
@pytest.mark.parametrize(
    ("states", "name", "message"),
    [
        ([Completed(), Completed()], "Completed", "All states completed."),
        ([Completed(), Cancelled(), Failed()], "Cancelled", "1/3 states cancelled."),
        ([Completed(), State("PAUSED"), Failed()], "Paused", "1/3 states paused."),
        ([Completed(), Failed(), Failed()], "Failed", "2/3 states failed."),
        ([Completed(), State("RUNNING")], "Failed", "1/2 states are not final."),
    ],
)
def test_collections_of_states_alone_are_summed_up(home, gather, states, name, message):
    state = flow(lambda: gather(states))(return_state=True)
    assert (state.name, state.message) == (name, message)


@pytest.mark.parametrize("value", [[], (Failed(), 1), {"a": Failed()}, quote([Failed()])], ids=repr)
def test_states_among_others_in_dicts_and_in_quotes_are_a_value(home, value):
    made = flow(lambda: value)
    assert made(return_state=True).name == "Completed"
    assert made() == value


@pytest.mark.parametrize("returned", [Cancelling, Cancelled])
def test_on_cancellation_fires_for_states_that_a_flow_returns(home, returned):
    fired = []

    @flow(on_cancellation=[lambda flow, run, state: fired.append(state.name)])
    def cancels():
        return returned()

    assert cancels(return_state=True).name == returned.__name__
    assert fired == [returned.__name__]


def test_a_retried_flow_runs_all_again_as_the_same_run(home):
    seen, called = [], []

    @task
    def step():
        called.append(1)

    @flow
    def child():
        called.append(2)

    @flow(retries=1)
    def flaky():
        seen.append((flow_run.id, flow_run.run_count))
        step()
        child()
        if len(seen) == 1:
            raise ValueError("x")

    flaky()
    assert seen[0][0] == seen[1][0]
    assert [count for _, count in seen] == [1, 2]
    assert called == [1, 2, 1, 2]


def test_a_subflow_has_the_hooks_and_name_of_its_own(home):
    fired = []

    @flow(on_failure=[lambda flow, run, state: fired.append((flow.name, run.name))])
    def child():
        raise ValueError("x")

    @flow(on_failure=[lambda flow, run, state: fired.append((flow.name, run.name))])
    def parent():
        child.with_options(flow_run_name="of the child")()

    with pytest.raises(ValueError, match="x"):
        parent.with_options(flow_run_name="of the parent")()
    assert fired == [("child", "of the child"), ("parent", "of the parent")]
