"""What the two faces of limits have in common: all but how they wait."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

from flowstone.core.context import current
from flowstone.core.runs import TaskRun
from flowstone.core.upstream import Waitable
from flowstone.drive.limits.requests import Request, warn
from flowstone.drive.seats import Lowered
from flowstone.drive.stopper import STOPPER
from flowstone.drive.waiting import CLOCKS, Clock
from flowstone.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from flowstone.logging import get_run_logger
from flowstone.wiring.process import PROCESS

_SOON = 1.0
"""Seconds of waiting that are not worth a line."""
_RETRY = 1.0
"""Seconds that one of `max_retries` stands for; here nobody asks again, one stands in a queue."""
_SHORTEST_LEASE, _DAY = 1.0, 86_400.0
"""Seconds that a lease lasts at least and at most, whatever is asked for."""
_A_LOOK = 0.02
"""Seconds in which the limiter looks around at least once."""

Names = str | Iterable[str] | None


class Asking:
    """A request of user code: asked for, waited for so long, released.

    `steps` are the times to wait, in seconds, before `waited` says what comes of it.
    """

    def __init__(
        self,
        names: Names,
        occupy: int,
        *,
        strict: bool,
        timeout_seconds: float | None,
        max_retries: int | None = None,
        holder: Any = None,
        is_rate: bool = False,
        lease_duration: float | None = None,
        fails_without_lease: bool = False,
    ) -> None:
        if occupy < 1:
            message = f"`occupy` is the number of slots to take, 1 or more; got {occupy}."
            raise ConcurrencySlotAcquisitionError(message)
        listed = (names,) if names and isinstance(names, str) else tuple(names or ())
        label = _label() if holder is None else str(holder)
        self.request = Request(listed, occupy, is_rate=is_rate, label=label)
        if lease_duration is not None:
            self.request.lease_seconds = min(max(lease_duration, _SHORTEST_LEASE), _DAY)
        self.request.lapsed = self._lose
        self._context = current.get()
        self._fails = fails_without_lease
        self._lost = ""
        self._began = time.monotonic()
        self._strict = strict
        self._timeout = timeout_seconds
        self._retries = max_retries
        self._limits = PROCESS.limits.limiter

    def ask(self) -> Waitable | None:
        """Ask; return what tells whether the slots are there at once, None where that is known."""
        with Lowered():
            self._limits.ask(self.request)
        return self.request.answer

    def longest(self) -> float | None:
        """Return how many seconds are left to wait, None for no bound."""
        times = [self._timeout, None if self._retries is None else self._retries * _RETRY]
        given = [seconds for seconds in times if seconds is not None]
        passed = time.monotonic() - self._began if self.request.answer is not None else 0.0
        return max(0.0, min(given) - passed) if given else None

    def times(self) -> Iterable[float | None]:
        """Return the times to wait, one after the other, none where there is nothing to."""
        if self.request.missing:
            self._say_missing()
        if self.request.is_done:
            return []
        longest = self.longest()
        clock = CLOCKS.get() if CLOCKS else None
        if clock is not None and self.request.is_rate:
            return self._turning(clock, math.inf if longest is None else longest)
        if longest is not None and longest <= _SOON:
            return [longest]
        return [_SOON, None if longest is None else longest - _SOON]

    def _turning(self, clock: Clock, longest: float) -> Iterator[float]:
        """Let a clock pass the time until it is the request's turn, in `longest` seconds of it."""
        passed = 0.0
        while passed < longest:
            seconds = min(self._limits.seconds_to_room(self.request), longest - passed)
            if seconds:
                clock.wait(seconds)
                passed += seconds
            yield _A_LOOK

    def say_queued(self) -> None:
        """Tell people what is waited for."""
        waiting_for = self._limits.waiting_for(self.request)
        if waiting_for:
            get_run_logger().info("Queued: %s", waiting_for)

    def conclude(self) -> None:
        """Raise why there are no slots, where there are none."""
        request = self.request
        waiting_for = self._limits.waiting_for(request)
        if not waiting_for:
            if request.error is not None:
                raise request.error
            return
        if self._timeout is None or (
            self._retries is not None and self._retries * _RETRY < self._timeout
        ):
            message = f"No slot after {self._retries} retries, each a second: {waiting_for}."
            raise ConcurrencySlotAcquisitionError(message)
        message = f"No slot within {self._timeout:g} second(s): {waiting_for}."
        raise AcquireConcurrencySlotTimeoutError(message)

    def release(self) -> None:
        """Free what was had, or wait for it no longer."""
        with Lowered():
            self._limits.release(self.request)

    def check(self) -> None:
        """Raise where the lease was lost, and that is to count."""
        if self._lost and self._fails:
            raise ConcurrencySlotAcquisitionError(self._lost)

    def _lose(self, text: str) -> None:
        """Note that the lease was lost: the run ends where that is to count, else it is told."""
        self._lost = text
        if not self._fails:
            warn(self._context, text)
        elif self._context is not None:
            STOPPER.cancel(self._context, text)

    def _say_missing(self) -> None:
        names = ", ".join(map(repr, self.request.missing))
        decay = " --slot-decay-per-second N" if self.request.is_rate else ""
        command = f"flowstone gcl create {self.request.missing[0]} --limit N{decay}"
        message = f"There is no limit {names}. Make it: {command}"
        if self._strict:
            raise ConcurrencySlotAcquisitionError(message)
        get_run_logger().warning("%s. Going on without it.", message)


def _label() -> str:
    context = current.get()
    if context is None:
        return ""
    kind = "task run" if isinstance(context.run, TaskRun) else "flow run"
    return f"{kind} {context.run.name}"
