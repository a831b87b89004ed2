"""The runs of a flow run as columns: what a timeline of a hundred thousand bars is drawn from."""

from __future__ import annotations

import msgspec

from flowstone.core.states import TYPES
from flowstone.store.connection import Connection
from flowstone.store.reading.details import names_of_rows, states_by_row
from flowstone.store.reading.wanted import RUN_END

_TASK_RUNS = f"""
    SELECT run.id, run.task, run.created, run.started, {RUN_END}, run.shown, run.parent, run.name
    FROM task_run run WHERE run.flow_run = ? AND run.id > ? ORDER BY run.id LIMIT """  # noqa: S608
_SUBFLOWS = f"""
    SELECT run.id, run.flow, run.created, run.started, {RUN_END}, run.shown, run.parent, run.name
    FROM flow_run run WHERE run.parent_flow_run = ? AND run.id > ? ORDER BY run.id LIMIT """  # noqa: S608


class Bars(msgspec.Struct, frozen=True):
    """Runs, one list a column, in the order of creation. `kinds` and `states` are rows by number.

    Times are nanoseconds since 1970. `kinds` names the task or flow of each row that occurs.
    """

    ids: list[bytes]
    kind: list[int | None]
    created: list[int]
    started: list[int | None]
    ended: list[int | None]
    state: list[int]
    parent: list[bytes | None]
    names: list[str | None]
    kinds: dict[int, str]
    states: dict[int, tuple[str, str]]
    after: bytes | None


def bars_of(
    connection: Connection, flow_run: bytes, *, limit: int, after: bytes = b"", subflows: bool
) -> Bars:
    """Return the task runs of a flow run, or its subflow runs, the oldest first."""
    query = _SUBFLOWS if subflows else _TASK_RUNS
    rows = connection.execute(f"{query}{limit}", (flow_run, after)).fetchall()
    ids, kind, created, started, ended, state, parent, names = (
        map(list, zip(*rows, strict=True)) if rows else ([] for _ in range(8))
    )
    table = "flow" if subflows else "task"
    return Bars(
        ids,
        kind,
        created,
        started,
        ended,
        state,
        parent,
        names,
        kinds=names_of_rows(connection, table, {ref for ref in kind if ref is not None}),
        states={
            ref: (TYPES[number].value, name)
            for ref, (number, name) in states_by_row(connection).items()
        },
        after=rows[-1][0] if len(rows) == limit else None,
    )
