"""What the store asks of a database: statements in the SQL that SQLite and Postgres share.

Parameters are written `?`. What the two write differently is put into the other's words by
`postgres`; the rest of the store is written once: `ON CONFLICT DO NOTHING` (not `INSERT OR
IGNORE`), `coalesce` (not `ifnull`), no `rowid`, a `LIMIT` that is a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

EVERYTHING = (1 << 62) - 1
"""As a `LIMIT`: all rows."""


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
        """Run a statement for each row of values."""

    def close(self) -> None:
        """Close the connection; what was not committed is taken back."""
