"""Lists of artifacts: the newest of each key, or all versions; of their data the beginning."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.store.artifacts import ArtifactRow, artifacts_where
from flowstone.store.connection import Connection

_BEGINNING = "substr(one.data, 1, 500)"
"""What lists show of the data."""


class ArtifactsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifacts to list: those that fit all that is given."""

    type: str | None = None
    key: str | None = None
    flow_run: bytes | None = None
    task_run: bytes | None = None


def list_artifacts(
    connection: Connection, wanted: ArtifactsWanted, *, limit: int, after: bytes | None
) -> list[ArtifactRow]:
    """Return versions of artifacts, the newest first, each with the beginning of its data."""
    texts, values = ["one.type IS NOT NULL"], list[Any]()
    for column in wanted.__struct_fields__:
        value = getattr(wanted, column)
        if value is not None:
            texts.append(f"one.{column} = ?")
            values.append(value)
    if after is not None:
        texts.append("one.id < ?")
        values.append(after)
    return artifacts_where(connection, " AND ".join(texts), values, limit, _BEGINNING)


def newest_artifacts(
    connection: Connection,
    kind: str | None,
    *,
    limit: int,
    after: str,
    search: str = "",
) -> tuple[list[ArtifactRow], str | None]:
    """Return the newest version of each key behind `after`, and the key to go on behind.

    Only of keys that have `search` in them.
    """
    found: list[ArtifactRow] = []
    while True:
        # One look a key: an index of millions of versions is not walked to find ten keys.
        row = connection.execute(
            "SELECT key FROM artifact WHERE key > ? ORDER BY key LIMIT 1", (after,)
        ).fetchone()
        if row is None:
            return found, None
        if len(found) == limit:
            return found, after
        after = row[0]
        if search not in after:
            continue
        where = "one.key = ? AND one.type IS NOT NULL"
        newest = artifacts_where(connection, where, [after], 1, _BEGINNING)
        found += [one for one in newest if kind in (None, one.type)]


def artifact_of(connection: Connection, artifact: bytes) -> ArtifactRow | None:
    """Return one version of an artifact with all of its data, None where it is not there."""
    condition = "one.id = ? AND one.type IS NOT NULL"
    found = artifacts_where(connection, condition, [artifact], 1)
    return found[0] if found else None
