"""Slots of limits for async code: a wait never blocks the loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from flowstone.concurrency.asking import Asking, Names
from flowstone.core.upstream import Waitable
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError


@asynccontextmanager
async def concurrency(
    names: Names,
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 30,
    strict: bool = False,  # noqa: FBT001, FBT002  users give it by position, as they did before
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,  # noqa: FBT001  as above
) -> AsyncIterator[None]:
    """Hold `occupy` slots of each of these limits while the body runs; see `.sync`."""
    asking = Asking(
        names,
        occupy,
        strict=strict,
        timeout_seconds=timeout_seconds,
        max_retries=max_retries,
        holder=holder,
        lease_duration=lease_duration,
        fails_without_lease=(
            strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
        ),
    )
    try:
        await _wait(asking)
        yield
    finally:
        asking.release()
    asking.check()


async def rate_limit(
    names: Names,
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002  as above
) -> None:
    """Wait until each of these limits has `occupy` slots, and use them up; see `.sync`."""
    asking = Asking(names, occupy, strict=strict, timeout_seconds=timeout_seconds, is_rate=True)
    try:
        await _wait(asking)
    finally:
        asking.release()


async def _wait(asking: Asking) -> None:
    answer = asking.ask()
    if answer is not None:
        await _is_done(answer, asking.longest())
    for number, seconds in enumerate(asking.times()):
        if number:
            asking.say_queued()
        if await _is_done(asking.request, seconds):
            break
    asking.conclude()


async def _is_done(request: Waitable, seconds: float | None) -> bool:
    """Wait on the loop until a request is done, or for so many seconds; return whether it is."""
    import asyncio

    loop = asyncio.get_running_loop()
    gate = loop.create_future()

    def open_gate() -> None:
        if not gate.done():
            gate.set_result(None)

    def note(_request: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(open_gate)

    request.when_done(note)
    await asyncio.wait([gate], timeout=seconds)
    return request.is_done


__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencySlotAcquisitionError",
    "concurrency",
    "rate_limit",
]
