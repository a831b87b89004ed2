"""The two places where runs may be kept, behind one face: a home's own database, or Postgres."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from flowstone.store import database
from flowstone.store.collector import Collected, collect
from flowstone.store.connection import Connection
from flowstone.store.queries import Store, open_store


class Database(Protocol):
    """A place where runs are kept. Its methods may be called from any thread."""

    home: Path
    """The home whose logs, limits and results lie beside it."""

    def store(self) -> Store:
        """Open it to read; close the store, or use it in a `with`."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction that is committed at the end of the `with`."""

    def collect(self) -> Collected:
        """Apply what the logs of the home hold."""

    def close(self) -> None:
        """Let go of what is open."""


class EmbeddedDatabase:
    """The database of a home: SQLite, written by whoever holds the home's lock."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def store(self) -> Store:
        """Open it to read, as it is: whoever wants it brought up to the logs collects first."""
        return open_store(self.home, collect_first=False)

    def transaction(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction, under the writer's lock.

        Raises `WriterBusy` where the lock cannot be had.
        """
        return database.transaction(self.home)

    def collect(self) -> Collected:
        """Apply what the logs of the home hold."""
        return collect(self.home)

    def close(self) -> None:
        """Do nothing: nothing is kept open."""


def open_database(home: Path, url: str | None = None) -> Database:
    """Return the database at a URL; without one, or at a `sqlite:` one, that of the home."""
    if url is None or url.startswith("sqlite:"):
        return EmbeddedDatabase(home)
    raise NotImplementedError(url)
