"""What the store asks of a database: statements in the SQL that SQLite and Postgres share.

Parameters are written `?`. What the two write differently is put into the other's words by
`translating`; the rest of the store is written once: `ON CONFLICT DO NOTHING` (not `INSERT OR
IGNORE`), `coalesce` (not `ifnull`), `sum` (not `total`), no `rowid`, a `LIMIT` that is a number,
`WHERE is_kept = 1` (truths are numbers), `SET runs = table.runs + excluded.runs` (each column of
the table with its name), an `IN` that is not empty, every selected column grouped or counted.
`LIKE` knows upper and lower case on one and not on the other: compare `lower(…)` with both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from flowstone.store.errors import ValueRefused

EVERYTHING = (1 << 62) - 1
"""As a `LIMIT`: all rows."""
ALONE = "UPDATE flowstone SET version = version"
"""Run before rows change that several logs share (names, roll-ups), until the end of the
transaction: so no two transactions wait for rows that the other one has."""


REFUSALS = (ValueRefused, sqlite3.IntegrityError, sqlite3.DataError, OverflowError)
"""What a connection raises for values that it cannot keep."""


class Cursor(Protocol):
    """The rows that a statement found."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed."""

    def fetchone(self) -> Any:
        """Return the next row, None behind the last one."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Give the rows that are left."""


class Connection(Protocol):
    """A connection to a database, as both kinds have it."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement for each row of values, no two of which change the same row."""

    def close(self) -> None:
        """Close the connection; what was not committed is taken back."""
