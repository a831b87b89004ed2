"""A clock for tests that is turned by hand, and that delays turn by themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock

from flowstone.drive.waiting import CLOCKS
from flowstone.wiring.process import PROCESS, Surroundings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HandClock:
    """A clock that stands still. `waits` are the delays that went by in no time, in seconds."""

    def __init__(self) -> None:
        self._now = time.time_ns()
        self._lock = Lock()
        self.waits: list[float] = []

    def now(self) -> int:
        """Return its time in nanoseconds since 1970."""
        return self._now

    @property
    def time(self) -> datetime:
        """Its time."""
        return _EPOCH + timedelta(microseconds=self._now // 1000)

    def turn(self, seconds: float) -> None:
        """Let so many seconds go by at once. Raises `ValueError` for less than 0."""
        if not 0 <= seconds < math.inf:
            message = f"a clock is turned forward, by a number of seconds; got {seconds!r}"
            raise ValueError(message)
        with self._lock:
            self._now += math.ceil(seconds * 1e9)

    def wait(self, seconds: float) -> None:
        """Let a delay go by at once, and note it in `waits`."""
        self.turn(seconds)
        self.waits.append(seconds)


@contextmanager
def hand_turned_clock() -> Iterator[HandClock]:
    """Give the runs of the `with` a clock that is turned by hand.

    Their times are its time. Delays between retries and waits for rate limits turn it, and take no
    time; what a cache keeps expires by it. Timeouts of what really runs stay real.
    """
    clock = HandClock()
    with CLOCKS.standing(clock), PROCESS.within(Surroundings(PROCESS.settings, clock.now)):
        yield clock
