"""Where shipments of logs are handed in, from any thread; what comes at once shares a commit."""

from __future__ import annotations

import time
from threading import Lock

from flowstone.store.connection import Connection
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.errors import NotALog, WrongOffset
from flowstone.store.receiving import Arrival, Receipt, Shipment

_HOLD_SECONDS = 0.03  # and the commit: together at most 50 ms
_REFUSALS = (NotALog, WrongOffset)


class Receiver:
    """Takes logs into a database.

    SQLite has one writer and each commit has its price, so the thread whose turn it is takes along
    what others have handed in. Postgres has many writers: there each shipment goes by itself.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_shared = isinstance(database, EmbeddedDatabase)
        self._mutex = Lock()
        self._turn = Lock()
        self._waiting: list[Arrival] = []

    def receive(self, shipment: Shipment, *, durably: bool = False) -> Receipt:
        """Apply what is new in a shipment; return how far its log is here.

        `durably`: what is answered would survive a loss of power. Raises `WrongOffset` where bytes
        are missing before it, `NotALog` where it is none, and what the database raises.
        """
        arrival = Arrival(shipment)
        if self._is_shared:
            self._hand_in(arrival)
        else:
            while not arrival.is_done:
                with self._database.transaction() as connection:
                    arrival.proceed(connection, time.monotonic() + _HOLD_SECONDS)
        if arrival.error is not None:
            raise arrival.error
        assert arrival.receipt is not None
        if durably:
            self._database.make_durable()
        return arrival.receipt

    def _hand_in(self, arrival: Arrival) -> None:
        with self._mutex:
            self._waiting.append(arrival)
        with self._turn:
            while not arrival.is_done:
                with self._mutex:
                    batch, self._waiting = self._waiting, []
                self._take(batch)
                with self._mutex:
                    self._waiting = [one for one in batch if not one.is_done] + self._waiting

    def _take(self, batch: list[Arrival]) -> None:
        """Apply what there is time for in one transaction."""
        until = time.monotonic() + _HOLD_SECONDS
        try:
            with self._database.transaction() as connection:
                for arrival in batch:
                    _proceed(connection, arrival, until)
                    if time.monotonic() > until:
                        break
        except Exception as error:  # noqa: BLE001  it is raised by each who handed something in
            for arrival in batch:
                arrival.receipt, arrival.error = None, error


def _proceed(connection: Connection, arrival: Arrival, until: float) -> None:
    connection.execute("SAVEPOINT arrival")
    try:
        arrival.proceed(connection, until)
    except _REFUSALS as refusal:
        connection.execute("ROLLBACK TO arrival")
        arrival.error = refusal
    connection.execute("RELEASE arrival")
