"""Answers of short Ray tasks, taken by a thread that waits for them, one after the other.

A callback would do for each, and does for long ones: it takes nothing while they run. But Ray calls
it in the thread that hands out tasks too, where nothing may wait, and there it waits for the
interpreter's lock: a fifth of what a task costs that does nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from itertools import islice
from queue import SimpleQueue
from typing import Any

_logger = logging.getLogger("flowstone.task_runners")
_LOOK = 0.01
"""Seconds that the oldest one may hold up the others."""
_SHARE = 6
"""Of so many that are waited for one is waited for at a time: each wait takes as long as taking it,
and where many are under way nobody waits for the next one."""
_MOST = 256
"""Answers that are waited for at once: where the oldest is late, each is looked at."""

Take = Callable[[Any], object]
"""Takes an answer, or the exception that there is instead."""


class Answers:
    """Waits for answers in a thread of its own, until it is closed."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._asked: SimpleQueue[tuple[Any, Take] | None] = SimpleQueue()
        self._awaited: dict[Any, Take] = {}  # the oldest first
        threading.Thread(target=self._work, name="flowstone-ray-answers", daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether one more may be waited for."""
        return len(self._awaited) + self._asked.qsize() < _MOST

    def expect(self, ref: Any, take: Take) -> None:
        """Let `take` have what comes of the Ray task that this names, or what went wrong.

        It may take its time, but not wait for another answer.
        """
        self._asked.put((ref, take))

    def close(self) -> None:
        """Wait for no more."""
        self._asked.put(None)

    def _work(self) -> None:
        awaited = self._awaited
        while True:
            while not awaited or not self._asked.empty():
                asked = self._asked.get()
                if asked is None:
                    return
                awaited[asked[0]] = asked[1]
            oldest = list(islice(awaited, 1 + len(awaited) // _SHARE))
            if not self._give(oldest, _LOOK):
                for ref in self._done(list(awaited)):
                    self._give([ref], 0.0)

    def _give(self, refs: list[Any], seconds: float) -> bool:
        """Wait so long for answers, and let them be taken; return whether they came."""
        values: list[Any]
        try:
            values = self._ray.get(refs, timeout=seconds)
        except self._ray.exceptions.GetTimeoutError:
            return False
        except Exception as error:  # noqa: BLE001  it is the answer, of one of them
            if len(refs) > 1:
                return False
            values = [error]
        for ref, value in zip(refs, values, strict=True):
            try:
                self._awaited.pop(ref)(value)
            except Exception:
                _logger.exception("An answer of Ray could not be taken")  # others wait for more
        return True

    def _done(self, refs: list[Any]) -> list[Any]:
        """Return which of these are there; all where Ray is gone, as is then told to each."""
        try:
            done: list[Any] = self._ray.wait(refs, num_returns=len(refs), timeout=0)[0]
        except Exception:  # noqa: BLE001  each is told when it is asked for
            return refs
        return done
