"""A whole database in one file, and back: from either kind to either kind.

The file is gzip over msgpack records: a header, for each table its name and columns, its rows in
lots, and its end with their number and SHA-256; a last record says that nothing is missing.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from flowstone.store import partitions
from flowstone.store.connection import Connection
from flowstone.store.database import empty_reader
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.errors import NotAnExport, NotEmpty
from flowstone.store.schema import VERSION

FORMAT = 1
_AT_ONCE = 2000
_LENGTH = 4
_MOST_BYTES = 1 << 30
_MINUTES_A_WEEK = 7 * 24 * 60
# What may be there already where a file is read into a database: what every new one has.
_SEEDED = frozenset({"state", "pruned", "slot_gate", "change", "session", "audit", "idempotency"})
_NOT_COPIED = frozenset({"flowstone"})
Said = Callable[[str, int], None]


class Header(msgspec.Struct, frozen=True, tag="flowstone-database", array_like=True):
    """What a file begins with. `weeks` are those of the task runs, counted from 1970."""

    format: int
    version: int
    id: bytes
    created: int
    weeks: list[int]


class Begun(msgspec.Struct, frozen=True, tag="table", array_like=True):
    """A table follows."""

    table: str
    columns: list[str]


class Rows(msgspec.Struct, frozen=True, tag="rows", array_like=True):
    """Rows of the table that was begun last."""

    rows: list[list[Any]]


class Ended(msgspec.Struct, frozen=True, tag="end", array_like=True):
    """The table that was begun last had so many rows; the digest is of its records `Rows`."""

    rows: int
    digest: bytes


class Whole(msgspec.Struct, frozen=True, tag="whole", array_like=True):
    """All tables were written."""

    rows: int


_Record = Header | Begun | Rows | Ended | Whole
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


def export(database: Database, path: Path, said: Said = lambda _table, _rows: None) -> int:
    """Write all that a database has into a file, as it is at one moment; return how many rows.

    The file is there when it is whole. `said` is told of each table as it grows. Raises
    `FileExistsError` where there is one already.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already. Give another name, or move it away.")
    database.collect()
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # tokens are in it
    try:
        with os.fdopen(descriptor, "wb") as plain, _snapshot(database) as connection:
            with gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=1, mtime=0) as file:
                total = _write_all(connection, file, said)
            plain.flush()
            os.fsync(plain.fileno())
    except BaseException:  # the disk may be full, of just this file
        new.unlink()
        raise
    new.rename(path)
    return total


def load(database: Database, path: Path, said: Said = lambda _table, _rows: None) -> int:
    """Read a file that `export` wrote into an empty database; return how many rows it had.

    All of it or nothing: it is one transaction. Raises `NotEmpty`, and `NotAnExport` for a file
    that is none, is not whole, or was written by another version.
    """
    with gzip.open(path, "rb") as file, database.transaction() as connection:
        records = _records(file, path)
        header = next(records, None)
        if not isinstance(header, Header):
            raise NotAnExport(f"{path} was not written by 'flowstone database export'.")
        if (header.format, header.version) != (FORMAT, VERSION):
            raise NotAnExport(
                f"{path} has schema version {header.version}; this Flowstone reads version "
                f"{VERSION}. Upgrade the database that it is of with this version, and export anew."
            )
        _refuse_used(connection)
        if not isinstance(connection, sqlite3.Connection):
            _make_weeks(connection, header.weeks)
        for table in _tables():
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        connection.execute("UPDATE flowstone SET id = ?", (header.id,))
        total = _read_all(connection, records, path, said)
        if not isinstance(connection, sqlite3.Connection):
            _move_sequences(connection)
    return total


def _write_all(connection: Connection, file: gzip.GzipFile, said: Said) -> int:
    (identity,) = connection.execute("SELECT id FROM flowstone").fetchone()
    weeks = connection.execute(
        f"SELECT DISTINCT minute / {_MINUTES_A_WEEK} FROM task_minute ORDER BY 1"  # noqa: S608
    )
    header = Header(FORMAT, VERSION, identity, time.time_ns(), [week for (week,) in weeks])
    _write(file, header)
    total = 0
    for table, columns in _tables().items():
        _write(file, Begun(table, columns))
        digest, count = hashlib.sha256(), 0
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - our own names
        for lot in _lots(connection, query):
            digest.update(_write(file, Rows(lot)))
            count += len(lot)
            said(table, count)
        _write(file, Ended(count, digest.digest()))
        total += count
    _write(file, Whole(total))
    return total


def _write(file: gzip.GzipFile, record: _Record) -> bytes:
    data = _encode(record)
    file.write(len(data).to_bytes(_LENGTH, "big"))
    file.write(data)
    return data


def _read_all(connection: Connection, records: Iterator[_Record], path: Path, said: Said) -> int:
    """Insert the rows of a file, and check what it says of itself."""
    known, total, count, table = _tables(), 0, 0, ""
    statement, digest = "", hashlib.sha256()
    for record in records:
        if isinstance(record, Begun):
            if known.get(record.table) != record.columns:
                raise NotAnExport(f"{path} has a table that is unknown here: {record.table}.")
            table, count, digest = record.table, 0, hashlib.sha256()
            marks = ", ".join("?" * len(record.columns))
            columns = ", ".join(record.columns)
            statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - known
        elif isinstance(record, Rows):
            connection.executemany(statement, record.rows)
            digest.update(_encode(record))
            count += len(record.rows)
            said(table, count)
        elif isinstance(record, Ended):
            if (record.rows, record.digest) != (count, digest.digest()):
                raise NotAnExport(f"{path} is damaged: the rows of {table} are not those written.")
            total += count
        elif isinstance(record, Whole) and record.rows == total:
            return total
    raise NotAnExport(f"{path} is not whole: it ends at the table {table!r}. Nothing was changed.")


def _records(file: gzip.GzipFile, path: Path) -> Iterator[_Record]:
    try:
        while length := file.read(_LENGTH):
            size = int.from_bytes(length, "big")
            if size > _MOST_BYTES:
                raise NotAnExport(f"{path} was not written by 'flowstone database export'.")
            yield _decode(file.read(size))
    except (EOFError, gzip.BadGzipFile, zlib.error, msgspec.MsgspecError) as error:
        raise NotAnExport(
            f"{path} is damaged, or was not written by 'flowstone database export' ({error}). "
            "Nothing was changed."
        ) from error


@contextmanager
def _snapshot(database: Database) -> Iterator[Connection]:
    """Give a connection that sees the database as it is now, whatever others write."""
    if isinstance(database, EmbeddedDatabase):
        database.identity()  # which makes it, where there is none
        with database.store() as store:
            store.connection.execute("BEGIN")
            yield store.connection
    else:
        with database.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection


def _lots(connection: Connection, query: str) -> Iterator[list[list[Any]]]:
    if isinstance(connection, sqlite3.Connection):
        rows = iter(connection.execute(query))
        while lot := [list(row) for row in islice(rows, _AT_ONCE)]:
            yield lot
        return
    connection.execute(f"DECLARE exported NO SCROLL CURSOR FOR {query}")
    while found := connection.execute(f"FETCH {_AT_ONCE} FROM exported").fetchall():
        yield [list(row) for row in found]
    connection.execute("CLOSE exported")


def _tables() -> dict[str, list[str]]:
    """Return the tables that are copied, with their columns, as a new database has them."""
    connection = empty_reader()
    try:
        rows = connection.execute(
            "SELECT one.name, info.name FROM sqlite_schema one "
            "JOIN pragma_table_info(one.name) info "
            "WHERE one.type = 'table' AND one.name NOT LIKE 'sqlite%' ORDER BY one.name, info.cid"
        )
        found: dict[str, list[str]] = {}
        for table, column in rows:
            if table not in _NOT_COPIED:
                found.setdefault(table, []).append(column)
    finally:
        connection.close()
    return found


def _refuse_used(connection: Connection) -> None:
    for table in _tables().keys() - _SEEDED:
        query = f"SELECT 1 FROM {table} LIMIT 1"  # noqa: S608 - our own names
        if connection.execute(query).fetchone() is not None:
            raise NotEmpty(
                f"The database is in use: its table {table} has rows. Import into a new one: set "
                "FLOWSTONE_HOME to a new directory, or make another database on Postgres."
            )


def _make_weeks(connection: Connection, weeks: list[int]) -> None:
    """Make the partitions of the rows that come, so that they need not move later."""
    latest = time.time_ns() // partitions.WEEK + 1
    for week in weeks:
        if latest - partitions.MOST_WEEKS < week <= latest:
            partitions.make_weeks(connection, week * partitions.WEEK, week * partitions.WEEK)


def _move_sequences(connection: Connection) -> None:
    """Let the numbers that Postgres gives go on behind those that came."""
    rows = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE is_identity = 'YES' AND table_schema = current_schema()"
    )
    for table, column in rows.fetchall():
        connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608 - ours
            f"greatest((SELECT max({column}) FROM {table}), 100))"
        )
