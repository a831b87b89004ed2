"""Artifacts and the progress of loops: what records say of them, and what is read of them."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.core.facts import (
    ArtifactChanged,
    ArtifactWritten,
    ProgressMade,
    ResultNoted,
    TransactionEnded,
    TransactionNoted,
    UsageMeasured,
)
from flowstone.store import results, undo, usage
from flowstone.store.changes import ARTIFACTS, FLOW_RUN, note_changes
from flowstone.store.connection import EVERYTHING, Connection

_MAKE = """
    INSERT INTO artifact
        (id, log, type, key, description, flow_run, task_run, created, updated, data)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET log = excluded.log, type = excluded.type, key = excluded.key,
        description = coalesce(artifact.description, excluded.description),
        flow_run = excluded.flow_run, task_run = excluded.task_run, created = excluded.created
    WHERE artifact.type IS NULL
"""
_CHANGE = """
    INSERT INTO artifact (id, log, description, created, updated, data) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET data = excluded.data, updated = excluded.updated,
        description = coalesce(excluded.description, artifact.description)
    WHERE excluded.updated >= artifact.updated
"""
_PROGRESS = """
    INSERT INTO progress (run, description, done, total, updated) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (run, description) DO UPDATE SET done = excluded.done, total = excluded.total,
        updated = excluded.updated
"""
_IS_NEWEST = (
    "(one.key IS NULL OR one.id = (SELECT max(id) FROM artifact WHERE key = one.key "
    "AND type IS NOT NULL))"
)


class ArtifactRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an artifact. The names are those of its runs, where they are known."""

    id: bytes
    type: str
    key: str | None
    description: str | None
    flow_run: bytes | None
    task_run: bytes | None
    flow_run_name: str | None
    task_run_name: str | None
    created: int
    updated: int
    data: str | None


class ProgressRow(msgspec.Struct, frozen=True):
    """How far a loop of a run is; `total` is None where it is not known."""

    description: str
    done: int
    total: int | None
    updated: int


class Leavings:
    """What records of one batch say of artifacts, progress and results, until it is written."""

    def __init__(self) -> None:
        self._artifacts: list[tuple[str, tuple[Any, ...]]] = []
        self._progress: dict[tuple[bytes, str], tuple[Any, ...]] = {}
        self._results: list[ResultNoted] = []
        self._usages: list[UsageMeasured] = []
        self.transactions: list[TransactionNoted | TransactionEnded] = []

    def written(self, log: int, record: ArtifactWritten) -> None:
        """Take note of an artifact."""
        at = record.at
        row = record.artifact, log, record.type, record.key, record.description
        runs = record.flow_run, record.task_run
        self._artifacts.append((_MAKE, (*row, *runs, at, at, record.data)))

    def changed(self, log: int, record: ArtifactChanged) -> None:
        """Take note of an artifact's new data."""
        at = record.at
        row = record.artifact, log, record.description, at, at, record.data
        self._artifacts.append((_CHANGE, row))

    def progressed(self, record: ProgressMade) -> None:
        """Take note of how far a loop is."""
        row = record.run, record.description, record.done, record.total, record.at
        self._progress[record.run, record.description] = row

    def noted(self, record: ResultNoted) -> None:
        """Take note of where a result is."""
        self._results.append(record)

    def used(self, record: UsageMeasured) -> None:
        """Take note of what a run used."""
        self._usages.append(record)

    def write(self, connection: Connection) -> None:
        """Write it all."""
        for statement, row in self._artifacts:
            connection.execute(statement, row)
        note_changes(connection, {(ARTIFACTS, None)} if self._artifacts else ())
        self._artifacts = []
        if self._progress:
            connection.executemany(_PROGRESS, self._progress.values())
            note_changes(connection, {(FLOW_RUN, run) for run, _ in self._progress})
            self._progress = {}
        if self._results:
            results.note(connection, self._results)
            self._results = []
        if self._usages:
            usage.note(connection, self._usages)
            self._usages = []
        if self.transactions:
            undo.write(connection, self.transactions)
            self.transactions = []


def select_artifacts(
    connection: Connection,
    *,
    limit: int = 0,
    newest_only: bool = False,
    **wanted: bytes | str | None,
) -> list[ArtifactRow]:
    """Return artifacts, newest first, whose columns have the values that are given and not None.

    `limit` 0 is all; with `newest_only` of each key only the newest version.
    """
    given = {column: value for column, value in wanted.items() if value is not None}
    conditions = ["one.type IS NOT NULL", *(f"one.{column} = ?" for column in given)]
    if newest_only:
        conditions.append(_IS_NEWEST)
    where = " AND ".join(conditions)
    return artifacts_where(connection, where, list(given.values()), limit or EVERYTHING)


def artifacts_where(
    connection: Connection, where: str, values: list[Any], limit: int, data: str = "one.data"
) -> list[ArtifactRow]:
    """Return artifacts (`one`) that fit a condition, newest first; `data` is the SQL of theirs."""
    rows = connection.execute(
        "SELECT one.id, one.type, one.key, one.description, one.flow_run, one.task_run, "  # noqa: S608
        f"owner.name, run.name, one.created, one.updated, {data} FROM artifact one "
        "LEFT JOIN flow_run owner ON owner.id = one.flow_run "
        "LEFT JOIN task_run run ON run.id = one.task_run "
        f"WHERE {where} ORDER BY one.id DESC LIMIT ?",
        [*values, limit],
    )
    return [
        ArtifactRow(**dict(zip(ArtifactRow.__struct_fields__, row, strict=True))) for row in rows
    ]


def delete_artifacts(connection: Connection, artifacts: list[bytes]) -> int:
    """Delete artifacts in the open transaction; return how many were there.

    What comes of them later is not applied.
    """
    ids = [(artifact,) for artifact in artifacts]
    connection.executemany(
        "INSERT INTO tombstone (log, run) SELECT one.log, one.id FROM artifact one "
        "JOIN log ON log.ref = one.log AND log.ended IS NULL WHERE one.id = ? "
        "ON CONFLICT DO NOTHING",
        ids,
    )
    return connection.executemany("DELETE FROM artifact WHERE id = ?", ids).rowcount


def progress_of(connection: Connection, run: bytes) -> list[ProgressRow]:
    """Return how far the loops of a run are, the one that moved last at the end."""
    rows = connection.execute(
        "SELECT description, done, total, updated FROM progress WHERE run = ? ORDER BY updated",
        (run,),
    )
    return [ProgressRow(*row) for row in rows]
