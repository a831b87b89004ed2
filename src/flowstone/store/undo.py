"""How to undo the transactions of a home: what records say of those that were staged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from flowstone.core.facts import TransactionEnded, TransactionNoted
from flowstone.store.connection import Connection

_NOTE = """
    INSERT INTO undo (id, at, parent, flow_run, task_run, title, hooks, vals, lost)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, hooks = excluded.hooks, vals = excluded.vals,
        lost = excluded.lost
"""
_END = "UPDATE undo SET is_committed = ?, ended = ? WHERE id = ? AND ended IS NULL"
_SELECT = """
    WITH RECURSIVE below (id) AS (
        VALUES (?)
        UNION SELECT run.id FROM flow_run run JOIN below ON run.parent_flow_run = below.id
    )
    SELECT undo.id, at, parent, flow_run, task_run, title, hooks, vals, lost, is_committed, ended
    FROM undo JOIN below ON undo.flow_run = below.id ORDER BY at, undo.id
"""


class UndoRow(msgspec.Struct, frozen=True):
    """One transaction; fields as in the record `TransactionNoted`.

    `is_committed` and `ended` (nanoseconds since 1970) are None while it is open.
    """

    id: bytes
    at: int
    parent: bytes | None
    flow_run: bytes | None
    task_run: bytes | None
    title: str
    hooks: list[tuple[str, str | None, str | None]]
    values: dict[str, str]
    lost: list[str]
    is_committed: bool | None
    ended: int | None


def write(connection: Connection, records: Iterable[TransactionNoted | TransactionEnded]) -> None:
    """Write what records say of transactions, in their order."""
    for record in records:
        if isinstance(record, TransactionEnded):
            end = record.is_committed, record.at, record.transaction
            connection.execute(_END, end)
        else:
            identity, at, parent, flow_run, task_run, title, *rest = msgspec.structs.astuple(record)
            hooks, values, lost = rest
            parts = [_text(hooks), _text(dict(values)), _text(lost)]
            note = (identity, at, parent, flow_run, task_run, title, *parts)
            connection.execute(_NOTE, note)


def undo_of(connection: Connection, flow_run: bytes) -> list[UndoRow]:
    """Return the transactions of a flow run and of those below it, in the order of staging."""
    return [_row(found) for found in connection.execute(_SELECT, (flow_run,))]


def forget(connection: Connection, flow_run: bytes) -> None:
    """Delete what is known of the transactions of one flow run."""
    connection.execute("DELETE FROM undo WHERE flow_run = ?", (flow_run,))


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _row(found: tuple[Any, ...]) -> UndoRow:
    *plain, hooks, values, lost, is_committed, ended = found
    values_of = [
        *plain,
        msgspec.json.decode(hooks, type=list[tuple[str, str | None, str | None]]),
        msgspec.json.decode(values, type=dict[str, str]),
        msgspec.json.decode(lost, type=list[str]),
        None if is_committed is None else bool(is_committed),
        ended,
    ]
    return UndoRow(*values_of)
