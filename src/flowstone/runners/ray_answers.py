"""Answers of short Ray tasks, taken in bulk by a thread that waits for them.

A callback would do for each, and does for long ones: it takes nothing while they run. But Ray calls
it in the thread that hands out tasks too, and there it waits for the interpreter's lock: a fifth of
what a task costs that does nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

_logger = logging.getLogger("flowstone.task_runners")
_LOOK = 0.01
"""Seconds until it is seen that another answer is waited for, where none comes before."""
_MOST = 256
"""Answers that are waited for at once: who waits looks at each."""

Take = Callable[[Any], object]
"""Takes an answer, or the exception that there is instead."""


class Answers:
    """Waits for answers in a thread of its own, until it is closed."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._asked: SimpleQueue[tuple[Any, Take] | None] = SimpleQueue()
        self._awaited: dict[Any, Take] = {}
        threading.Thread(target=self._work, name="flowstone-ray-answers", daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether one more may be waited for."""
        return len(self._awaited) + self._asked.qsize() < _MOST

    def expect(self, ref: Any, take: Take) -> None:
        """Let `take` have what comes of the Ray task that this names, or what went wrong."""
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
            done = self._done(list(awaited))
            for ref, value in zip(done, self._values(done), strict=True):
                try:
                    awaited.pop(ref)(value)
                except Exception:
                    _logger.exception("An answer of Ray could not be taken")  # others wait for more

    def _done(self, refs: list[Any]) -> Sequence[Any]:
        """Wait a moment, and return what can be had: all of it where Ray is gone, as errors."""
        try:
            done, _ = self._ray.wait(refs, num_returns=1, timeout=_LOOK)
            if done and len(refs) > 1:
                done, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        except Exception:  # noqa: BLE001  each is told when it is asked for
            return refs
        found: Sequence[Any] = done
        return found

    def _values(self, refs: Sequence[Any]) -> Sequence[Any]:
        try:
            values: list[Any] = self._ray.get(list(refs))
        except Exception:  # noqa: BLE001  of one of them: which one is found out one by one
            return [self._value(ref) for ref in refs]
        return values

    def _value(self, ref: Any) -> Any:
        try:
            return self._ray.get(ref)
        except Exception as error:  # noqa: BLE001  it is the answer
            return error
