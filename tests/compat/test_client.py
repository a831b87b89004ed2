"""What users of such a tool do with its client."""

from __future__ import annotations

import asyncio

import pytest

from flowstone import flow, get_client, task
from flowstone.client.orchestration import PrefectClient, SyncPrefectClient
from flowstone.client.orchestration import get_client as of_orchestration
from flowstone.client.schemas.filters import FlowRunFilter, TaskRunFilter
from flowstone.client.schemas.sorting import FlowRunSort
from flowstone.exceptions import ObjectNotFound
from flowstone.runtime import flow_run


@task
def add(a: int, b: int) -> int:
    return a + b


@flow(flow_run_name="nightly")
def etl(day: str) -> list[str]:
    add(1, 2)
    add.submit(3, 4).result()
    with get_client(sync_client=True) as client:
        mine = {"flow_run_id": {"any_": [flow_run.id]}}
        found = client.read_task_runs(task_run_filter=TaskRunFilter(**mine))
    return [one.state_name for one in found]


def test_get_client_is_at_the_top_and_in_orchestration():
    assert get_client is of_orchestration
    with get_client() as client:
        assert isinstance(client, SyncPrefectClient)


def test_async_with_gives_a_client_to_await():
    etl("2026-01-31")

    async def newest() -> str:
        async with get_client() as client:
            assert isinstance(client, PrefectClient)
            (run,) = await client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
            return (await client.read_flow_run(run.id)).parameters["day"]

    assert asyncio.run(newest()) == "2026-01-31"


def test_a_flow_reads_its_own_task_runs_as_they_are_right_after_each_call():
    assert etl("2026-01-31") == ["Completed", "Completed"]


def test_the_fields_that_users_read_are_there():
    etl("2026-02-01")
    asked = FlowRunFilter(name={"any_": ["nightly"]}, state={"type": {"any_": ["COMPLETED"]}})
    with get_client() as client:
        run = client.read_flow_runs(flow_run_filter=asked, limit=1)[0]
        assert run.name == "nightly"
        assert run.state.is_completed()
        assert (run.state_type.value, run.state_name, run.run_count) == (
            "COMPLETED",
            "Completed",
            1,
        )
        assert run.total_run_time.total_seconds() >= 0
        assert run.created <= run.start_time <= run.end_time
        assert client.read_flow(run.flow_id).name == "etl"
        assert client.read_flow_by_name("etl").id == run.flow_id


def test_a_deleted_run_is_not_found():
    etl("2026-02-02")
    with get_client() as client:
        run = client.read_flow_runs(limit=1)[0]
        client.delete_flow_run(run.id)
        with pytest.raises(ObjectNotFound):
            client.read_flow_run(run.id)


def test_a_limit_of_a_tag_is_made_by_a_client_and_holds():
    with get_client() as client:
        client.create_concurrency_limit(tag="compat-client", concurrency_limit=1)
        try:

            @task(tags=["compat-client"])
            def limited() -> int:
                return client.read_global_concurrency_limit_by_name(
                    "tag:compat-client"
                ).active_slots

            assert flow(lambda: limited(), name="limited")() == 1  # noqa: PLW0108
        finally:
            client.delete_concurrency_limit_by_tag("compat-client")
