"""Runs the engine's stories on the running event loop: every verb awaits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.upstream import Upstream


class Awaiting:
    """Waits on the running loop. A sync function called through it runs on the loop's thread."""

    async def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        """Call user code and await what it returns, if that can be awaited."""
        __tracebackhide__ = True
        try:
            value = fn(*args, **kwargs)
            if hasattr(type(value), "__await__"):
                value = await value
        except Exception as error:  # noqa: BLE001  as a value, like every error of user code
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        return Ok(value)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the loop."""
        import asyncio

        await asyncio.sleep(seconds)

    async def wait(self, runs: Sequence[Upstream], timeout: float | None = None) -> None:
        """Wait on the loop until all of these have ended, or for so many seconds."""
        import asyncio

        pending = [run for run in runs if not run.is_done]
        if not pending:
            return
        loop = asyncio.get_running_loop()
        gate = loop.create_future()
        ended = count(1)

        def open_gate() -> None:
            if not gate.done():
                gate.set_result(None)

        def note(_run: Upstream) -> None:
            if next(ended) == len(pending) and not loop.is_closed():
                loop.call_soon_threadsafe(open_gate)

        for run in pending:
            run.when_done(note)
        await asyncio.wait([gate], timeout=timeout)


AWAITING = Awaiting()
