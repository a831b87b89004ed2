"""Runs out what a body returns: a coroutine where no loop is at hand, a generator."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import copy_context
from threading import Thread
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, TypeVar

from flowstone.core.outcome import Err, Ok, Outcome

T = TypeVar("T")
RUN_OUT = frozenset({CoroutineType, GeneratorType, AsyncGeneratorType})
"""The types of what a body may return that is of no use to its caller once the run is over."""


def run_out(value: Any) -> Any:
    """Return what a coroutine comes to, or the values of a generator as a list."""
    return list(value) if isinstance(value, GeneratorType) else run_coroutine(arun_out(value))


async def arun_out(value: Any) -> Any:
    """Do what `run_out` does, on the running loop."""
    if isinstance(value, AsyncGeneratorType):
        return [one async for one in value]
    if isinstance(value, CoroutineType):
        value = await value
    return list(value) if isinstance(value, GeneratorType) else value


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on a loop of its own, in this context.

    Where a loop already runs in this thread, another thread does it.
    """
    import asyncio

    if asyncio._get_running_loop() is None:  # noqa: SLF001  documented for such use by asyncio.events
        with asyncio.Runner() as runner:
            return runner.run(coroutine, context=copy_context())
    outcomes: list[Outcome] = []

    def run() -> None:
        try:
            outcomes.append(Ok(asyncio.run(coroutine)))
        except BaseException as error:  # noqa: BLE001  raised again in the thread that asked
            outcomes.append(Err(error, error.__traceback__))

    thread = Thread(target=copy_context().run, args=(run,), name="flowstone-coroutine")
    thread.start()
    thread.join()
    result: T = outcomes[0].unwrap()
    return result
