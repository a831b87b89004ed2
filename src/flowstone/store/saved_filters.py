"""Filters that somebody saved under a name, for one of the page's views."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec

from flowstone.core.ids import IdSource
from flowstone.store.connection import Connection

_COLUMNS = "id, view, name, query, created, updated"


class SavedFilter(msgspec.Struct, frozen=True):
    """A filter: `view` is what it is for, `query` a JSON object as text."""

    id: bytes
    view: str
    name: str
    query: str
    created: int
    updated: int


def saved_filters(connection: Connection, view: str | None) -> list[SavedFilter]:
    """Return the saved filters by view and name: of one view, or all."""
    where, values = ("", []) if view is None else ("WHERE view = ?", [view])
    query = f"SELECT {_COLUMNS} FROM saved_filter {where} ORDER BY view, name"  # noqa: S608 - ours
    return [SavedFilter(*row) for row in connection.execute(query, values)]


def saved_filter(connection: Connection, id: bytes) -> SavedFilter | None:  # noqa: A002 - as the column
    """Return the saved filter of an id."""
    return _one(connection, "id = ?", id)


def save_filter(connection: Connection, view: str, name: str, query: str) -> SavedFilter:
    """Save a filter under a name, over the one that has it."""
    now = time.time_ns()
    connection.execute(
        f"INSERT INTO saved_filter ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) "  # noqa: S608 - ours
        "ON CONFLICT (view, name) DO UPDATE SET query = excluded.query, updated = excluded.updated",
        (IdSource(os.urandom(10)).new(now), view, name, query, now, now),
    )
    found = _one(connection, "view = ? AND name = ?", view, name)
    assert found is not None
    return found


def delete_filter(connection: Connection, id: bytes) -> bool:  # noqa: A002 - as the column
    """Delete a saved filter; return whether there was one."""
    return connection.execute("DELETE FROM saved_filter WHERE id = ?", (id,)).rowcount > 0


def _one(connection: Connection, where: str, *values: Any) -> SavedFilter | None:
    query = f"SELECT {_COLUMNS} FROM saved_filter WHERE {where}"  # noqa: S608 - our own names
    row = connection.execute(query, values).fetchone()
    return None if row is None else SavedFilter(*row)
