"""When the server has what this process recorded, which is sent while runs go on."""

from __future__ import annotations

from flowstone.wiring.process import PROCESS


def flush(seconds: float | None = None) -> bool:
    """Wait until the server has everything that is recorded by now, and return whether it has.

    At most so many seconds; None waits as long as it takes, also for a server that is away. Without
    `api.url` there is nothing to wait for: what is recorded is in the home.
    """
    shipper = PROCESS.shipper
    return shipper is None or shipper.flush(seconds)


async def aflush(seconds: float | None = None) -> bool:
    """Do what `flush` does, and let the loop go on meanwhile."""
    import asyncio

    return await asyncio.to_thread(flush, seconds)
