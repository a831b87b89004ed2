"""The two places where runs may be kept, behind one face: a home's own database, or Postgres."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from flowstone.store import database, schema
from flowstone.store.collector import Collected, collect
from flowstone.store.connection import Connection
from flowstone.store.errors import BadDatabaseUrl
from flowstone.store.queries import Store, open_store


@runtime_checkable
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

    def tend(self) -> None:
        """Make ready what the next weeks need, and old ones small; to be done once an hour."""

    def make_durable(self) -> None:
        """Return when all that was committed would survive a loss of power."""

    def identity(self) -> bytes:
        """Return the id of the database, which no other has."""

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

    def tend(self) -> None:
        """Do nothing: it grows by itself."""

    def make_durable(self) -> None:
        """Return when all that was committed would survive a loss of power."""
        database.make_durable(self.home)

    def identity(self) -> bytes:
        """Return the id of the database, which no other has; it is made if there is none yet."""
        with self.transaction() as connection:
            found = schema.identity_of(connection)
        assert found is not None
        return found

    def close(self) -> None:
        """Do nothing: nothing is kept open."""


def open_database(home: Path, url: str | None = None) -> Database:
    """Return the database at a URL; without one, or at a `sqlite:` one, that of the home.

    Raises `BadDatabaseUrl`, and for Postgres `DatabaseAway`, `NotADatabase` or `NewerDatabase`.
    """
    if url is None or url.startswith("sqlite:"):
        _refuse_elsewhere(home, url or "sqlite:")
        return EmbeddedDatabase(home)
    opened: Database = import_module("flowstone.store.postgres").PostgresDatabase(home, url)
    return opened


def _refuse_elsewhere(home: Path, url: str) -> None:
    """Raise `BadDatabaseUrl` for an embedded database that is not that of the home."""
    path, own = url.removeprefix("sqlite:").strip("/"), database.database_path(home)
    if path and f"/{path}" != own:
        raise BadDatabaseUrl(
            f"{url} is not the database of the home, {own}. Leave the URL out and set "
            "FLOWSTONE_HOME to the directory that has the database, or give one of Postgres."
        )
