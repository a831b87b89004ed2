"""The client whose methods are coroutines: each runs that of `Client` in a thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from flowstone.client.client import Client

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    """Return the coroutine function that does what a method does, beside the loop."""

    async def twin(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio

        return await asyncio.to_thread(method, self.sync, *args, **kwargs)

    update_wrapper(twin, method)
    return twin


class AsyncClient:
    """Asks a home, or the server of `api.url`; `sync` is the client that does it."""

    def __init__(self, sync: Client) -> None:
        self.sync = sync

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sync.close()

    @property
    def api_url(self) -> str:
        """The address of the server, or the directory of the home."""
        return self.sync.api_url

    read_flow_run = _awaited(Client.read_flow_run)
    read_flow_runs = _awaited(Client.read_flow_runs)
    count_flow_runs = _awaited(Client.count_flow_runs)
    read_task_run = _awaited(Client.read_task_run)
    read_task_runs = _awaited(Client.read_task_runs)
    count_task_runs = _awaited(Client.count_task_runs)
    read_flow_run_states = _awaited(Client.read_flow_run_states)
    read_task_run_states = _awaited(Client.read_task_run_states)
    set_flow_run_state = _awaited(Client.set_flow_run_state)
    set_task_run_state = _awaited(Client.set_task_run_state)
    cancel_flow_run = _awaited(Client.cancel_flow_run)
    cancel_task_run = _awaited(Client.cancel_task_run)
    delete_flow_run = _awaited(Client.delete_flow_run)
    read_flow = _awaited(Client.read_flow)
    read_flow_by_name = _awaited(Client.read_flow_by_name)
    read_flows = _awaited(Client.read_flows)
    read_logs = _awaited(Client.read_logs)
    read_artifacts = _awaited(Client.read_artifacts)
    read_latest_artifacts = _awaited(Client.read_latest_artifacts)
    delete_artifact = _awaited(Client.delete_artifact)
    create_variable = _awaited(Client.create_variable)
    update_variable = _awaited(Client.update_variable)
    read_variable_by_name = _awaited(Client.read_variable_by_name)
    read_variables = _awaited(Client.read_variables)
    delete_variable_by_name = _awaited(Client.delete_variable_by_name)
    create_concurrency_limit = _awaited(Client.create_concurrency_limit)
    read_concurrency_limit_by_tag = _awaited(Client.read_concurrency_limit_by_tag)
    read_concurrency_limits = _awaited(Client.read_concurrency_limits)
    reset_concurrency_limit_by_tag = _awaited(Client.reset_concurrency_limit_by_tag)
    delete_concurrency_limit_by_tag = _awaited(Client.delete_concurrency_limit_by_tag)
    create_global_concurrency_limit = _awaited(Client.create_global_concurrency_limit)
    upsert_global_concurrency_limit_by_name = _awaited(
        Client.upsert_global_concurrency_limit_by_name
    )
    read_global_concurrency_limit_by_name = _awaited(Client.read_global_concurrency_limit_by_name)
    read_global_concurrency_limits = _awaited(Client.read_global_concurrency_limits)
    update_global_concurrency_limit = _awaited(Client.update_global_concurrency_limit)
    delete_global_concurrency_limit_by_name = _awaited(
        Client.delete_global_concurrency_limit_by_name
    )
