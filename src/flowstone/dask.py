"""Dask: the task runner, and a client of the cluster for the code of tasks and flows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any

from flowstone.core.context import current
from flowstone.task_runners import DaskTaskRunner


@contextmanager
def get_dask_client(timeout: float | None = None, **client_kwargs: Any) -> Iterator[Any]:
    """Give a `distributed.Client` of the cluster around the code, for Dask's collections.

    In a task on a worker it is that worker's, which takes other work meanwhile; in a flow with a
    `DaskTaskRunner` a new one with these arguments. `timeout` is in seconds. Raises
    `RuntimeError` where there is no such cluster.
    """
    distributed = import_module("distributed")
    if _is_on_worker(distributed):
        with distributed.worker_client(**_timed(timeout)) as client:
            yield client
    else:
        with distributed.Client(_address(), **_options(timeout, client_kwargs)) as client:
            yield client


@asynccontextmanager
async def get_async_dask_client(
    timeout: float | None = None, **client_kwargs: Any
) -> AsyncIterator[Any]:
    """Give a client as `get_dask_client` does, for async code: its methods are awaited."""
    distributed = import_module("distributed")
    is_there = _is_on_worker(distributed)
    address = distributed.get_worker().scheduler.address if is_there else _address()
    options = {**_options(timeout, client_kwargs), "asynchronous": True}
    async with distributed.Client(address, **options) as client:
        yield client


def _is_on_worker(distributed: Any) -> bool:
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def _options(timeout: float | None, client_kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"set_as_default": False, **_timed(timeout), **client_kwargs}


def _timed(timeout: float | None) -> dict[str, Any]:
    return {} if timeout is None else {"timeout": timeout}


def _address() -> str:
    """Return where the scheduler of the flow run around the code is."""
    context = current.get()
    flow = context.flow if context is not None else None
    if flow is None or not isinstance(flow.spec.task_runner, DaskTaskRunner):
        message = (
            "There is no Dask cluster around this code: it runs neither on a worker nor in a flow "
            "with a DaskTaskRunner."
        )
        raise RuntimeError(message)
    if flow.runner is None:
        flow.runner = flow.spec.task_runner.start()
    address: str = flow.runner.scheduler.address
    return address


__all__ = ["DaskTaskRunner", "get_async_dask_client", "get_dask_client"]
