"""The desk of servers that share a database: who holds what, and who is next, stands there.

Any server decides for all of them. Who waits at another one is told by that one, which looks at the
numbers of its processes every 10 ms while one of them waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import count
from uuid import UUID

from flowstone.drive.limits.definitions import Book
from flowstone.drive.limits.messages import AWAY, Acquire, Acquired, Client
from flowstone.drive.limits.tags import PREFIX
from flowstone.server.desks.desk import Polls, version_of
from flowstone.store import slots
from flowstone.store.databases import Database
from flowstone.store.errors import StoreError
from flowstone.store.slot_limits import SharedBook, now, take_gate

_LOGGER = logging.getLogger("flowstone.server")
_LOOK = 0.010
_RATE_LOOKS = 5
"""How many looks there are to one at what became free of a rate."""
_SEEN = 1.0
"""Seconds between two notes that processes still wait here."""
_CLEAN = 10.0
"""Seconds between two looks for what is over, while nobody waits for it."""
_FORGET = 20.0
"""Seconds after which a process that went away has lost its places."""
_SECOND = 1e9


class SharedDesk:
    """Gives slots of the limits in a database on leases."""

    def __init__(self, database: Database) -> None:
        self.polls = Polls()
        self._database = database
        self._book = SharedBook(database, self._changed)
        self._alone = threading.Lock()  # one connection a server waits for the gate, not each
        self._lock = threading.Lock()
        self._pressing: dict[UUID, tuple[int, slots.Told]] = {}
        self._looks = count()
        self._is_looking = False
        self._version = ""
        self._tags: tuple[str, ...] = ()
        self._seen_at = self._cleaned_at = 0.0
        self._look_at_definitions()

    @property
    def book(self) -> Book:
        """The limits of the database."""
        return self._book

    def exchange(self, message: Acquire) -> Acquired:
        """Take what a process gives back, ask for what it wants, and tell it what is new."""
        told: set[UUID] = set()
        if message.asks or message.release:
            with self._alone, self._database.transaction() as connection:
                told = slots.exchange(connection, message, _away())
        client, look = message.client, next(self._looks)
        with self._database.transaction() as connection:
            found = slots.tell(connection, message)
            if found is None:
                slots.register(connection, client, now(connection))
                found = slots.tell(connection, message)
            waiting = slots.reasons(connection, message.asks)
        assert found is not None
        self._press(client.id, look, found)
        self.polls.wake(told - {client.id})
        return Acquired(
            registration=found.registration,
            settled=found.settled,
            waiting=waiting,
            version=self._version,
            tags=None if message.version == self._version else self._tags,
        )

    def release(self, client: Client, ids: Sequence[UUID]) -> None:
        """Free these slots, or give up these places in queues."""
        del client
        with self._alone, self._database.transaction() as connection:
            told = slots.release(connection, ids, _away())
        self.polls.wake(told)

    def renew(self, client: Client, ids: Sequence[UUID]) -> list[UUID]:
        """Let these leases go on; return those that are over."""
        with self._alone, self._database.transaction() as connection:
            return slots.renew(connection, client, ids)

    def left(self, client: Client) -> None:
        """Let others pass a process whose connection broke, until it is heard of again."""
        if client.id not in self.polls.clients:
            with self._database.transaction() as connection:
                slots.left(connection, client.id)

    def reset(self, name: str) -> int:
        """End all leases of a limit, and empty a rate; return how many leases ended."""
        usage = self._book.usage(name)
        with self._alone, self._database.transaction() as connection:
            ended, told = slots.end_leases(connection, name, _away())
        self.polls.wake(told)
        if usage.limit.slot_decay_per_second > 0:
            self._book.change(name, level=0.0)
        return ended

    def close(self) -> None:
        """Do nothing: who holds and who waits stands in the database, for the other servers too."""

    def tend(self) -> None:
        """Note who waits here, end what is over, let in who is next, tell what limits changed."""
        clients, moment = self.polls.clients, time.monotonic()
        if clients and moment - self._seen_at > _SEEN:
            self._seen_at = moment
            with self._alone, self._database.transaction() as connection:
                _, at = take_gate(connection)  # first: others lock these rows in another order
                slots.seen(connection, clients, at)
        is_pressed = any(one.waiting for _, one in self._pressing.copy().values())
        if is_pressed or moment - self._cleaned_at > _CLEAN:
            self._cleaned_at = moment
            with self._alone, self._database.transaction() as connection:
                told = slots.clean(connection, int(_FORGET * _SECOND), _away())
            self.polls.wake(told)
        with self._lock:
            here = set(self.polls.clients)  # not those of before: one may just have come
            self._pressing = {key: one for key, one in self._pressing.items() if key in here}
        if clients and self._look_at_definitions():
            self.polls.wake()

    def _changed(self, names: Iterable[str]) -> None:
        """Let in who can be now that limits are others."""
        with self._alone, self._database.transaction() as connection:
            take_gate(connection)
            told = slots.decide_on(connection, set(names), now(connection), _away())
        self.polls.wake(None if self._look_at_definitions() else told)

    def _press(self, client: UUID, look: int, found: slots.Told) -> None:
        """Look often as long as a process waits for something here; `look` numbers what was found.

        Two requests of a process may look at once, and the later one must not be undone.
        """
        with self._lock:
            if client in self._pressing and self._pressing[client][0] > look:
                return
            self._pressing[client] = look, found
            if found.waiting and not self._is_looking:
                self._is_looking = True
                threading.Thread(
                    target=self._keep_looking, name="flowstone-limit-looks", daemon=True
                ).start()

    def _keep_looking(self) -> None:
        try:
            self._look()
        except BaseException:
            with self._lock:
                self._is_looking = False  # whoever asks next starts another thread
            raise

    def _look(self) -> None:
        for look in count():
            time.sleep(_LOOK)
            with self._lock:
                here = set(self.polls.clients)
                asked = {
                    key: one
                    for key, (_, one) in self._pressing.items()
                    if one.waiting and key in here
                }
                if not asked:
                    self._is_looking = False
                    return
            try:
                if look % _RATE_LOOKS == 0 and any(one.rates for one in asked.values()):
                    self._let_in_at_rates()
                with self._database.transaction() as connection:
                    numbers = {key: one.number for key, one in asked.items()}
                    told = slots.told_since(connection, numbers)
            except StoreError as error:
                _LOGGER.debug("Nobody can be told of slots: %s", error)
                time.sleep(1.0)
                continue
            self.polls.wake(told)

    def _let_in_at_rates(self) -> None:
        with self._alone, self._database.transaction() as connection:
            take_gate(connection)
            names = slots.rates(connection)
            slots.decide_on(connection, names, now(connection), _away())

    def _look_at_definitions(self) -> bool:
        """Read which limits there are; return whether others know less."""
        limits = self._book.all(PREFIX)
        tags = tuple(one.name.removeprefix(PREFIX) for one in limits if one.active)
        version = version_of(tags)
        has_changed = version != self._version
        self._version, self._tags = version, tags
        return has_changed


def _away() -> int:
    return int(AWAY * _SECOND)
