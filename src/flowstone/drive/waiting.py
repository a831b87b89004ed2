"""Blocking a thread until runs have ended, without keeping its place from others."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import count
from typing import Protocol

from flowstone.core.upstream import Upstream


class Place(Protocol):
    """What a pool's worker gives up while its body waits for other runs."""

    def lend(self) -> None:
        """Let another body run in this one's place."""

    def take_back(self) -> None:
        """Go on; waits until there is a place again."""


class _Here(threading.local):
    place: Place | None = None


HERE = _Here()
"""The place that the body on this thread has in a pool, if it has one."""


def wait_all(
    runs: Iterable[Upstream], timeout: float | None = None, least: int | None = None
) -> bool:
    """Block until all of these (or `least` more of them) have ended, or for so many seconds.

    Returns whether they have.
    """
    pending = [run for run in runs if not run.is_done]
    if not pending:
        return True
    needed = len(pending) if least is None else min(least, len(pending))
    gate = threading.Lock()
    gate.acquire()
    ended = count(1)

    def note(_run: Upstream) -> None:
        if next(ended) == needed:
            gate.release()

    for run in pending:
        run.when_done(note)
    place = HERE.place
    if place is not None:
        place.lend()
    try:
        return gate.acquire(timeout=-1 if timeout is None else timeout)
    finally:
        if place is not None:
            place.take_back()
