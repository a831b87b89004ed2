"""What the graph of a flow run is drawn from: its runs, or its tasks, and whose results they take.

A small graph has a node for each run. A larger one has one for each task and each flow that was
called, with counts; such a group unfolds page by page.
"""

from __future__ import annotations

import msgspec

from flowstone.core.states import TYPES
from flowstone.store.connection import Connection
from flowstone.store.folds import Called, fold_of
from flowstone.store.reading.details import StateCount, counted, names_of_rows, states_by_row
from flowstone.store.reading.wanted import RUN_END
from flowstone.store.selecting import UNKNOWN

_RUNS = f"""
    SELECT run.id, run.name, {{kind}}.ref, {{kind}}.name, state.type, state.name, run.created,
        run.started, {RUN_END}, run.parent
    FROM {{kind}}_run run LEFT JOIN {{kind}} ON {{kind}}.ref = run.{{kind}}
    LEFT JOIN state ON state.ref = run.shown
    WHERE run.{{column}} = ? AND run.id > ? {{more}} ORDER BY run.id LIMIT """  # noqa: S608 - our own names
_FOLDED_SUBFLOWS = f"""
    SELECT coalesce(run.flow, 0), run.shown, count(*), min(run.started), max({RUN_END}),
        min(run.created)
    FROM flow_run run WHERE run.parent_flow_run = ? GROUP BY coalesce(run.flow, 0), run.shown
"""  # noqa: S608 - our own names
_MOST_EDGES = 200_000
_AT_ONCE = 500
_SOME_SUBFLOWS = "SELECT id FROM flow_run WHERE parent_flow_run = ? LIMIT ?"
_COLUMN = {"task": "flow_run", "flow": "parent_flow_run"}
_FOLDED_EDGES = """
    SELECT coalesce(run.task, 0), coalesce(up.task, 0), count(*) FROM task_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE run.flow_run = ? AND up.flow_run = ?
    GROUP BY coalesce(run.task, 0), coalesce(up.task, 0)
"""
_FOLDED_EDGES_OF_SUBFLOWS = """
    SELECT 'task', coalesce(run.task, 0), 'flow', coalesce(up.flow, 0), count(*) FROM flow_run up
    JOIN edge ON edge.upstream = up.id JOIN task_run run ON run.id = edge.run
    WHERE up.parent_flow_run = ? AND run.flow_run = ?
    GROUP BY coalesce(run.task, 0), coalesce(up.flow, 0)
    UNION ALL
    SELECT 'flow', coalesce(run.flow, 0), 'task', coalesce(up.task, 0), count(*) FROM flow_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE run.parent_flow_run = ? AND up.flow_run = ?
    GROUP BY coalesce(run.flow, 0), coalesce(up.task, 0)
    UNION ALL
    SELECT 'flow', coalesce(run.flow, 0), 'flow', coalesce(up.flow, 0), count(*) FROM flow_run run
    JOIN edge ON edge.run = run.id JOIN flow_run up ON up.id = edge.upstream
    WHERE run.parent_flow_run = ? AND up.parent_flow_run = ?
    GROUP BY coalesce(run.flow, 0), coalesce(up.flow, 0)
"""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `kind` is `task` or `flow`, `of` the name of which it is a run."""

    id: bytes
    kind: str
    ref: int | None
    of: str
    name: str
    state_type: str
    state_name: str
    created: int
    started: int | None
    ended: int | None
    parent: bytes | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one task, or one flow, that a flow run called; `ref` is 0 where not known."""

    kind: str
    ref: int
    of: str
    runs: int
    states: list[StateCount]
    started: int | None
    ended: int | None
    first: int


End = bytes | tuple[str, int]
"""One end of an edge: the id of a run, or the kind and row of a group."""
Edge = tuple[End, End, int]
"""Who takes, who gives, and how often."""


class Picture(msgspec.Struct, frozen=True):
    """The nodes of a graph, runs or groups, and its edges."""

    runs: int
    nodes: list[Node]
    groups: list[Group]
    edges: list[Edge]
    is_whole: bool


def picture_of(connection: Connection, flow_run: bytes, few: int) -> Picture:
    """Return the graph of a flow run: of runs up to `few` of them, folded by task beyond."""
    if _is_small(connection, flow_run, few):
        nodes = nodes_of(connection, flow_run, "task", limit=few)
        nodes += nodes_of(connection, flow_run, "flow", limit=few)
        known = {node.id for node in nodes}
        edges: list[Edge] = [
            (run, upstream, count)
            for (run, upstream), count in edges_of(connection, sorted(known)).items()
            if upstream in known
        ]
        is_whole = len(edges) <= _MOST_EDGES
        return Picture(len(nodes), sorted(nodes, key=_created), [], edges[:_MOST_EDGES], is_whole)
    groups, pairs = _task_groups(connection, flow_run)
    subflows = _flow_groups(connection, flow_run)
    if subflows:
        folded = connection.execute(_FOLDED_EDGES_OF_SUBFLOWS, [flow_run] * 6)
        pairs += [((kind, ref), (up, giver), int(count)) for kind, ref, up, giver, count in folded]
    groups += subflows
    runs = sum(group.runs for group in groups)
    return Picture(runs, [], sorted(groups, key=_first), pairs, is_whole=True)


def nodes_of(
    connection: Connection,
    flow_run: bytes,
    kind: str,
    *,
    limit: int,
    ref: int | None = None,
    after: bytes = b"",
) -> list[Node]:
    """Return runs that a flow run called, the oldest first: of one task (or flow) with `ref`."""
    if limit <= 0:
        return []
    more = "" if ref is None else f"AND coalesce(run.{kind}, 0) = ?"
    query = _RUNS.format(kind=kind, column=_COLUMN[kind], more=more)
    values = [flow_run, after] if ref is None else [flow_run, after, ref]
    return [
        Node(
            id=row[0],
            kind=kind,
            ref=row[2],
            of=row[3] or UNKNOWN,
            name=row[1] or UNKNOWN,
            state_type=TYPES[row[4]].value,
            state_name=row[5],
            created=row[6],
            started=row[7],
            ended=row[8],
            parent=row[9],
        )
        for row in connection.execute(f"{query}{limit}", values)
    ]


def edges_of(connection: Connection, runs: list[bytes]) -> dict[tuple[bytes, bytes], int]:
    """Return each of some runs with each run whose result it takes, and as how many parameters."""
    found: dict[tuple[bytes, bytes], int] = {}
    for first in range(0, len(runs), _AT_ONCE):
        some = runs[first : first + _AT_ONCE]
        rows = connection.execute(
            # The bounds let Postgres look only at the weeks that the ids are of.
            "SELECT run, upstream, count(*) FROM edge WHERE run >= ? AND run <= ? "  # noqa: S608
            f"AND run IN ({', '.join('?' * len(some))}) GROUP BY run, upstream",
            [min(some), max(some), *some],
        )
        found |= {(run, upstream): int(count) for run, upstream, count in rows}
    return found


def _is_small(connection: Connection, flow_run: bytes, few: int) -> bool:
    (task_runs,) = connection.execute(
        "SELECT coalesce(sum(runs), 0) FROM task_count WHERE flow_run = ?", (flow_run,)
    ).fetchone()
    subflows = connection.execute(_SOME_SUBFLOWS, (flow_run, few + 1)).fetchall()
    return int(task_runs) + len(subflows) <= few


def _task_groups(connection: Connection, flow_run: bytes) -> tuple[list[Group], list[Edge]]:
    fold = fold_of(connection, flow_run)
    names = names_of_rows(connection, "task", fold.tasks)
    states = states_by_row(connection)
    groups = [_group("task", ref, called, names, states) for ref, called in fold.tasks.items()]
    if fold.is_known:
        taken = [(ref, up, count) for ref, ups in fold.takes.items() for up, count in ups.items()]
    else:
        taken = connection.execute(_FOLDED_EDGES, (flow_run, flow_run)).fetchall()
    return groups, [(("task", ref), ("task", up), int(count)) for ref, up, count in taken]


def _flow_groups(connection: Connection, flow_run: bytes) -> list[Group]:
    found: dict[int, Called] = {}
    for ref, shown, runs, *times in connection.execute(_FOLDED_SUBFLOWS, (flow_run,)):
        started, ended, created = times
        called = found.setdefault(ref, Called({}, created, started, ended))
        called.states[shown] = int(runs)
        called.stretch(created, started, ended)
    names = names_of_rows(connection, "flow", found)
    states = states_by_row(connection)
    return [_group("flow", ref, called, names, states) for ref, called in found.items()]


def _group(
    kind: str, ref: int, called: Called, names: dict[int, str], states: dict[int, tuple[int, str]]
) -> Group:
    return Group(
        kind=kind,
        ref=ref,
        of=names.get(ref, UNKNOWN),
        runs=sum(called.states.values()),
        states=counted(states, called.states),
        started=called.started,
        ended=called.ended,
        first=called.first,
    )


def _created(node: Node) -> bytes:
    return node.id


def _first(group: Group) -> int:
    return group.first
