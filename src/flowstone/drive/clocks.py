"""The processor time of some threads of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_clock_of: Callable[[int], int] | None = getattr(time, "pthread_getcpuclockid", None)
_EVERY = 0.1  # seconds
_MOMENT = 0.5


class ThreadClocks:
    """The clocks of threads that join; each must leave before it ends."""

    def __init__(self) -> None:
        self._clocks: dict[int, int] = {}
        self._left = 0.0
        """Seconds that those used which left."""
        self._last = (time.monotonic(), 0.0)
        self._share: float | None = None
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
            clock = self._clocks.pop(threading.get_ident(), None)
            if clock is not None:
                self._left += time.clock_gettime(clock)

    def share(self) -> float | None:
        """Return the share of a core that the threads used of late, found anew each 0.1 s.

        None where nobody asked of late, unless they used one all the time since then, and where
        the system does not tell.
        """
        # Who holds the lock may be long in getting the interpreter's: nobody waits for that.
        if _clock_of is not None and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._share

    def _look(self) -> None:
        before, used_before = self._last
        now = time.monotonic()
        if now - before >= _EVERY:
            used = self._left + sum(map(time.clock_gettime, self._clocks.values()))
            self._last = (now, used)
            share = (used - used_before) / (now - before)
            self._share = share if now - before < _MOMENT or share >= 1 else None
