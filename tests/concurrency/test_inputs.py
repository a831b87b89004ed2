from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import re
import threading
import time
import weakref
from typing import Any

import pytest

from flowstone import flow, task
from flowstone.annotations import allow_failure, opaque, quote, unmapped
from flowstone.core import origins as module
from flowstone.core.context import current
from flowstone.core.inputs import find, resolve
from flowstone.core.origins import Origins
from flowstone.core.outcome import Ok
from flowstone.core.runs import TaskRun
from flowstone.exceptions import FlowstoneError, UpstreamTaskError
from flowstone.states import Completed, Failed
from flowstone.store.queries import open_store
from flowstone.task_runners import ThreadPoolTaskRunner


class Table:
    """A value of a user's class."""

    def __init__(self, of: Any = None) -> None:
        self.of = of


@task
def make(kind: str = "table"):
    return {"table": Table(), "text": f"{id(object())} text", "rows": [1], "none": None}[kind]


@task
def use(x, y=None):
    return None


@task
def same(x):
    return x


@task
def fail(x=None):
    raise ValueError(x)


@task
def names(x=None, **more):
    """Return what the run knows of its inputs."""
    inputs = current.get().inputs.items()
    return {name: [(one.name, one.task, one.state) for one in found] for name, found in inputs}


def in_flow(body, **options):
    """Run a function as a flow; return what it returned, quoted so that states stay values."""
    return flow(lambda: quote(body()), **options)().value


def edges(recorded) -> list[tuple[str, str, str]]:
    """The edges on record: which run gave for which parameter of which run, by their names."""
    called = {
        fact.run: fact.name for fact in recorded.facts if type(fact).__name__.endswith("Created")
    }
    return [
        (called[upstream], name, called[fact.run])
        for fact in recorded.facts
        if type(fact).__name__ == "InputsFound"
        for name, upstream in fact.inputs
    ]


# Results of direct calls


@pytest.mark.parametrize("kind", ["table", "text", "rows"])
def test_a_result_passed_to_another_call_makes_an_edge(recorded, kind):
    def body():
        x = make(kind)
        use(x)
        use(1, y=[0, x])

    in_flow(body)
    assert edges(recorded) == [("make-0", "x", "use-0"), ("make-0", "y", "use-1")]
    assert recorded.states("use-0") == ["Pending", "Running", "Completed"]
    assert recorded.created("use-0").running  # it did not have to wait


def test_values_that_are_the_same_everywhere_make_no_edge(recorded):
    @task
    def give(x):
        return x

    def body():
        for value in (None, True, 7, "", "ok", "a constant text", (), 0.5, Table, logging):
            use(give(value), [value])

    in_flow(body)
    assert edges(recorded) == []


def test_edges_are_made_by_async_and_submitted_calls_too(recorded):
    @task
    async def later(x=None):
        await asyncio.sleep(0)
        return Table() if x is None else f"{id(x)} text"

    @flow
    async def body():
        table = await later()
        text = await later(table)
        await asyncio.to_thread(lambda: use.submit(text, [table]).wait())

    asyncio.run(body())
    assert edges(recorded) == [
        ("later-0", "x", "later-1"),
        ("later-1", "x", "use-0"),
        ("later-0", "y", "use-0"),
    ]


def test_a_result_read_from_a_future_makes_an_edge(recorded):
    def body():
        table, text = make.submit().result(), make.submit("text").result()
        use(table)
        use.submit(text, y=(table,)).wait()

    in_flow(body)
    assert edges(recorded) == [
        ("make-0", "x", "use-0"),
        ("make-1", "x", "use-1"),
        ("make-0", "y", "use-1"),
    ]


def test_an_edge_is_that_of_the_moment_of_the_submit(recorded):
    held = threading.Event()

    @task
    def block():
        held.wait(10)

    def body():
        rows = make("rows")
        first = block.submit()
        use.submit(rows)
        same(rows)  # the same list, which another run returns before the first use begins
        held.set()
        first.wait()

    in_flow(body, task_runner=ThreadPoolTaskRunner(max_workers=1))
    assert ("make-0", "x", "use-0") in edges(recorded)
    assert ("same-0", "x", "use-0") not in edges(recorded)


def test_the_result_of_a_subflow_and_one_given_to_a_subflow_make_edges(recorded):
    @flow(flow_run_name="inner")
    def inner(x):
        use(x)
        return Table()

    in_flow(lambda: use(inner(make())))
    assert edges(recorded) == [("make-0", "x", "inner"), ("inner", "x", "use-0")]


def test_results_in_wait_for_make_edges(recorded):
    in_flow(lambda: use(1, wait_for=[make(), 3]))
    assert edges(recorded) == [("make-0", "wait_for", "use-0")]


def test_a_quoted_result_makes_no_edge(recorded):
    in_flow(lambda: use(quote(make())))
    assert edges(recorded) == []


def test_a_result_is_freed_as_soon_as_the_flow_lets_go_of_it(home):
    def body():
        table = weakref.ref(make())
        return table()

    assert in_flow(body) is None


def test_results_of_failed_runs_and_of_other_flow_runs_make_no_edge(recorded):
    kept = []

    def body():
        kept.append(fail(1, return_state=True).data)
        use(kept[-1])

    in_flow(body)
    in_flow(lambda: use(kept[0]))
    assert edges(recorded) == []


def test_edges_reach_the_store(recorded):
    in_flow(lambda: use(make()))
    run = recorded.created("use-0").run
    with open_store(recorded.home) as store:
        [row] = store.upstream(run)
    assert (row.name, row.run_name, row.state_name) == ("x", "make-0", "Completed")


# Futures and states


def test_all_containers_give_their_futures(recorded):
    @dataclasses.dataclass
    class Pair:
        left: Any
        right: Any

    def body():
        one = same.submit(1)
        got = same.submit([(one,), {one}, frozenset({one}), {one: one}, Pair(one, 2)]).result()
        return got[:-1], (got[-1].left, got[-1].right)

    assert in_flow(body) == ([(1,), {1}, frozenset({1}), {1: 1}], (1, 2))
    assert edges(recorded) == [("same-0", "x", "same-1")]  # once, however often it stands there


def test_marks_are_taken_off_without_any_future(home):
    def body():
        kinds = [same(mark([1])) for mark in (quote, opaque, allow_failure, unmapped)]
        return kinds, same([quote((2,))])

    assert in_flow(body) == ([[1]] * 4, [(2,)])


def test_the_result_of_an_opaque_future_is_passed_as_it_is(home):
    result = [Completed(data=1)]

    def body():
        return same.submit(opaque(same.submit(quote(result)))).result()

    assert in_flow(body) is result


def test_failure_is_allowed_in_direct_calls_and_subflows_too(home):
    @flow
    def inner(x):
        return type(x).__name__

    def body():
        failed = fail.submit("x")
        return type(same(allow_failure(failed))).__name__, inner(allow_failure([failed])), failed

    direct, sub, _ = in_flow(body)
    assert (direct, sub) == ("ValueError", "list")


def test_a_run_that_never_was_ready_delivers_none(home):
    def body():
        skipped = same.submit(fail.submit())
        return same.submit(allow_failure(skipped)).result(), same(allow_failure([skipped]))

    assert in_flow(body) == (None, [None])


def test_failure_is_not_allowed_for_a_cancelled_run(home):
    held = threading.Event()

    @task
    def block():
        held.wait(10)

    def body():
        first, second = block.submit(), make.submit()
        assert second.cancel()
        held.set()
        with pytest.raises(UpstreamTaskError, match="Cancelled"):
            same(allow_failure(second))
        first.wait()

    in_flow(body, task_runner=ThreadPoolTaskRunner(max_workers=1))


def test_the_error_of_an_unready_run_names_the_upstream_run_and_has_its_exception(home):
    def body():
        with pytest.raises(UpstreamTaskError, match=r"'fail-0'.*Failed") as info:
            same([fail.submit("x")])
        return info.value.__cause__

    assert isinstance(in_flow(body), ValueError)


def test_an_argument_that_cannot_be_made_anew_fails_the_run_with_a_clear_error(recorded):
    @dataclasses.dataclass
    class Strict:
        x: Any

        def __post_init__(self) -> None:
            if self.x == 1:
                raise ValueError("not one")

    def body():
        future = same.with_options(retries=3).submit(x=Strict(same.submit(1)))
        with pytest.raises(FlowstoneError, match=r"parameter 'x': ValueError: not one.*quote"):
            future.result()

    in_flow(body)
    assert recorded.states("same-1") == ["Pending", "Failed"]


def test_a_list_of_very_many_futures_is_taken_soon(recorded):
    many = 20_000

    def body():
        futures = same.map(range(many))
        futures.wait()
        begun = time.thread_time()
        got = sum(same(futures))
        return got, time.thread_time() - begun

    got, seconds = in_flow(body)
    assert got == many * (many - 1) // 2
    assert seconds < 2
    assert len(edges(recorded)) == many


def test_a_large_argument_without_a_future_is_told_once_a_task(home, caplog):
    large = [[None]] * 100_001

    def body():
        future = same.submit(1)
        for _ in range(2):
            same(large)
            use.submit(future, y=large).wait()
        same([large, future])  # here there is one

    in_flow(body)
    told = [record.getMessage() for record in caplog.records if "Looking for" in record.msg]
    assert len(told) == 2
    assert re.search(r"argument 'x' of task 'same' took \d+\.\d", told[0])
    assert "100,0" in told[0]
    assert "quote(value)" in told[0]
    assert "argument 'y' of task 'use'" in told[1]


# What the run knows


def test_a_run_knows_its_inputs_with_their_names_and_states(home):
    def body():
        table, future, failed = make(), make.submit(), fail.submit()
        failed.wait()
        direct = names(table, a=future, b=[allow_failure(failed)], wait_for=[table])
        submitted = names.submit([table, future], a=same(1, return_state=True)).result()
        return direct, submitted, names()

    direct, submitted, nothing = in_flow(body)
    table, future = ("make-0", "make", "Completed"), ("make-1", "make", "Completed")
    assert direct == {
        "x": [table],
        "more": [future, ("fail-0", "fail", "Failed")],
        "wait_for": [table],
    }
    assert submitted == {"x": [table, future], "more": [(None, None, "Completed")]}
    assert nothing == {}


def test_the_task_of_an_input_is_named_whatever_its_run_is_called(home):
    named = make.with_options(task_run_name="load-{kind}")
    assert in_flow(lambda: names(named.submit("rows"))) == {
        "x": [("load-rows", "make", "Completed")]
    }


# Many threads


def test_many_threads_may_remember_and_look_up_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 500)  # the crowded end of the range is reached too
    origins = Origins()
    wrong: list[Any] = []

    def work(worker: int) -> None:
        for number in range(2000):
            run = TaskRun()
            run.name, run.state_number = f"{worker}-{number}", 3
            outcome = Ok(Table() if number % 2 else [])
            origins.add(outcome, run, "a")
            origins.may_know((outcome.value,))
            wrong.extend(one for one in origins.of(outcome.value) if one.name != run.name)

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert origins


def test_a_dict_that_another_thread_fills_can_be_searched():
    filling: dict[int, Any] = {}
    stop = threading.Event()

    def fill() -> None:
        number = 0
        while not stop.is_set():
            filling[number % 5000] = [number]
            filling.pop((number + 2500) % 5000, None)
            number += 1

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        for _ in range(20):
            assert find([filling, Completed(data=1)])
            resolve([filling, Completed(data=1)], lambda found: found.source.data)
    finally:
        stop.set()
        thread.join()


# What is not kept


def test_a_user_made_state_has_no_run_behind_it(recorded):
    def body():
        with pytest.raises(UpstreamTaskError):
            same(Failed(message="made"))
        return same(Completed(data=5))

    assert in_flow(body) == 5
    assert edges(recorded) == []


def test_nothing_of_a_flow_run_is_kept_after_it(home):
    kept: list[Any] = []

    def body():
        rows = make("rows")
        rows.append(table := Table())
        kept.append(weakref.ref(table))

    in_flow(body)
    gc.collect()
    assert kept[0]() is None
