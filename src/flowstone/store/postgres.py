"""The store on Postgres, which many servers may write at once."""

from __future__ import annotations

import contextlib
import re
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus

from flowstone.store import packing, partitions, postgres_schema
from flowstone.store.collector import Collected
from flowstone.store.connection import ALONE, Connection
from flowstone.store.errors import BadDatabaseUrl, DatabaseAway
from flowstone.store.postgres_connection import ADAPTERS, Form, PostgresConnection, Raw, told
from flowstone.store.queries import Store
from flowstone.store.schema import VERSION, identity_of

_CONNECTIONS = 20
_KEPT = 5
_WAIT_SECONDS = 5.0
_SESSION = {
    "application_name": "flowstone",
    "connect_timeout": "5",
    # A peer that is gone without a word is found out, and holds no locks for longer.
    "keepalives_idle": "30",
    "tcp_user_timeout": "30000",
    # Questions are small: workers and compiled plans would take longer to start than to answer.
    "options": (
        "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s -c timezone=UTC "
        "-c jit=off -c max_parallel_workers_per_gather=0"
    ),
}
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_LIKE_THIS = "It looks like this: postgresql://user:password@host:5432/name."
_BEGIN = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s'"


class PostgresDatabase:
    """A database on Postgres. Its methods may be called from any thread.

    Connections are opened when they are needed and kept for the next one who needs one. While the
    database is away each call raises `DatabaseAway` at once; when it is back, they work again.
    """

    def __init__(self, home: Path, url: str) -> None:
        """Open the database at a URL, made or brought up to this version where need be.

        Raises `BadDatabaseUrl`, `DatabaseAway`, `NotADatabase`, `NewerDatabase`.
        """
        self.home = home
        given = _given(url)
        self.place = _place(given)
        self._conninfo = conninfo.make_conninfo(**given)
        self._forms: dict[str, Form | None] = {}
        self._idle: list[Raw] = []
        self._free = threading.BoundedSemaphore(_CONNECTIONS)
        self._is_closed = False
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise

    def store(self) -> Store:
        """Open it to read; close the store, or use it in a `with`."""
        return Store(self.home, self._connection(), None, self.transaction)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed at the end of the `with`."""
        with contextlib.closing(self._connection()) as connection, _transaction(connection):
            yield connection

    def collect(self) -> Collected:
        """Apply nothing: logs come over the wire, and those of the home are its own database's."""
        return Collected()

    def make_durable(self) -> None:
        """Return when all that was committed would survive a loss of power.

        Where it was set up to commit before its log is on the disk, a commit that waits for the
        disk takes along those before it.
        """
        with self.transaction() as connection:
            if connection.execute("SHOW synchronous_commit").fetchone() == ("off",):
                connection.execute("SET LOCAL synchronous_commit = on")
                connection.execute(ALONE)

    def identity(self) -> bytes:
        """Return the id of the database, which no other has."""
        with contextlib.closing(self._connection()) as connection:
            found = identity_of(connection)
        assert found is not None
        return found

    def tend(self) -> None:
        """Make the partitions of the next weeks, and of rows that have none; pack old ones."""
        is_due = True
        while is_due:
            with self.transaction() as connection:
                is_due = partitions.tend_one(connection, time.time_ns())
        with contextlib.closing(self._connection()) as connection:
            packing.pack(connection, time.time_ns())

    def close(self) -> None:
        """Close the connections that nobody uses, and each of the others after its use."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _bring_up(self) -> None:
        with contextlib.closing(self._connection()) as connection:
            if postgres_schema.version_of(connection, self.place) < VERSION:
                with _transaction(connection):
                    postgres_schema.upgrade(connection, self.place)

    def _connection(self) -> PostgresConnection:
        """Return a connection that is nobody else's until it is closed."""
        if not self._free.acquire(timeout=_WAIT_SECONDS):
            raise DatabaseAway(
                f"All {_CONNECTIONS} connections to {self.place} are in use for more than "
                f"{_WAIT_SECONDS:g} s. Try again; if it stays so, look for what is slow there."
            )
        try:
            return PostgresConnection(self._open(), self.place, self._forms, self._take_back)
        except BaseException:
            self._free.release()
            raise

    def _take_back(self, raw: Raw) -> None:
        """Keep a connection for the next one; close one that is broken or in a transaction."""
        is_whole = raw.info.transaction_status == TransactionStatus.IDLE
        if is_whole and not self._is_closed and len(self._idle) < _KEPT:
            self._idle.append(raw)
        else:
            raw.close()
        self._free.release()

    def _open(self) -> Raw:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread was quicker
                raw = self._idle.pop()
                if _is_quiet(raw):
                    return raw
                raw.close()
        with told(self.place):
            return psycopg.connect(self._conninfo, autocommit=True, context=ADAPTERS)


@contextlib.contextmanager
def _transaction(connection: PostgresConnection) -> Iterator[None]:
    with told(connection.place):
        connection.raw.execute(_BEGIN, prepare=False)
    try:
        yield
        _commit(connection)
    except BaseException:
        if not connection.raw.closed:
            with contextlib.suppress(psycopg.Error):  # what broke says more than this would
                connection.raw.execute("ROLLBACK")
        raise


def _commit(connection: PostgresConnection) -> None:
    with told(connection.place):
        done = connection.raw.execute("COMMIT")
    if done.statusmessage != "COMMIT":  # a statement had failed, and nobody raised that
        raise DatabaseAway(
            f"{connection.place} took the transaction back instead of committing it, because a "
            "statement in it had failed. Nothing was changed; try again."
        )


def _is_quiet(raw: Raw) -> bool:
    """Whether an idle connection is still there: its end, or a farewell, could be read."""
    if raw.closed:
        return False
    waiting = select.poll()
    waiting.register(raw.fileno(), select.POLLIN)
    return not waiting.poll(0)


def _given(url: str) -> dict[str, str]:
    """Return what a URL says of where to connect, and what it does not say as it is with us."""
    plain = _DRIVER.sub(r"\1://", url)
    if not plain.startswith(("postgresql://", "postgres://")):
        raise BadDatabaseUrl(
            f"{plain.split(':')[0]!r} is no kind of database that Flowstone knows. {_LIKE_THIS}"
        )
    try:
        given = {name: str(value) for name, value in conninfo.conninfo_to_dict(plain).items()}
    except psycopg.ProgrammingError:  # whose words may hold a piece of the password
        given = {"port": ""}
    ports = given.get("port", "5432").split(",")
    if not all(port.isdigit() for port in ports) or "@" in given.get("dbname", ""):
        raise BadDatabaseUrl(
            f"The URL of the database cannot be read. {_LIKE_THIS} Characters like @ and / in the "
            "password are written as %40 and %2F."
        )
    options = " ".join([_SESSION["options"], given.get("options", "")])
    return _SESSION | given | {"options": options}


def _place(given: dict[str, str]) -> str:
    """Return in words where a database is, without any secret."""
    host, port = given.get("host", "localhost"), given.get("port", "5432")
    return f"The database {given.get('dbname', '')!r} at {host}:{port}"
