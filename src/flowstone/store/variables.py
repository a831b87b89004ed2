"""Variables: small named values of a home, in its database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec

from flowstone.core.ids import IdSource
from flowstone.store.database import connect_reader, make_durable, transaction

_COLUMNS = "id, name, value, tags, created, updated"
_SET = f"""
    INSERT INTO variable ({_COLUMNS}) VALUES (?, ?, ?, ifnull(?, '[]'), ?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, tags = ifnull(?, tags),
        updated = excluded.updated
"""  # noqa: S608 - our own names


class VariableRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variable; `value` is JSON as text."""

    id: bytes
    name: str
    value: str
    tags: tuple[str, ...]
    created: int
    updated: int


def variables(home: Path, name: str | None = None, limit: int = 0) -> list[VariableRow]:
    """Return the variables of a home by name, or the one of that name; `limit` 0 is all."""
    where, given = ("", []) if name is None else ("WHERE name = ?", [name])
    try:
        connection = connect_reader(home)
    except FileNotFoundError:
        return []
    with contextlib.closing(connection):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM variable {where} ORDER BY name LIMIT ?",  # noqa: S608 - ours
            [*given, limit or -1],
        )
        return [_variable(row) for row in rows]


def set_variable(
    home: Path,
    name: str,
    value: str,
    *,
    tags: list[str] | None = None,
    overwrite: bool = False,
) -> VariableRow | None:
    """Keep a value (JSON as text) under a name, safe from loss of power; return what there is then.

    None where the name is taken and `overwrite` is not set. `tags` of None leaves those there are.
    """
    now = time.time_ns()
    packed = None if tags is None else msgspec.json.encode(tags).decode()
    new_id = IdSource(os.urandom(10)).new(now)
    with transaction(home) as connection:
        if not overwrite and _one(connection, name) is not None:
            return None
        connection.execute(_SET, (new_id, name, value, packed, now, now, packed))
        kept = _one(connection, name)
    make_durable(home)
    return kept


def unset_variable(home: Path, name: str) -> bool:
    """Delete a variable; return whether there was one."""
    if not variables(home, name):
        return False
    with transaction(home) as connection:
        deleted = connection.execute("DELETE FROM variable WHERE name = ?", (name,)).rowcount
    make_durable(home)
    return deleted > 0


def _one(connection: sqlite3.Connection, name: str) -> VariableRow | None:
    query = f"SELECT {_COLUMNS} FROM variable WHERE name = ?"  # noqa: S608 - our own names
    row = connection.execute(query, (name,)).fetchone()
    return None if row is None else _variable(row)


def _variable(row: tuple[Any, ...]) -> VariableRow:
    made = VariableRow(**dict(zip(VariableRow.__struct_fields__, row, strict=True)))
    return msgspec.structs.replace(made, tags=tuple(msgspec.json.decode(row[3])))
