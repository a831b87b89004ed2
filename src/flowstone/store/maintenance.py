"""What is done to a database as a whole: looked at, and made as small as it can be."""

from __future__ import annotations

import os
import shutil
import sqlite3

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.database import compact, database_path
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.schema import VERSION


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a database is: its size, and what of it can be given back at once, in bytes."""

    kind: str
    place: str
    version: int
    size: int
    free: int
    flow_runs: int
    task_runs: int


def status(database: Database) -> DatabaseStatus:
    """Return what a database is and how much it has."""
    with database.store() as store:
        connection = store.connection
        is_embedded = isinstance(connection, sqlite3.Connection)
        sizes = _of_file(database, connection) if is_embedded else _of_postgres(connection)
        runs = [
            int(connection.execute(f"SELECT coalesce(sum(runs), 0) FROM {table}").fetchone()[0])  # noqa: S608
            for table in ("flow_hour", "task_hour")
        ]
    return DatabaseStatus(
        kind="SQLite" if is_embedded else "Postgres",
        place=sizes[0],
        version=VERSION,
        size=sizes[1],
        free=sizes[2],
        flow_runs=runs[0],
        task_runs=runs[1],
    )


def vacuum(database: Database) -> None:
    """Write the tables anew (SQLite), or let their room be used again (Postgres).

    Raises `OSError` where the disk has no room for a second copy of an embedded database.
    """
    if isinstance(database, EmbeddedDatabase):
        path = database_path(database.home)
        needed = os.stat(path).st_size if os.path.exists(path) else 0
        free = shutil.disk_usage(database.home).free
        if free < needed:
            raise OSError(
                f"{path} is written anew, which needs {needed:,} bytes, and {free:,} are free. "
                "Make room first; nothing was changed."
            )
        compact(database.home)
        return
    with database.store() as store:
        store.connection.execute("SET statement_timeout = 0")
        try:
            store.connection.execute("VACUUM ANALYZE")
        finally:
            store.connection.execute("RESET statement_timeout")


def _of_file(database: Database, connection: Connection) -> tuple[str, int, int]:
    path = database_path(database.home)
    pages, page, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "page_size", "freelist_count")
    )
    return path, pages * page, free * page


def _of_postgres(connection: Connection) -> tuple[str, int, int]:
    query = "SELECT current_database(), pg_database_size(current_database())"
    name, size = connection.execute(query).fetchone()
    return str(name), int(size), 0
