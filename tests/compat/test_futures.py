"""What users know of futures beyond `tests/concurrency`: reference sections 4.1, 4.2 and 4.4."""

from __future__ import annotations

import threading
import uuid

import pytest

from flowstone import allow_failure, flow, task
from flowstone.context import get_run_context
from flowstone.exceptions import UpstreamTaskError
from flowstone.futures import (
    FutureList,
    as_completed,
    resolve_futures_to_results,
    resolve_futures_to_states,
    wait,
)
from flowstone.states import Completed, State


@task
def add(x, y=1):
    return x + y


@task
def bad():
    raise ValueError("bad")


def test_futures_become_results_wherever_they_stand(home):
    kept = Completed(data=9)

    @flow
    def outer():
        value = {"a": [add.submit(1), 5], "state": (kept,)}
        resolved = resolve_futures_to_results(value)
        return [resolved == {"a": [2, 5], "state": (kept,)}, resolved["state"][0] is kept]

    assert outer() == [True, True]


def test_futures_of_failed_runs_do_not_become_results(home):
    @flow
    def outer():
        with pytest.raises(UpstreamTaskError, match="did not reach a 'Completed' state") as info:
            resolve_futures_to_results([add.submit(1), bad.submit()])
        return [repr(info.value.__cause__), repr(resolve_futures_to_results(allow(bad.submit())))]

    def allow(future):
        return [allow_failure(future)]

    assert outer() == ["ValueError('bad')", "[ValueError('bad')]"]


def test_futures_become_states_and_a_value_without_any_stays_itself(home):
    @flow
    def outer():
        plain = [1, Completed()]
        [state] = resolve_futures_to_states([add.submit(1)])
        return [isinstance(state, State), state.result(), resolve_futures_to_states(plain) is plain]

    assert outer() == [True, 2, True]


def test_the_same_future_twice_in_a_list_gives_its_result_twice(home):
    @flow
    def outer():
        one, two = add.submit(1), add.submit(2)
        return FutureList([one, two, one]).result()

    assert outer() == [2, 3, 2]


def test_waiting_collapses_duplicates(home):
    @flow
    def outer():
        future = add.submit(1)
        done, not_done = wait([future, future])
        return [len(done), len(not_done)]

    assert outer() == [1, 0]


def test_a_timeout_of_nothing_still_gives_what_has_ended(home):
    gate = threading.Event()

    @task
    def blocked():
        gate.wait(10)

    @flow
    def outer():
        ended, open_ = add.submit(1), blocked.submit()
        ended.wait()
        got = []
        try:
            for future in as_completed([open_, ended], timeout=0):
                got.append(future is ended)
        except TimeoutError as error:
            return [got, str(error)]
        finally:
            gate.set()

    assert outer() == [[True], "1 (of 2) futures unfinished"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_future_of_a_crashed_run_raises_what_crashed_it(home, error):
    @task
    def crashing():
        raise error

    @flow
    def outer():
        with pytest.raises(error):
            crashing.submit().result()
        return "went on"

    assert outer() == "went on"


def test_a_task_run_knows_its_inputs_by_parameter(home):
    @task
    def inputs_of(x, y, z):
        return get_run_context().task_run.task_inputs

    @flow
    def outer():
        one, two = add.submit(1), add.submit(2)
        state = two.wait() or two.state
        held = add.submit(3)
        taken = inputs_of([one, one], y=state, z=5, wait_for=[held])
        return [
            {name: [run.id for run in runs] for name, runs in taken.items()}
            == {
                "x": [one.task_run_id],
                "y": [two.task_run_id],
                "wait_for": [held.task_run_id],
            }
        ]

    assert outer() == [True]


def test_outside_of_its_body_a_task_run_tells_no_inputs(home):
    runs = []

    @task
    def keeps(x):
        runs.append(get_run_context().task_run)
        return bool(runs[0].task_inputs)

    made = Completed(data=1)
    made.state_details.task_run_id = uuid.uuid4()
    assert keeps(made) is True
    assert runs[0].task_inputs == {}
