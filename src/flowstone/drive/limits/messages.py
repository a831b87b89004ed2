"""What processes and a server say to each other about limits; served under `/api/limits`.

Times are seconds. A process sends what it asks for and what it is done with in one `Acquire`, and
keeps one further `Acquire` open that waits for news. Everything may be sent twice: what is known by
its id is not asked for again.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

LONGEST_NAME = 1000
SECONDS = 30.0
"""How long a lease is where nobody says otherwise."""
AWAY = 10.0
"""Seconds without a word after which a process that waits is passed over."""
SILENT = 3.0
"""Seconds after which a process that was told of a slot and says nothing counts as stopped."""
LONGEST_WAIT = 30.0

_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=_NO_NUL)]
Text = Annotated[str, Meta(max_length=LONGEST_NAME, pattern=_NO_NUL)]
Seconds = Annotated[float, Meta(ge=1, le=86_400)]
Pid = Annotated[int, Meta(ge=0, lt=1 << 32)]
Number = Annotated[int, Meta(ge=0, lt=1 << 62)]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A process that asks for slots; `id` is its own for as long as it lives."""

    id: UUID
    host: Text = ""
    pid: Pid = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """So many slots of each of some limits, all or none, on a lease; used up at once by a rate.

    `is_running`: what they are for runs already, because its lease lapsed: they are given at once,
    also above the limit. `run` is the task run or flow run that asks, `label` who it is in words.
    """

    id: UUID
    names: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=1000)]
    occupy: Annotated[int, Meta(ge=1, lt=1 << 31)] = 1
    is_rate: bool = False
    is_running: bool = False
    lease_seconds: Seconds = SECONDS
    label: Text = ""
    run: UUID | None = None


class Acquire(msgspec.Struct, frozen=True, kw_only=True):
    """What a process asks for and is done with, and what it knows already.

    `settled` is the highest number of what it was told, `registration` and `version` what it was
    told last. The answer comes at once where there is more to tell, else after `wait_seconds`.
    """

    client: Client
    asks: Annotated[tuple[Ask, ...], Meta(max_length=1000)] = ()
    release: Annotated[tuple[UUID, ...], Meta(max_length=10_000)] = ()
    registration: UUID | None = None
    settled: Number = 0
    version: Text | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=LONGEST_WAIT)] = 0.0


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """An ask that was decided: it has its slots, or `error` says why it cannot have them.

    `missing` are the limits that are not there. `is_over`: more slots are held than there are,
    because its lease had lapsed and another was let in.
    """

    id: UUID
    number: int
    error: str | None = None
    missing: tuple[str, ...] = ()
    is_over: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An ask that waits; `reason` is what for: `limit db (3 of 3), position 2`."""

    id: UUID
    reason: str
    missing: tuple[str, ...] = ()


class Acquired(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell a process.

    Where `registration` is another than it was, the server does not know what the process waits
    for: it asks again. `tags` are those that have a limit, None where the process knows them by
    their `version`.
    """

    registration: UUID
    settled: tuple[Settled, ...]
    waiting: tuple[Waiting, ...]
    version: str
    tags: tuple[str, ...] | None


class Renew(msgspec.Struct, frozen=True, kw_only=True):
    """Leases that are to go on."""

    client: Client
    ids: Annotated[tuple[UUID, ...], Meta(max_length=10_000)]


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """The leases among them that are over: whoever holds them asks anew, with `is_running`."""

    lapsed: tuple[UUID, ...]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Slots that are given back, and places in queues that are given up."""

    client: Client
    ids: Annotated[tuple[UUID, ...], Meta(max_length=10_000)]


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing: what was given back is free, and what is not known was free before."""
