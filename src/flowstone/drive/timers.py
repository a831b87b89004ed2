"""Calls at a later moment, by one thread that sleeps in between."""

from __future__ import annotations

import heapq
import logging
import os
import threading
import time
from collections.abc import Callable
from itertools import count

_logger = logging.getLogger("flowstone")
_MANY = 1000
"""Calls that were called off, from which on it is worth while to look for them."""


class Timer:
    """A call that is to come; sorts by its moment."""

    __slots__ = ("at", "call", "order")

    def __init__(self, at: float, order: int, call: Callable[[], object]) -> None:
        self.at, self.order = at, order
        self.call: Callable[[], object] | None = call

    def __lt__(self, other: Timer) -> bool:
        return (self.at, self.order) < (other.at, other.order)


class Timers:
    """Calls functions after a time. They must be quick: they share one thread."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._due: list[Timer] = []
        self._order = count()
        self._called_off = 0
        self._runs = False

    def after(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call so many seconds from now."""
        timer = Timer(time.monotonic() + seconds, next(self._order), call)
        with self._wake:
            heapq.heappush(self._due, timer)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="flowstone-timers", daemon=True).start()
            elif self._due[0] is timer:
                self._wake.notify()
        return timer

    def call_off(self, timer: Timer) -> None:
        """Do not call any more."""
        with self._wake:
            timer.call = None
            self._called_off += 1
            if self._called_off > _MANY and 2 * self._called_off > len(self._due):
                self._due = [one for one in self._due if one.call is not None]
                heapq.heapify(self._due)
                self._called_off = 0

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due:
                    self._wake.wait()
                left = self._due[0].at - time.monotonic()
                if left > 0:
                    self._wake.wait(left)
                    continue
                call = heapq.heappop(self._due).call
                if call is None:
                    self._called_off = max(0, self._called_off - 1)
            if call is not None:
                try:
                    call()
                except Exception:
                    _logger.exception("A timer failed; the others go on")
                del call


TIMERS = Timers()
"""Those of this process; a forked child has its own."""

os.register_at_fork(after_in_child=TIMERS.__init__)  # type: ignore[misc]
