"""How often threads that compute hand the interpreter's lock around."""

from __future__ import annotations

import sys
import threading

_EACH = 25e-6


class Switching:
    """The interpreter's switch interval, made longer while many threads want its lock.

    Each thread that waits for the lock wakes once an interval: at the default of 5 ms, 2,000 of
    them keep two cores busy with nothing else.
    """

    def __init__(self) -> None:
        self._wanted: dict[int, float] = {}
        self._own = self._set = 0.0
        self._lock = threading.Lock()

    def crowd(self, who: int, threads: int) -> None:
        """Note how many threads of someone's want the lock; 0: none does any more."""
        with self._lock:
            if threads:
                self._wanted[who] = threads * _EACH
            elif self._wanted.pop(who, None) is None:
                return
            now = sys.getswitchinterval()
            if now != self._set:  # not what was set here, so it is the program's own
                self._own = now
            wanted = max([self._own, *self._wanted.values()])
            if wanted != now:
                sys.setswitchinterval(wanted)
                self._set = sys.getswitchinterval()  # it is kept in whole microseconds


SWITCHING = Switching()
