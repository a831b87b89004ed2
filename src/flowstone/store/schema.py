"""Brings a database to the schema of this version: numbered SQL files, applied in order."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator

from flowstone.core.ids import IdSource
from flowstone.store.connection import Connection
from flowstone.store.errors import NewerDatabase, NotADatabase
from flowstone.store.filling import fill

APPLICATION = 0x464C_5354
"""What the header of a database of ours says it belongs to ("FLST")."""
VERSION = 11
"""The newest schema that this version knows: the number of its last migration."""
IDENTITY = "CREATE TABLE IF NOT EXISTS flowstone (version INTEGER NOT NULL, id BLOB NOT NULL)"
"""Makes the table of one row that says which schema a database has, and which one it is."""
IDENTIFY = "INSERT INTO flowstone (version, id) VALUES (?, ?)"
_FOLDER = os.path.join(os.path.dirname(__file__), "migrations")


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """Return the schema version of the database at `path`.

    Raises `NotADatabase` for a file that is none of ours and `NewerDatabase` for one that this
    version cannot read.
    """
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise NotADatabase(
            f"{path} is not a database ({error}). Move it away; the logs that are still there are "
            "then read into a new one."
        ) from error
    if application != APPLICATION:
        raise NotADatabase(
            f"{path} is a database, but not one of Flowstone. Move it away, or set FLOWSTONE_HOME "
            "to another directory."
        )
    if version > VERSION:
        raise NewerDatabase(
            f"{path} has schema version {version}; this Flowstone knows versions up to {VERSION}. "
            "Upgrade Flowstone to read it; nothing was changed."
        )
    return int(version)


def migrations(version: int) -> Iterator[tuple[int, str]]:
    """Give the numbers and the statements of the migrations after `version`."""
    for name in sorted(os.listdir(_FOLDER)):
        if name.endswith(".sql") and (number := int(name[:4])) > version:
            with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
                yield number, file.read()


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Apply the migrations after `version`, all in one transaction."""
    connection.execute(IDENTITY)
    if identity_of(connection) is None:
        connection.execute(IDENTIFY, (version, new_identity()))
    scripts = [script for _, script in migrations(version)]
    connection.executescript("\n".join(["BEGIN IMMEDIATE;", *scripts]))
    fill(connection, version)
    connection.execute("UPDATE flowstone SET version = ?", (VERSION,))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def identity_of(connection: Connection) -> bytes | None:
    """Return the database's id, which no other has; None while it is being made."""
    found = connection.execute("SELECT id FROM flowstone").fetchone()
    return None if found is None else bytes(found[0])


def new_identity() -> bytes:
    """Return an id for a database."""
    return IdSource(os.urandom(10)).new(time.time_ns())


def build(connection: sqlite3.Connection) -> None:
    """Make the whole schema in an empty database."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # what is deleted gives its disk back
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    migrate(connection, 0)
