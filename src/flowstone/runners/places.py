"""Places on a cluster: how many bodies are handed to it at once.

A run waits for its place as Pending, here; what the cluster holds is Running. So its times are
true, and its timeout does not pass in a queue. Bodies that are short are handed over ahead, as many
as keep the workers busy until the next ones arrive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from flowstone.core.context import get_current
from flowstone.core.upstream import Slots, Waitable
from flowstone.engine.ops import Limits

_AHEAD = 0.05
"""Seconds of work that a worker has in front of it."""
_AHEAD_TO_GROW = 10.0
"""The same for a cluster that grows by itself: twice what Dask wants to have done in time."""
_MOST_AHEAD = 100
"""Bodies that a worker has in front of it at most."""
_WEIGHT = 0.1
"""What the newest body counts in the mean time of bodies."""


class Places:
    """The limits of a cluster's runs: those of their tags, and then a place.

    `count` is how many bodies the cluster runs at once, `spread` how many times as many it is
    given: 2 lets one that can grow see that there is more to do; one that `grows` by how long that
    takes sees more of it. `is_exempt` tells which runs need no place, because others than these
    decide when they run.
    """

    gives_places = True

    def __init__(
        self,
        limits: Limits,
        count: int,
        spread: int,
        is_exempt: Callable[[], bool],
        *,
        grows: bool = False,
    ) -> None:
        self._limits = limits
        self._count, self._spread = count, spread
        self._is_exempt = is_exempt
        self._ahead = _AHEAD_TO_GROW if grows else _AHEAD
        self._lock = Lock()
        self._taken = 0
        self._mean: float | None = None
        self._waiting: deque[Place] = deque()

    def holding(self, tags: Sequence[str], label: str) -> Place:
        """Ask for a slot of each limit that these tags have, and then for a place."""
        context = get_current()
        timed = context is not None and context.spec.timeout is not None
        slots = self._limits.holding(tags, label) if tags else None
        if slots is None:
            return self.place(is_timed=timed)
        place = Place(self, slots, is_timed=timed, is_exempt=self._is_exempt())
        slots.when_done(lambda _slots: place.ask())
        return place

    def place(self, *, is_timed: bool) -> Place:
        """Ask for a place alone."""
        place = Place(self, None, is_timed=is_timed, is_exempt=self._is_exempt())
        place.ask()
        return place

    def resize(self, count: int) -> None:
        """Note how many bodies run at once now."""
        with self._lock:
            self._count = count
            granted = self._grant()
        _tell(granted)

    def note(self, seconds: float) -> None:
        """Note how long a body took."""
        mean = self._mean
        self._mean = seconds if mean is None else mean + _WEIGHT * (seconds - mean)

    def take(self, place: Place) -> None:
        """Give a place when there is one, in the order in which they are asked for."""
        with self._lock:
            if not place.is_over:
                self._waiting.append(place)
            granted = self._grant()
        _tell(granted)

    def give_back(self, place: Place) -> None:
        """Take a place back, or the wish for one."""
        with self._lock:
            if place.is_over:
                return
            place.is_over = True
            if place.has_place:
                self._taken -= 1
            elif place in self._waiting:
                self._waiting.remove(place)
            granted = self._grant()
        _tell(granted)

    def words(self) -> str:
        """Return what is waited for."""
        return f"a place on the cluster ({self._taken} of {self._count} in use)"

    def _grant(self) -> list[Place]:
        granted = []
        while self._waiting and self._taken < self._most(self._waiting[0]):
            place = self._waiting.popleft()
            place.has_place = True
            self._taken += 1
            granted.append(place)
        return granted

    def _most(self, place: Place) -> int:
        """Return up to how many may be taken for this one: none ahead where its time is limited."""
        # One at least: a cluster that can grow begins without workers.
        most = max(1, self._count) * self._spread
        if self._mean is not None and not place.is_timed:
            most += int(self._count * min(_MOST_AHEAD, self._ahead / max(self._mean, 1e-6)))
        return most


class Place:
    """The slots of a run's limits and its place on a cluster, asked for."""

    __slots__ = (
        "_callbacks",
        "_done",
        "_is_exempt",
        "_places",
        "_slots",
        "has_place",
        "is_over",
        "is_timed",
    )

    def __init__(
        self, places: Places, slots: Slots | None, *, is_timed: bool, is_exempt: bool
    ) -> None:
        self._places, self._slots = places, slots
        self._is_exempt = is_exempt
        self._done = self.is_over = False
        self._callbacks: list[Callable[[Any], object]] = []
        self.is_timed = is_timed
        self.has_place = False

    @property
    def is_done(self) -> bool:
        """Whether it has all, or never will."""
        return self._done

    @property
    def error(self) -> Exception | None:
        """Why the slots cannot be had."""
        return self._slots.error if self._slots is not None else None

    @property
    def answer(self) -> Waitable | None:
        """What tells whether the slots are there at once."""
        return self._slots.answer if self._slots is not None else None

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this when it is done; now if it is."""
        self._callbacks.append(call)
        if self._done:
            self.tell()

    def waiting_for(self) -> str:
        """Return what is waited for, in words; empty where nothing is."""
        if self._slots is not None and not self._slots.is_done:
            return self._slots.waiting_for()
        return "" if self._done else self._places.words()

    def ask(self) -> None:
        """Ask for the place: the slots are there."""
        if self._is_exempt or self.error is not None:
            self.tell()
        else:
            self._places.take(self)

    def tell(self) -> None:
        """Note that it is done."""
        self._done = True
        while self._callbacks:
            try:
                call = self._callbacks.pop()  # one step: each is called once, whoever comes first
            except IndexError:
                return
            call(self)

    def release(self) -> None:
        """Give back all of it, or the wish for it."""
        if self._slots is not None:
            self._slots.release()
        self._places.give_back(self)


def _tell(granted: list[Place]) -> None:
    for place in granted:
        place.tell()
