"""Runs the engine's stories in the calling thread: every answer is there before it is awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from threading import Thread
from types import CoroutineType
from typing import Any, TypeVar

from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.upstream import Upstream
from flowstone.drive.waiting import wait_all
from flowstone.engine.steps import Done

T = TypeVar("T")


class Blocking:
    """Blocks the calling thread."""

    def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Done[Outcome]:
        """Call user code here; a coroutine that it returns is run to its end."""
        __tracebackhide__ = True
        try:
            value = fn(*args, **kwargs)
            if type(value) is CoroutineType:
                value = run_coroutine(value)
        except Exception as error:  # noqa: BLE001  as a value: a StopIteration must not cross a coroutine
            return Done(Err(error, error.__traceback__ and error.__traceback__.tb_next))
        return Done(Ok(value))

    def sleep(self, seconds: float) -> Done[None]:
        """Sleep in this thread."""
        time.sleep(seconds)
        return Done(None)

    def wait(self, runs: Sequence[Upstream], timeout: float | None = None) -> Done[None]:
        """Block this thread until all of these have ended, or for so many seconds."""
        wait_all(runs, timeout)
        return Done(None)


BLOCKING = Blocking()


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
