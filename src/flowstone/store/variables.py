"""Variables: small named values of a home, in its database."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from flowstone.core.ids import IdSource
from flowstone.store.connection import EVERYTHING, Connection
from flowstone.store.database import connect_reader, make_durable, transaction

_COLUMNS = "id, name, value, tags, created, updated"
_MAKE = f"INSERT INTO variable ({_COLUMNS}) VALUES (?, ?, ?, coalesce(?, '[]'), ?, ?)"  # noqa: S608
_SET = f"""{_MAKE}
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, tags = coalesce(?, variable.tags),
        updated = excluded.updated
"""


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
    try:
        connection = connect_reader(home)
    except FileNotFoundError:
        return []
    with contextlib.closing(connection):
        return find_variables(connection, name, limit)


def find_variables(
    connection: Connection, name: str | None = None, limit: int = 0
) -> list[VariableRow]:
    """Return the variables by name, or the one of that name; `limit` 0 is all."""
    where, given = ("", []) if name is None else ("WHERE name = ?", [name])
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM variable {where} ORDER BY name LIMIT ?",  # noqa: S608 - ours
        [*given, limit or EVERYTHING],
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
    with transaction(home) as connection:
        kept = put_variable(connection, name, value, tags=tags, overwrite=overwrite)
    make_durable(home)
    return kept


def put_variable(
    connection: Connection,
    name: str,
    value: str,
    *,
    tags: list[str] | None = None,
    overwrite: bool = False,
) -> VariableRow | None:
    """Do what `set_variable` does, in the open transaction."""
    now = time.time_ns()
    packed = None if tags is None else msgspec.json.encode(tags).decode()
    new_id = IdSource(os.urandom(10)).new(now)
    statement = _SET if overwrite else f"{_MAKE} ON CONFLICT DO NOTHING"
    given = (new_id, name, value, packed, now, now, *([packed] if overwrite else []))
    if not connection.execute(statement, given).rowcount:
        return None
    return find_variables(connection, name)[0]


def unset_variable(home: Path, name: str) -> bool:
    """Delete a variable; return whether there was one."""
    if not variables(home, name):
        return False
    with transaction(home) as connection:
        deleted = drop_variable(connection, name)
    make_durable(home)
    return deleted


def drop_variable(connection: Connection, name: str) -> bool:
    """Delete a variable in the open transaction; return whether there was one."""
    return connection.execute("DELETE FROM variable WHERE name = ?", (name,)).rowcount > 0


def _variable(row: tuple[Any, ...]) -> VariableRow:
    made = VariableRow(**dict(zip(VariableRow.__struct_fields__, row, strict=True)))
    return msgspec.structs.replace(made, tags=tuple(msgspec.json.decode(row[3])))
