"""Runs the engine's stories on the running event loop: every verb awaits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowstone.core.outcome import Err, Ok, Outcome


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


AWAITING = Awaiting()
