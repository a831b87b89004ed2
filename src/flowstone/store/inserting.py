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
    """Insert rows by the statement for one of them, and return how many were inserted.

    Its `VALUES` are question marks first, constants behind them.
    """
    if not rows:
        return 0
    columns = list(zip(*rows, strict=True))
    empty = tuple(
        place for place, column in enumerate(columns) if column.count(None) == len(column)
    )
    given = [column for place, column in enumerate(columns) if place not in empty]
    if not isinstance(connection, sqlite3.Connection):
        text = _for_rows(statement, 1, empty)
        return connection.executemany(text, list(zip(*given, strict=True))).rowcount
    values = chain.from_iterable(zip(*map(_quick, given), strict=True))
    left, inserted = len(rows), 0
    for size in _SIZES:
        text = _for_rows(statement, size, empty)
        while left >= size:
            found = connection.execute(text, list(islice(values, size * len(given))))
            inserted += found.rowcount
            left -= size
    return inserted


def _quick(column: tuple[Any, ...]) -> Iterable[Any]:
    """Return a column as SQLite's driver takes it without a search for an adapter.

    It looks for one for None and for bytes, which takes longer than all the rest of a value.
    """
    is_blobs = isinstance(column[0], bytes) and None not in column
    return map(bytearray, column) if is_blobs else column


@lru_cache(128)
def _for_rows(statement: str, count: int, empty: tuple[int, ...]) -> str:
    """Return the statement for so many rows, of which the values at some places are none."""
    found = _INSERT.fullmatch(statement)
    assert found is not None, statement
    head, values, rest = found.groups()
    marks = ["NULL" if place in empty else one for place, one in enumerate(values.split(","))]
    row = f"({', '.join(marks)})"
    return f"{head}{', '.join([row] * count)}{rest}"
