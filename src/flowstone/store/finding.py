"""Finds the one run that a user means: by its id, the beginning of its id, or its name."""

from __future__ import annotations

import re
from typing import Any

from flowstone.core.ids import id_text
from flowstone.store.connection import Connection
from flowstone.store.errors import AmbiguousRun, RunNotFound
from flowstone.store.selecting import Kind, Row, select_where

_HEX = re.compile(r"[0-9a-f]{1,32}")
_CANDIDATES = 5


def find(connection: Connection, kind: Kind[Row], text: str, flow_run: bytes | None = None) -> Row:
    """Return the run that `text` names, among those of a flow run if one is given.

    Raises `RunNotFound` where none answers, `AmbiguousRun` where several do.
    """
    within, values = ("", []) if flow_run is None else (" AND run.flow_run = ?", [flow_run])
    digits = text.replace("-", "").lower()
    by_id: list[Row] = []
    if _HEX.fullmatch(digits):
        by_id = _starting_with(connection, kind, digits, within, values)
        if len(by_id) == 1 and len(digits) == 32:
            return by_id[0]
    by_name = select_where(
        connection, kind, f"run.name = ?{within}", [text, *values], _CANDIDATES + 1
    )
    found = {row.id: row for row in [*by_id, *by_name]}
    return choose(kind, text, list(found.values()))


def choose(kind: Kind[Row], text: str, found: list[Row]) -> Row:
    """Return the one run that answers to `text`. Raises `RunNotFound` or `AmbiguousRun`."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunNotFound(
            f"There is no {kind.noun} with the id, the beginning of an id or the name {text!r}."
        )
    raise AmbiguousRun(_choices(kind, text, found))


def _starting_with(
    connection: Connection, kind: Kind[Row], digits: str, within: str, values: list[Any]
) -> list[Row]:
    lowest = bytes.fromhex(digits.ljust(32, "0"))
    highest = bytes.fromhex(digits.ljust(32, "f"))
    where = f"run.id BETWEEN ? AND ?{within}"
    return select_where(connection, kind, where, [lowest, highest, *values], _CANDIDATES + 1)


def _choices(kind: Kind[Row], text: str, found: list[Row]) -> str:
    lines = [f"  {id_text(row.id)}  {row.name}  {row.state_name}" for row in found[:_CANDIDATES]]
    more = ["  and others"] if len(found) > _CANDIDATES else []
    return "\n".join([f"Several {kind.noun}s answer to {text!r}; use an id:", *lines, *more])
