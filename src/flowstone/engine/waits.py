"""Who waits for whom: runs that would wait for each other for ever are told so."""

from __future__ import annotations

from collections.abc import Iterable

from flowstone.core.upstream import Upstream


class Waits:
    """The runs of this process that wait for their inputs. Each method may run in any thread.

    Usually a run waits for older ones, and there can be no circle. So only while some run waits
    for a younger one (a list that it was given was filled later) is there anything to look for.
    """

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[bytes]] = {}
        self._backwards: set[bytes] = set()

    def begin(self, run: bytes, sources: Iterable[Upstream]) -> bool:
        """Note that a run waits for these; return whether it would wait for itself."""
        keys = [source.key for source in sources]
        # Noted first, looked after: of two runs that close a circle at once, one sees the other.
        self._waiting[run] = keys
        if max(keys) >= run:
            self._backwards.add(run)
        return bool(self._backwards) and self._leads_back(run)

    def end(self, run: bytes) -> None:
        """Note that a run waits no more."""
        self._waiting.pop(run, None)
        self._backwards.discard(run)

    def _leads_back(self, run: bytes) -> bool:
        seen: set[bytes] = set()
        todo = list(self._waiting[run])
        while todo:
            key = todo.pop()
            if key == run:
                return True
            if key not in seen:
                seen.add(key)
                todo += self._waiting.get(key, ())
        return False


WAITS = Waits()
