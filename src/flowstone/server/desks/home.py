"""The desk of a home: processes of elsewhere share its limits with those of this machine.

A slot is held by this server, in the limit's file, and has a lease there. While the server lives it
decides when a lease is over; when it dies, the lease stands in the file until its time is over, so
that nobody is let in meanwhile, and the next server takes it up.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from threading import RLock
from uuid import UUID, uuid4

from flowstone.drive.limits.clocks import clock
from flowstone.drive.limits.definitions import Book
from flowstone.drive.limits.local import LocalLimits
from flowstone.drive.limits.messages import (
    AWAY,
    SILENT,
    Acquire,
    Acquired,
    Ask,
    Client,
    Settled,
    Waiting,
)
from flowstone.drive.limits.notes import Lease
from flowstone.drive.limits.requests import Request
from flowstone.server.desks.desk import Polls, version_of

_FORGET = 60.0
"""Seconds without a word after which nothing is known of a process any more."""
_TRIES = 100
"""How often a gate is tried, each a millisecond."""


class _Process:
    """A process of elsewhere: what it waits for, and what it was not told yet."""

    def __init__(self, about: Client) -> None:
        self.about = about
        self.registration = uuid4()
        self.waiting: dict[UUID, Request] = {}
        self.settled: list[Settled] = []
        self.number = 0
        self.seen = time.monotonic()
        self.owed: float | None = None  # since when it was told of a slot and said nothing


class HomeDesk:
    """Gives slots of a home's limits on leases."""

    def __init__(self, limits: LocalLimits) -> None:
        self.polls = Polls()
        self._limits = limits
        self._lock = RLock()
        self._processes: dict[UUID, _Process] = {}
        self._held: dict[UUID, Request] = {}
        self._version = ""
        self._tags: tuple[str, ...] = ()
        self._changes = -1
        self._take_over()
        self._look_at_definitions()

    @property
    def book(self) -> Book:
        """The limits of the home."""
        return self._limits.definitions

    def exchange(self, message: Acquire) -> Acquired:
        """Take what a process gives back, ask for what it wants, and tell it what is new."""
        with self._lock:
            process = self._process(message.client, is_word=False)
            if message.asks or message.release or message.settled >= process.number:
                process.owed = None
            if message.registration == process.registration:
                process.settled = [one for one in process.settled if one.number > message.settled]
            self._release(process, message.release)
            for ask in message.asks:
                self._ask(process, ask)
            asked = [(ask.id, process.waiting.get(ask.id)) for ask in message.asks]
            waiting = [(key, request) for key, request in asked if request is not None]
            if self._changes != self._limits.folder.changes:
                self._look_at_definitions()
            return Acquired(
                registration=process.registration,
                settled=tuple(process.settled),
                waiting=tuple(
                    Waiting(id=key, reason=request.waiting_for(), missing=request.missing)
                    for key, request in waiting
                ),
                version=self._version,
                tags=None if message.version == self._version else self._tags,
            )

    def release(self, client: Client, ids: Sequence[UUID]) -> None:
        """Free these slots, or give up these places in queues."""
        with self._lock:
            self._release(self._process(client), ids)

    def renew(self, client: Client, ids: Sequence[UUID]) -> list[UUID]:
        """Let these leases go on; return those that are over."""
        with self._lock:
            self._process(client)
            lapsed = []
            for key in ids:
                request = self._held.get(key)
                if request is None or request.lease is None or request.lease.until <= clock():
                    lapsed.append(key)
                    continue
                request.lease.renew()
                self._limits.limiter.renew(request)
            return lapsed

    def left(self, client: Client) -> None:
        """Do nothing: its places are given up when it was away for long."""

    def reset(self, name: str) -> int:
        """End all leases of a limit, and empty a rate; return how many leases ended."""
        with self._lock:
            usage = self._limits.definitions.usage(name)
            ended = [key for key, request in self._held.items() if name in request.names]
            for key in ended:
                self._limits.limiter.release(self._held.pop(key))
        if usage.limit.slot_decay_per_second > 0:
            self._limits.definitions.change(name, level=0.0)
        return len(ended)

    def close(self) -> None:
        """Let go of who waits, because the server ends; the leases stand in the files."""
        with self._lock:
            for process in self._processes.values():
                for request in process.waiting.values():
                    self._limits.limiter.release(request)
            self._processes.clear()
            for request in self._held.values():
                request.lease = None  # so that it is not ended with what this process holds
                self._limits.limiter.release(request)
            self._held.clear()

    def tend(self) -> None:
        """End leases whose time is over, forget who is away, and tell what limits changed."""
        now, polling = time.monotonic(), set(self.polls.clients)
        with self._lock:
            for key, request in list(self._held.items()):
                if request.lease is not None and request.lease.until <= clock():
                    self._limits.limiter.release(self._held.pop(key))
                    self._forget_grant(key)
            for key, process in list(self._processes.items()):
                if key in polling:
                    process.seen = now
                is_silent = process.owed is not None and now - process.owed > SILENT
                if process.waiting and (is_silent or now - process.seen > AWAY):
                    self._release(process, list(process.waiting))
                    process.registration = uuid4()  # so that it asks again, if it ever comes back
                if now - process.seen > _FORGET:
                    del self._processes[key]
            has_changed = self._look_at_definitions()
        if has_changed:
            self.polls.wake()

    def _forget_grant(self, key: UUID) -> None:
        """Let a process that was never told of a slot ask again: its lease is over."""
        for process in self._processes.values():
            kept = [one for one in process.settled if one.id != key]
            if len(kept) < len(process.settled):
                process.settled, process.registration = kept, uuid4()

    def _take_over(self) -> None:
        """Hold what an earlier server gave, as long as those leases go on."""
        names: dict[bytes, list[str]] = {}
        found: dict[bytes, tuple[str, Lease]] = {}
        for name in self._limits.folder.defined():
            file = self._limits.folder.file(name)
            for _, label, lease in file.leases() if file is not None else ():
                found[lease.id] = label, lease
                names.setdefault(lease.id, []).append(name)
        for key, (label, lease) in found.items():
            request = Request(names[key], label=label, lease=lease)
            if self._resume(request):
                self._held[UUID(bytes=key)] = request

    def _process(self, client: Client, *, is_word: bool = True) -> _Process:
        process = self._processes.get(client.id)
        if process is None:
            self._processes[client.id] = process = _Process(client)
        process.seen = time.monotonic()
        if is_word:
            process.owed = None
        return process

    def _ask(self, process: _Process, ask: Ask) -> None:
        if ask.id in process.waiting or any(one.id == ask.id for one in process.settled):
            return
        if ask.id in self._held:  # it had been told, and asks again because of a new registration
            self._tell(process, ask.id, self._held[ask.id])
            return
        about = process.about
        lease = Lease(
            id=ask.id.bytes,
            seconds=ask.lease_seconds,
            host=about.host,
            pid=about.pid,
            run=None if ask.run is None else ask.run.bytes,
        )
        request = Request(ask.names, ask.occupy, is_rate=ask.is_rate, label=ask.label, lease=lease)
        process.waiting[ask.id] = request
        if ask.is_running and self._resume(request):
            self._settle(process, ask.id, request)
            return
        self._limits.limiter.ask(request)
        request.when_done(partial(self._settle, process, ask.id))

    def _resume(self, request: Request) -> bool:
        """Give slots to what runs already; False where a process that decides does not go on."""
        return any(self._limits.limiter.resume(request) for _ in range(_TRIES))

    def _settle(self, process: _Process, key: UUID, request: Request) -> None:
        """Note that a request was decided. Called on the thread that decided."""
        with self._lock:
            if process.waiting.pop(key, None) is None:
                return  # it was given up meanwhile
            if request.slots:
                self._held[key] = request
            self._tell(process, key, request)
        self.polls.wake([process.about.id])

    def _tell(self, process: _Process, key: UUID, request: Request) -> None:
        process.number += 1
        process.owed = process.owed or time.monotonic()
        process.settled.append(
            Settled(
                id=key,
                number=process.number,
                error=None if request.error is None else str(request.error),
                missing=request.missing,
                is_over=any(
                    file.used() > limit.limit
                    for file in request.slots
                    if (limit := file.read()) is not None
                ),
            )
        )

    def _release(self, process: _Process, ids: Sequence[UUID]) -> None:
        for key in ids:
            request = process.waiting.pop(key, None) or self._held.pop(key, None)
            if request is not None:
                self._limits.limiter.release(request)
        if ids:
            gone = set(ids)
            process.settled = [one for one in process.settled if one.id not in gone]

    def _look_at_definitions(self) -> bool:
        """Read which limits there are, where that has changed; return whether it has."""
        self._changes = self._limits.folder.changes
        before, self._tags = self._version, self._limits.tags.all()
        self._version = version_of(self._tags)
        return self._version != before
