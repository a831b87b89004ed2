"""Slots of limits for sync code: a wait blocks the thread, and lends its place in a pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from flowstone.concurrency.asking import Asking, Names
from flowstone.core.context import current
from flowstone.drive.waiting import wait_all
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError


@contextmanager
def concurrency(
    names: Names,
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 30,
    strict: bool = False,  # noqa: FBT001, FBT002  users give it by position, as they did before
    holder: Any = None,
    raise_on_lease_renewal_failure: bool | None = None,  # noqa: FBT001  as above
) -> Iterator[None]:
    """Hold `occupy` slots of each of these limits while the body runs: all of them, or wait.

    Raises `AcquireConcurrencySlotTimeoutError` after `timeout_seconds`, and
    `ConcurrencySlotAcquisitionError` where it can never be let in, where `max_retries` seconds did
    not suffice, or where with `strict` a limit does not exist. `holder` is shown by `gcl inspect`.
    A slot is free when the process dies, however it dies. Where a server gives the slots, it is so
    after `lease_duration` seconds at most: a lease that is renewed as long as the body runs. Where
    it could not be renewed in time, the run is told; with `raise_on_lease_renewal_failure`, by
    default with `strict`, it is cancelled.
    """
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
        _wait(asking)
        yield
    finally:
        asking.release()
    asking.check()


def rate_limit(
    names: Names,
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,  # noqa: FBT001, FBT002  as above
) -> None:
    """Wait until each of these limits, which need a slot decay, has `occupy` slots; use them up.

    Raises as `concurrency` does.
    """
    asking = Asking(names, occupy, strict=strict, timeout_seconds=timeout_seconds, is_rate=True)
    try:
        _wait(asking)
    finally:
        asking.release()


def _wait(asking: Asking) -> None:
    answer = asking.ask()
    if answer is not None:
        wait_all([answer], asking.longest(), current.get())
    for number, seconds in enumerate(asking.times()):
        if number:
            asking.say_queued()
        if wait_all([cast("Any", asking.request)], seconds, current.get()):
            break
    asking.conclude()


__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencySlotAcquisitionError",
    "concurrency",
    "rate_limit",
]
