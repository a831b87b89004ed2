"""Limits as they are listed, shown and changed. What processes say to hold slots: `messages`."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from flowstone.core.ids import id_text
from flowstone.drive.limits.definitions import Usage
from flowstone.drive.limits.messages import Name
from flowstone.drive.limits.notes import Holder, Waiter
from flowstone.server.wire.times import time_text

Slots = Annotated[int, Meta(ge=0, lt=1 << 31)]
Decay = Annotated[float, Meta(ge=0, le=1e9)]


class NewLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit to make. With a decay it is good as a rate: so many slots become free a second."""

    name: Name
    limit: Slots
    active: bool = True
    slot_decay_per_second: Decay = 0.0


class LimitChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of a limit; `level` is how many slots of a rate are used up now."""

    limit: Slots | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    slot_decay_per_second: Decay | UnsetType = UNSET
    level: Decay | UnsetType = UNSET


class LimitHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a slot.

    `host` is empty for the server's own machine, `pid` null where it is not known. `until` is when
    a lease is over unless it is renewed; what holds a slot without one does so until it ends.
    """

    slot: int
    label: str
    host: str
    pid: int | None
    run: str | None
    since: str
    until: str | None


class LimitWaiter(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for slots, and its place in the queue."""

    position: int
    label: str
    host: str
    pid: int | None
    run: str | None


class LimitItem(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and how it is used; of a rate `level` slots are used up."""

    id: str
    name: str
    limit: int
    active: bool
    slot_decay_per_second: float
    used: int
    waiting: int
    level: float
    overlaps: int
    created: str
    updated: str


class LimitDetails(LimitItem, frozen=True, kw_only=True):
    """A limit with who holds its slots and who waits for them."""

    holders: list[LimitHolder]
    waiters: list[LimitWaiter]


class LimitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some limits by name, and the cursor of the next ones."""

    items: list[LimitItem]
    next: str | None


class LimitReset(msgspec.Struct, frozen=True, kw_only=True):
    """How many leases were ended. Slots that processes of the server's machine hold stay held."""

    ended: int


def limit_item(usage: Usage) -> LimitItem:
    """Return a limit as lists show it."""
    return LimitItem(**_fields(usage))


def limit_details(usage: Usage) -> LimitDetails:
    """Return a limit with who holds its slots and who waits for them."""
    return LimitDetails(
        **_fields(usage),
        holders=[_holder(one) for one in usage.holders],
        waiters=[_waiter(number, one) for number, one in enumerate(usage.waiters, 1)],
    )


def _fields(usage: Usage) -> dict[str, Any]:
    limit = usage.limit
    return {
        "id": str(UUID(bytes=limit.id)),
        "name": limit.name,
        "limit": limit.limit,
        "active": limit.active,
        "slot_decay_per_second": limit.slot_decay_per_second,
        "used": usage.used,
        "waiting": usage.waiting,
        "level": usage.level,
        "overlaps": usage.overlaps,
        "created": time_text(limit.created),
        "updated": time_text(limit.updated),
    }


def _holder(holder: Holder) -> LimitHolder:
    return LimitHolder(
        slot=holder.slot,
        label=holder.label,
        host=holder.host,
        pid=holder.pid or None,
        run=None if holder.run is None else id_text(holder.run),
        since=time_text(holder.since),
        until=None if holder.until is None else time_text(holder.until),
    )


def _waiter(position: int, waiter: Waiter) -> LimitWaiter:
    return LimitWaiter(
        position=position,
        label=waiter.label,
        host=waiter.host,
        pid=waiter.pid or None,
        run=None if waiter.run is None else id_text(waiter.run),
    )
