from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flowstone import flow, runtime, tags, task
from flowstone.context import get_run_context
from flowstone.runtime import deployment, flow_run, task_run

NOWHERE = {
    deployment: {"flow_run_id", "id", "name", "version"},
    flow_run: {
        "api_url",
        "flow_name",
        "flow_version",
        "id",
        "job_variables",
        "name",
        "parent_deployment_id",
        "parent_flow_run_id",
        "root_flow_run_id",
        "ui_url",
    },
    task_run: {"api_url", "id", "name", "task_name", "ui_url"},
}


@pytest.mark.parametrize("module", NOWHERE)
def test_outside_of_a_run_there_is_nothing_to_tell(module):
    values = {name: getattr(module, name) for name in module.__all__}
    before = datetime.now(UTC)
    if module is flow_run:
        assert before <= flow_run.scheduled_start_time <= datetime.now(UTC)
        del values["scheduled_start_time"]
    assert {name for name, value in values.items() if value is None} == NOWHERE[module]
    others = {name: value for name, value in values.items() if value is not None}
    assert others.pop("parameters") == {}
    empty = {deployment: {}, flow_run: {"tags": [], "run_count": 0}}
    empty[task_run] = {**empty[flow_run], "upstream": {}}
    assert others == empty[module]


@pytest.mark.parametrize("module", NOWHERE)
def test_a_name_that_is_none_is_an_attribute_error_with_those_that_are(module):
    with pytest.raises(AttributeError, match=rf"{module.__name__}'.* 'nmae'; it has .*name"):
        _ = module.nmae
    assert dir(module) == sorted(module.__all__)


def test_a_flow_run_tells_of_itself(home):
    @flow(name="tells", version="7", tags=["f"])
    def tells(a, b=2):
        run = get_run_context().flow_run
        told = {name: getattr(flow_run, name) for name in flow_run.__all__}
        assert (
            told.pop("id") == told.pop("root_flow_run_id") == str(run.id) == deployment.flow_run_id
        )
        assert told.pop("name") == run.name
        assert told.pop("scheduled_start_time") == run.created
        assert deployment.parameters == {"a": "1", "b": 2}
        assert task_run.id is None
        return {name: value for name, value in told.items() if value is not None}

    assert tells("1") == {
        "flow_name": "tells",
        "flow_version": "7",
        "parameters": {"a": "1", "b": 2},
        "run_count": 1,
        "tags": ["f"],
    }


def test_a_task_run_tells_of_itself_and_of_its_flow_run(home):
    @task(tags=["own"])
    def tells(x, y=2):
        run = get_run_context().task_run
        assert task_run.id == str(run.id)
        told = {name: getattr(task_run, name) for name in task_run.__all__ if name != "id"}
        return {name: value for name, value in told.items() if value is not None}, flow_run.id

    @flow
    def outer():
        return tells(1), flow_run.id

    (told, around), own = outer()
    assert told == {
        "name": "tells-0",
        "parameters": {"x": 1, "y": 2},
        "run_count": 1,
        "tags": ["own"],
        "task_name": "tells",
        "upstream": {},
    }
    assert around == own


def test_a_task_outside_of_a_flow_has_no_flow_run(home):
    @task
    def alone():
        return task_run.name, flow_run.id, flow_run.tags

    assert alone() == ("alone", None, [])


def test_parents_and_roots_are_found_through_flows_and_tasks(home):
    @flow
    def leaf():
        return flow_run.id, flow_run.parent_flow_run_id, flow_run.root_flow_run_id, task_run.name

    @task
    def calls():
        return leaf()

    @flow
    def middle():
        return flow_run.id, flow_run.parent_flow_run_id, calls()

    @flow
    def root():
        return flow_run.id, middle()

    top, (mid, above_mid, (_low, above_low, root_of_low, around_low)) = root()
    assert above_mid == root_of_low == top
    assert above_low == mid
    assert around_low == "calls-0"


def test_submitted_runs_tell_of_themselves_on_their_threads_and_loops(home):
    @task
    def tells(x):
        return task_run.name, task_run.parameters

    @task
    async def tells_later(x):
        return task_run.name, task_run.parameters, flow_run.id

    @flow
    def outer():
        return tells.map([1, 2]).result(), tells_later.submit(3).result(), flow_run.id

    mapped, (name, parameters, around), own = outer()
    assert mapped == [("tells-0", {"x": 1}), ("tells-1", {"x": 2})]
    assert (name, parameters) == ("tells_later-0", {"x": 3})
    assert around == own is not None


def test_a_task_run_knows_whose_results_it_takes(home):
    @task
    def one():
        return [task_run.id]

    @task
    def takes(first, second, plain):
        return first + second, task_run.upstream

    @flow
    def outer():
        future = one.submit()
        future.wait()
        return takes(future, second=one(), plain=1)

    (first, second), upstream = outer()
    assert {
        name: [(run.id, run.name, run.task, run.state) for run in runs]
        for name, runs in upstream.items()
    } == {
        "first": [(first, "one-0", "one", "Completed")],
        "second": [(second, "one-1", "one", "Completed")],
    }


def test_each_attempt_has_its_count(home):
    counts = []

    @task(retries=2)
    def counted():
        counts.append(task_run.run_count)
        if len(counts) < 3:
            raise ValueError

    @flow(retries=1)
    def outer():
        counts.append(flow_run.run_count * 10)
        if flow_run.run_count == 1:
            raise ValueError
        counts.clear()
        counted()

    outer()
    assert counts == [1, 2, 3]


def test_a_function_that_names_the_run_may_ask_about_it(home):
    def name_flow():
        return f"{flow_run.flow_name}-{flow_run.parameters['n']}-{'-'.join(flow_run.tags)}"

    def name_task():
        return f"{task_run.task_name}-{task_run.parameters['n']}-{'-'.join(task_run.tags)}"

    @task(task_run_name=name_task, tags=["t"])
    def inner(n):
        return task_run.name

    @flow(flow_run_name=name_flow, tags=["f"])
    def outer(n):
        return flow_run.name, inner(n)

    with tags("around"):
        assert outer(1) == ("outer-1-around-f", "inner-1-around-f-t")


def test_what_is_told_is_a_copy(home):
    @flow(tags=["f"])
    def outer(a):
        flow_run.tags.append("x")
        flow_run.parameters["a"] = 0
        return flow_run.tags, flow_run.parameters

    assert outer(1) == (["f"], {"a": 1})


def test_a_name_may_be_imported_and_has_the_value_of_then():
    from flowstone.runtime.flow_run import id as then

    assert then is None
    assert runtime.flow_run is flow_run
