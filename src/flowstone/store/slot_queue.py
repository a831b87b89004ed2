"""Who is next: decides on requests for slots, in the order of their tickets. Knows no database.

A request takes all the slots that it wants, or none. One that cannot use a free slot yet, because
it wants one of another limit too, keeps it free for a second (doubled each time, so that it comes
to its turn) and then lets others pass; at once where it is not the first in that other queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flowstone.drive.limits.definitions import refusal
from flowstone.drive.limits.files import Limit

PATIENCE = 1_000_000_000
"""Nanoseconds for which a request keeps a free slot at first that it cannot use."""
_MOST_PATIENCE = 60 * PATIENCE
ASIDE = -1
"""As `idle`: the request lets others pass."""
_CLOSE = 1e-9
"""How far a level may be off by rounding."""


class Room(msgspec.Struct, kw_only=True):
    """A limit as it is now: how many slots are held, and of a rate how many are used up.

    `is_used_up`: more than when it was looked at.
    """

    limit: Limit
    used: int
    level: float
    is_used_up: bool = False

    def has(self, occupy: int, *, is_rate: bool) -> bool:
        """Whether there is room for so many slots."""
        taken = self.level if is_rate else self.used
        return taken + occupy <= self.limit.limit + _CLOSE

    def take(self, one: Wanting) -> None:
        """Let there be less room."""
        if one.is_rate:
            self.level += one.occupy
            self.is_used_up = True
        else:
            self.used += one.occupy


class Wanting(msgspec.Struct, kw_only=True):
    """A request that waits, or waited.

    `idle` has its places in queues, and since when it keeps a slot of them free; `enforced` are
    those that are in force, `error` is why it can never be let in.
    """

    id: bytes
    process: bytes
    ticket: int
    occupy: int
    is_rate: bool
    length: int
    patience: int
    idle: dict[str, int | None]
    enforced: tuple[str, ...] = ()
    is_changed: bool = False
    is_let_in: bool = False
    error: str | None = None


def decide(rooms: Mapping[str, Room], queue: Iterable[Wanting], now: int) -> None:
    """Let in who can be; `queue` has, in order, who waits for these limits."""
    stopped: set[str] = set()
    for one in queue:
        one.enforced = enforced = tuple(
            name for name in one.idle if name in rooms and rooms[name].limit.active
        )
        limits = [rooms[name].limit for name in enforced]
        one.error = refusal(limits, one.occupy, is_rate=one.is_rate)
        if one.error is not None:
            continue
        lacking = [
            name
            for name in enforced
            if name in stopped or not rooms[name].has(one.occupy, is_rate=one.is_rate)
        ]
        if not lacking:
            one.is_let_in = True
            for name in enforced:
                rooms[name].take(one)
        else:
            _stand(one, lacking, stopped, now)


def _stand(one: Wanting, lacking: list[str], stopped: set[str], now: int) -> None:
    """Stand in the queues; keep others from slots that are free, as far as patience goes."""
    is_early = any(name in stopped for name in lacking)
    for name in one.enforced:
        idle = one.idle[name]
        if name in lacking:
            stopped.add(name)
            one.idle[name] = None
        elif idle != ASIDE:
            since = now if idle is None else idle
            if is_early or now - since > one.patience:
                one.idle[name] = ASIDE
                one.patience = min((1 if is_early else 2) * one.patience, _MOST_PATIENCE)
            else:
                one.idle[name] = since
                stopped.add(name)
        one.is_changed |= one.idle[name] != idle
