"""Inserts many rows at once: most of what the collector does."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from flowstone.store.connection import Connection

_SIZES = (100, 10, 1)
"""Rows a statement, for SQLite: one for a hundred rows takes two thirds of a hundred for one."""
_INSERT = re.compile(r"(.*\bVALUES\s*)\(([^()]*)\)(.*)", re.DOTALL)


def insert(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
    """Insert rows by the statement for one of them, and return how many were inserted."""
    if not isinstance(connection, sqlite3.Connection):
        return connection.executemany(statement, rows).rowcount if rows else 0
    columns = list(zip(*rows, strict=True))
    # What is the same in all rows is bound once, as the log and the flow run mostly are.
    same = tuple(place for place, column in enumerate(columns) if _is_constant(column))
    shared = [columns[place][0] for place in same]
    others = [_quick(column) for place, column in enumerate(columns) if place not in same]
    values = chain.from_iterable(zip(*others, strict=True))
    left, inserted = len(rows), 0
    for size in _SIZES:
        text = _for_rows(statement, size, same)
        while left >= size:
            given = shared + list(islice(values, size * len(others)))
            inserted += connection.execute(text, given).rowcount
            left -= size
    return inserted


def _is_constant(column: tuple[Any, ...]) -> bool:
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def _quick(column: tuple[Any, ...]) -> Iterable[Any]:
    """Return a column as SQLite's driver takes it without a search for an adapter.

    It looks for one for None and for bytes, which takes longer than all the rest of a value.
    """
    is_blobs = isinstance(column[0], bytes) and None not in column
    return map(bytearray, column) if is_blobs else column


@lru_cache(128)
def _for_rows(statement: str, count: int, same: tuple[int, ...]) -> str:
    """Return the statement for so many rows: the values at some places first, as all have them."""
    found = _INSERT.fullmatch(statement)
    assert found is not None, statement
    head, values, rest = found.groups()
    parts = values.split("?")
    number = len(same)
    marked = []
    for _ in range(count):
        row = parts[0]
        for place, constants in enumerate(parts[1:]):
            if place not in same:
                number += 1
            row += f"?{same.index(place) + 1 if place in same else number}{constants}"
        marked.append(f"({row})")
    return f"{head}{', '.join(marked)}{rest}"
