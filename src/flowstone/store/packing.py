"""Packs the indexes of weeks that are over, on Postgres.

Runs come in the order of time, not of their task: so while a week is written the pages of an index
by task are split in halves, and stay half empty. Built anew they take as little room as there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flowstone.store import partitions
from flowstone.store.connection import Connection
from flowstone.store.counts import HOUR

_PACKING = 0x464C_5350
_SETTLED = 24 * HOUR
"""So long after its end little is added to a week."""
_WORTH = 1 << 20
"""Bytes from which an index may have something to give back."""
# That it is to be full is also what says that it is.
_DUE = """
    SELECT index.relname FROM pg_class index
    JOIN pg_index ON pg_index.indexrelid = index.oid JOIN pg_class part ON part.oid = indrelid
    WHERE part.relnamespace = current_schema()::regnamespace AND part.relname = ANY(?)
        AND pg_relation_size(index.oid) >= ?
        AND NOT coalesce('fillfactor=100' = ANY(index.reloptions), false)
    ORDER BY index.relname
"""
_HALF_BUILT = """
    SELECT index.relname FROM pg_class index
    JOIN pg_index ON pg_index.indexrelid = index.oid JOIN pg_class part ON part.oid = indrelid
    WHERE part.relnamespace = current_schema()::regnamespace AND part.relname = ANY(?)
        AND NOT indisvalid
"""


def pack(connection: Connection, now: int) -> int:
    """Pack the indexes of weeks that ended a day ago or earlier; return how many.

    Others read and write meanwhile. The connection must not be in a transaction. Where somebody
    else is at it nothing is done.
    """
    tables = partitions.tables_before(connection, now - _SETTLED)
    if not tables:
        return 0
    with _alone(connection) as is_alone:
        if not is_alone:
            return 0
        for index in _names(connection, _HALF_BUILT, [tables]):
            connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
        due = _names(connection, _DUE, [tables, _WORTH])
        for index in due:
            connection.execute(f"ALTER INDEX {index} SET (fillfactor = 100)")
            connection.execute(f"REINDEX INDEX CONCURRENTLY {index}")
    return len(due)


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[bool]:
    """Keep other servers from packing, and let statements take their time meanwhile."""
    (is_alone,) = connection.execute("SELECT pg_try_advisory_lock(?)", (_PACKING,)).fetchone()
    if not is_alone:
        yield False
        return
    # It waits for every transaction that is open: rather not for one that nobody ends.
    connection.execute("SET statement_timeout = '1h'")
    try:
        yield True
    finally:
        connection.execute("RESET statement_timeout")
        connection.execute("SELECT pg_advisory_unlock(?)", (_PACKING,))


def _names(connection: Connection, query: str, values: list[object]) -> list[str]:
    return [name for (name,) in connection.execute(query, values).fetchall()]
