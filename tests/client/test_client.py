"""What a client answers and changes, of a home and of a server alike."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from flowstone import flow
from flowstone.client import get_client
from flowstone.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    VariableCreate,
    VariableUpdate,
)
from flowstone.client.schemas.filters import ArtifactFilter, LogFilter
from flowstone.client.schemas.objects import SetStateStatus, StateType
from flowstone.client.schemas.sorting import FlowSort, LogSort
from flowstone.core.facts import ArtifactWritten, LineLogged
from flowstone.core.ids import IdSource
from flowstone.exceptions import MissingResult, ObjectAlreadyExists, ObjectNotFound
from flowstone.settings import temporary_settings
from flowstone.states import Cancelling, Completed, Failed, Running
from flowstone.store.errors import RunEnded, RunStillOpen
from tests.server.stories import Story


def uuid_of(story, name):
    return UUID(bytes=story.ids[name])


def test_a_flow_run_is_read_with_what_belongs_to_it(client, story):
    found = client.read_flow_run(uuid_of(story, "good-run"))
    assert (found.name, found.flow_name, found.state_name) == ("good-run", "main", "Completed")
    assert found.parameters == {"x": 1, "day": "2026-01-31"}
    assert found.end_time - found.start_time == found.total_run_time > timedelta()
    assert found.state.timestamp == found.end_time
    assert found.state.state_details.flow_run_id == found.id
    assert client.read_flow_run(str(found.id)) == found


def test_lists_hold_parameters_too(client, story):
    found = {one.name: one.parameters for one in client.read_flow_runs()}
    assert found["good-run"] == {"x": 1, "day": "2026-01-31"}


def test_a_task_run_is_read_with_its_flow_run(client, story):
    found = client.read_task_run(uuid_of(story, "t-1"))
    assert found.flow_run_id == uuid_of(story, "bad-run")
    assert found.state.is_failed()
    assert found.state.message.endswith("ValueError: no")
    assert client.read_task_run(uuid_of(story, "alone")).flow_run_id is None


def test_the_value_of_a_read_state_is_not_none_but_missing(client, story):
    state = client.read_flow_run(uuid_of(story, "good-run")).state
    with pytest.raises(MissingResult):
        state.result()


def test_the_states_of_a_run_come_in_their_order(client, story):
    names = [one.name for one in client.read_task_run_states(uuid_of(story, "retried"))]
    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]
    assert [one.type for one in client.read_flow_run_states(uuid_of(story, "stopped-run"))][
        -1
    ] is StateType.CANCELLED


@pytest.mark.parametrize("read", ["read_flow_run", "read_task_run", "read_flow", "delete_flow_run"])
def test_what_is_not_there_is_said_to_be_missing(client, story, read):
    with pytest.raises(ObjectNotFound, match="There is no") as caught:
        getattr(client, read)(uuid4())
    assert client.api_url in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_what_is_no_id_is_refused(client):
    with pytest.raises(ValueError, match="badly formed"):
        client.read_flow_run("good-run")


def test_flows_are_found_by_id_and_by_name(client, story):
    run = client.read_flow_run(uuid_of(story, "good-run"))
    flow = client.read_flow(run.flow_id)
    assert flow.name == "main"
    assert client.read_flow_by_name("main") == flow
    assert client.read_flows(sort=FlowSort.NAME_DESC) == [flow]
    with pytest.raises(ObjectNotFound, match="'other'"):
        client.read_flow_by_name("other")


def test_the_run_of_a_dead_process_is_put_into_a_state(client, database):
    story = Story(database)
    run = story.flow_run("left-open")
    story.told()
    assert client.read_flow_run(UUID(bytes=run)).state.is_crashed()
    answer = client.set_flow_run_state(UUID(bytes=run), Completed(message="by hand"))
    assert answer.status is SetStateStatus.ACCEPT
    found = client.read_flow_run(UUID(bytes=run)).state
    assert (found.type, found.name, found.message) == (
        StateType.COMPLETED,
        "Completed",
        "by hand",
    )


def test_the_run_of_a_living_process_is_not_taken_from_it(client, database):
    story = Story(database)
    run, task = story.flow_run("at-work"), story.task_run("t-0")
    story.told(is_alive=True)
    with pytest.raises(RunStillOpen, match="at-work"):
        client.set_flow_run_state(UUID(bytes=run), Failed())
    with pytest.raises(RunStillOpen, match="t-0"):
        client.set_task_run_state(UUID(bytes=task), Failed())
    with pytest.raises(RunStillOpen):
        client.delete_flow_run(UUID(bytes=run))
    with pytest.raises(ValueError, match="its own process"):
        client.set_flow_run_state(UUID(bytes=run), Running())


def test_cancelling_asks_the_process_of_a_run(client, database):
    story = Story(database)
    run = story.flow_run("at-work")
    story.told(is_alive=True)
    answer = client.set_flow_run_state(UUID(bytes=run), Cancelling())
    assert answer.status is SetStateStatus.WAIT
    assert client.cancel_flow_run(UUID(bytes=run)) is False


def test_a_run_that_is_over_is_not_cancelled(client, story):
    with pytest.raises(RunEnded, match="good-run"):
        client.cancel_flow_run(uuid_of(story, "good-run"))
    with pytest.raises(RunEnded):
        client.cancel_task_run(uuid_of(story, "t-0"))


def test_a_deleted_flow_run_is_gone_with_its_task_runs(client, story):
    client.delete_flow_run(uuid_of(story, "good-run"))
    for read, name in ((client.read_flow_run, "good-run"), (client.read_task_run, "t-0")):
        with pytest.raises(ObjectNotFound):
            read(uuid_of(story, name))


def test_log_lines_are_read_by_run(client, database):
    story = Story(database)
    run, other = story.flow_run("talks"), story.flow_run("talks-too")
    task = story.task_run("t-0", run)
    lines = [(run, None, 20, "began"), (run, task, 10, "adding"), (other, None, 30, "odd")]
    for flow_run, task_run, level, text in lines:
        story.add(LineLogged(flow_run, task_run, story.log.tick(), level, "mine", text))
    story.told()

    def read(**parts):
        limits = {name: parts.pop(name) for name in ("limit", "offset", "sort") if name in parts}
        return [one.message for one in client.read_logs(LogFilter(**parts), **limits)]

    of_one, of_both = {"any_": [UUID(bytes=run)]}, {"any_": [UUID(bytes=run), UUID(bytes=other)]}
    assert read(flow_run_id=of_one) == ["began", "adding"]
    assert read(flow_run_id=of_one, level={"ge_": 20}) == ["began"]
    assert read(task_run_id={"any_": [str(UUID(bytes=task))]}) == ["adding"]
    assert read(flow_run_id=of_both, sort=LogSort.TIMESTAMP_DESC) == ["odd", "adding", "began"]
    assert read(flow_run_id=of_both, limit=1, offset=1) == ["adding"]
    assert read(flow_run_id=of_one, task_run_id={"is_null_": True}) == ["began"]
    with pytest.raises(ValueError, match="by run"):
        read(level={"ge_": 20})


def test_artifacts_are_read_whole_and_deleted(client, database):
    story = Story(database)
    run = story.flow_run("makes")
    long = "x" * 2000
    for text in ("old", long):
        at = story.log.tick()
        made = IdSource(bytes(10)).new(at)
        story.add(ArtifactWritten(made, "markdown", "report", at, text, None, run, None))
    story.told()
    newest, older = client.read_artifacts()
    assert (newest.data, older.data, newest.flow_run_id) == (long, "old", UUID(bytes=run))
    assert client.read_latest_artifacts() == [newest]
    assert client.read_artifacts(artifact_filter=ArtifactFilter(key={"like_": "REP"}), limit=1)
    client.delete_artifact(newest.id)
    assert client.read_latest_artifacts() == [older]
    with pytest.raises(ObjectNotFound):
        client.delete_artifact(newest.id)


def test_variables_are_made_read_changed_and_deleted(client):
    made = client.create_variable(VariableCreate(name="region", value={"a": [1]}, tags=["eu"]))
    assert (made.value, made.tags) == ({"a": [1]}, ["eu"])
    assert client.read_variable_by_name("region") == made
    with pytest.raises(ObjectAlreadyExists, match="region"):
        client.create_variable(VariableCreate(name="region", value=1))
    client.update_variable(VariableUpdate(name="region", value="west"))
    assert [(one.value, one.tags) for one in client.read_variables()] == [("west", ["eu"])]
    client.delete_variable_by_name("region")
    assert client.read_variable_by_name("region") is None
    with pytest.raises(ObjectNotFound):
        client.delete_variable_by_name("region")
    with pytest.raises(ObjectNotFound):
        client.update_variable(VariableUpdate(name="region", value=1))
    with pytest.raises(ValueError, match="lowercase"):
        client.create_variable(VariableCreate(name="Bad Name", value=1))


def test_limits_of_tags_are_made_read_and_deleted(client):
    made = client.create_concurrency_limit("db", 3)
    assert client.create_concurrency_limit("db", 5) == made
    found = client.read_concurrency_limit_by_tag("db")
    assert (found.id, found.tag, found.concurrency_limit) == (made, "db", 5)
    assert client.read_concurrency_limits() == [found]
    assert client.reset_concurrency_limit_by_tag("db") == 0
    client.delete_concurrency_limit_by_tag("db")
    for ask in (client.read_concurrency_limit_by_tag, client.delete_concurrency_limit_by_tag):
        with pytest.raises(ObjectNotFound):
            ask("db")


def test_global_limits_are_made_changed_and_deleted(client):
    asked = GlobalConcurrencyLimitCreate(name="api", limit=2, slot_decay_per_second=0.5)
    made = client.create_global_concurrency_limit(asked)
    with pytest.raises(ObjectAlreadyExists):
        client.create_global_concurrency_limit(asked)
    change = GlobalConcurrencyLimitUpdate(limit=4, active=False)
    client.update_global_concurrency_limit("api", change)
    (found,) = client.read_global_concurrency_limits()
    assert found == client.read_global_concurrency_limit_by_name("api")
    assert (found.id, found.limit, found.active, found.active_slots) == (made, 4, False, 0)
    assert found.slot_decay_per_second == 0.5
    client.delete_global_concurrency_limit_by_name("api")
    assert client.read_global_concurrency_limits() == []


def test_what_has_returned_to_a_caller_is_in_the_answer(database):
    @flow
    def quick():
        return 1

    with temporary_settings({"home": str(database.home)}), get_client() as client:
        began = time.time_ns()
        quick()
        (found,) = client.read_flow_runs()
    assert found.flow_name == "quick"
    assert found.created.timestamp() >= began / 1e9 - 0.01
