"""Blocking a thread until runs have ended, without keeping its place from others."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


@contextmanager
def lent_place() -> Iterator[None]:
    """Lend the place of the body on this thread, if it has one, while it waits."""
    place = HERE.place
    if place is None:
        yield
        return
    place.lend()
    try:
        yield
    finally:
        place.take_back()


def wait_all(runs: Iterable[Upstream], timeout: float | None = None) -> bool:
    """Block until all of these have ended, or for so many seconds; return whether they have."""
    pending = [run for run in runs if not run.is_done]
    if not pending:
        return True
    gate = threading.Lock()
    gate.acquire()
    ended = count(1)

    def note(_run: Upstream) -> None:
        if next(ended) == len(pending):
            gate.release()

    for run in pending:
        run.when_done(note)
    with lent_place():
        return gate.acquire(timeout=-1 if timeout is None else timeout)
