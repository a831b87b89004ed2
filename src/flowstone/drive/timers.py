"""Calls at a later moment, by one thread that sleeps in between."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count


class Timers:
    """Calls functions after a time. They must be quick: they share one thread."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._runs = False

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call so many seconds from now."""
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), call))
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="flowstone-timers", daemon=True).start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due:
                    self._wake.wait()
                at = self._due[0][0]
                left = at - time.monotonic()
                if left > 0:
                    self._wake.wait(left)
                    continue
                call = heapq.heappop(self._due)[2]
            call()
