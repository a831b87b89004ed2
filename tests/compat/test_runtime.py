"""`flowstone.runtime` and `flowstone.context` as a program asks them."""

from __future__ import annotations

import uuid

from flowstone import flow, runtime, task
from flowstone.context import get_run_context
from flowstone.runtime import flow_run, task_run


def test_ids_are_texts_of_the_runs_own_ids(home):
    @task
    def inner():
        assert task_run.id == str(get_run_context().task_run.id)
        return task_run.id, flow_run.id

    @flow
    def outer():
        assert flow_run.id == str(get_run_context().flow_run.id)
        return inner()

    for text in outer():
        assert str(uuid.UUID(text)) == text


def test_each_run_is_asked_anew_through_the_package_too(home):
    asks = flow(lambda x: runtime.flow_run.name, flow_run_name="run {x}")
    assert [asks(x) for x in (1, 2)] == ["run 1", "run 2"]
    assert runtime.flow_run.name is None
