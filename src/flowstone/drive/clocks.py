"""The processor time of some threads of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_clock_of: Callable[[int], int] | None = getattr(time, "pthread_getcpuclockid", None)
_MOMENT = 0.5  # seconds


class ThreadClocks:
    """The clocks of threads that join; each must leave before it ends."""

    def __init__(self) -> None:
        self._clocks: dict[int, int] = {}
        self._last = (time.monotonic(), 0.0)
        self._lock = threading.Lock()

    def join(self) -> None:
        """Count this thread in, where the system tells the time of threads."""
        if _clock_of is not None:
            ident = threading.get_ident()
            with self._lock:
                self._clocks[ident] = _clock_of(ident)

    def leave(self) -> None:
        """Count this thread out."""
        with self._lock:  # the clock of a thread that has ended must not be read
            self._clocks.pop(threading.get_ident(), None)

    def share(self) -> float:
        """Return the share of a core that the threads used since the last call, a moment ago.

        1.0 where that was long ago, and where the system does not tell.
        """
        if _clock_of is None:
            return 1.0
        with self._lock:
            used = sum(map(time.clock_gettime, self._clocks.values()))
        now = time.monotonic()
        before, self._last = self._last, (now, used)
        passed = now - before[0]
        return (used - before[1]) / passed if 0 < passed < _MOMENT else 1.0
