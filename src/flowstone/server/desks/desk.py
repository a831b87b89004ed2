"""What the routes of limits ask of a desk, and who is called when it has news."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Protocol, runtime_checkable
from uuid import UUID

from flowstone.drive.limits.definitions import Book
from flowstone.drive.limits.messages import Acquire, Acquired, Client


class Polls:
    """The requests that wait for news, by the process that sent them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: dict[UUID, list[Callable[[], object]]] = {}

    @property
    def clients(self) -> list[UUID]:
        """The processes that wait here."""
        with self._lock:
            return list(self._calls)

    @contextmanager
    def waiting(self, client: UUID, call: Callable[[], object]) -> Iterator[None]:
        """Call when there is news for a process, from any thread, as long as the `with` lasts."""
        with self._lock:
            self._calls.setdefault(client, []).append(call)
        try:
            yield
        finally:
            with self._lock:
                calls = self._calls[client]
                calls.remove(call)
                if not calls:
                    del self._calls[client]

    def wake(self, clients: Iterable[UUID] | None = None) -> None:
        """Call those who wait for news of these processes; all of them for None."""
        with self._lock:
            keys = self._calls.keys() if clients is None else self._calls.keys() & set(clients)
            calls = [call for key in keys for call in self._calls[key]]
        for call in calls:
            call()


def version_of(tags: Iterable[str]) -> str:
    """Return what stands for these tags: the same on each server."""
    return hashlib.sha256("\0".join(tags).encode()).hexdigest()[:32]


@runtime_checkable
class Desk(Protocol):
    """Gives slots of limits to processes of elsewhere, on leases. Usable from any thread."""

    polls: Polls

    @property
    def book(self) -> Book:
        """The limits that there are."""

    def exchange(self, message: Acquire) -> Acquired:
        """Take what a process gives back, ask for what it wants, and tell it what is new."""

    def release(self, client: Client, ids: Sequence[UUID]) -> None:
        """Free these slots, or give up these places in queues."""

    def renew(self, client: Client, ids: Sequence[UUID]) -> list[UUID]:
        """Let these leases go on; return those that are over."""

    def left(self, client: Client) -> None:
        """Note that a process which waited for news closed its connection."""

    def reset(self, name: str) -> int:
        """End all leases of a limit, and empty a rate; return how many leases ended."""

    def close(self) -> None:
        """Let go of who waits, because the server ends; leases go on."""

    def tend(self) -> None:
        """End leases whose time is over, and let in who is next; called every 0.25 s."""
