"""The runs of a flow run as columns: what a timeline of a hundred thousand bars is drawn from."""

from __future__ import annotations

import msgspec

from flowstone.core.states import CANCELLING, RUNNING, TYPES
from flowstone.store.connection import Connection
from flowstone.store.reading.details import names_of_rows, states_by_row
from flowstone.store.reading.wanted import RUN_END

_COLUMNS = f"""run.created, run.started, {RUN_END}, run.shown, run.parent, run.name, run.tags,
    run.attempt, CASE WHEN run.attempt > 1 THEN run.history END, run.state, run.at"""
_TASK_RUNS = f"""
    SELECT run.id, run.task, {_COLUMNS}
    FROM task_run run WHERE run.flow_run = ? AND run.id > ? ORDER BY run.id LIMIT """  # noqa: S608
_SUBFLOWS = f"""
    SELECT run.id, run.flow, {_COLUMNS}
    FROM flow_run run WHERE run.parent_flow_run = ? AND run.id > ? ORDER BY run.id LIMIT """  # noqa: S608


class Tries(msgspec.Struct, frozen=True):
    """A run that was tried more than once: its place among the bars, and how often.

    `turns` are when an attempt began and when it ended, in turns, in nanoseconds since 1970; the
    last one has no end as long as it runs, and where its process died.
    """

    place: int
    attempts: int
    turns: list[int]


class Bars(msgspec.Struct, frozen=True):
    """Runs, one list a column, in the order of creation. `kinds` and `states` are rows by number.

    Times are nanoseconds since 1970. `kinds` names the task or flow of each row that occurs;
    `tags` are JSON, None where a run has none.
    """

    ids: list[bytes]
    kind: list[int | None]
    created: list[int]
    started: list[int | None]
    ended: list[int | None]
    state: list[int]
    parent: list[bytes | None]
    names: list[str | None]
    tags: list[str | None]
    tries: list[Tries]
    kinds: dict[int, str]
    states: dict[int, tuple[str, str]]
    after: bytes | None


class _Passed(msgspec.Struct, array_like=True):
    """The beginning of an entry of a run's history: its message is left where it is."""

    fence: int
    sequence: int
    type: int
    name: str | None
    at: int


_decode = msgspec.msgpack.Decoder(list[_Passed]).decode


def bars_of(
    connection: Connection, flow_run: bytes, *, limit: int, after: bytes = b"", subflows: bool
) -> Bars:
    """Return the task runs of a flow run, or its subflow runs, the oldest first."""
    query = _SUBFLOWS if subflows else _TASK_RUNS
    rows = connection.execute(f"{query}{limit}", (flow_run, after)).fetchall()
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in range(13))
    ids, kind, created, started, ended, state, parent, names, tags, *tried = columns
    table = "flow" if subflows else "task"
    states = states_by_row(connection)
    return Bars(
        ids,
        kind,
        created,
        started,
        ended,
        state,
        parent,
        names,
        tags,
        tries=[
            Tries(place, attempts, _turns(history, states[present][0], at))
            for place, (attempts, history, present, at) in enumerate(zip(*tried, strict=True))
            if attempts > 1
        ],
        kinds=names_of_rows(connection, table, {ref for ref in kind if ref is not None}),
        states={ref: (TYPES[number].value, name) for ref, (number, name) in states.items()},
        after=rows[-1][0] if len(rows) == limit else None,
    )


def _turns(history: bytes | None, present: int, at: int) -> list[int]:
    """Return when attempts began and ended, by the states before the present one, and by it."""
    passed = [] if history is None else [(one.type, one.at) for one in _decode(history)]
    turns: list[int] = []
    for kind, moment in (*passed, (present, at)):
        runs = len(turns) % 2 == 1
        if (kind == RUNNING) != runs and kind != CANCELLING:
            turns.append(moment)
    return turns
