"""What the graph of a flow run is drawn from: its runs, or its tasks, and whose results they take.

A small graph has a node for each run. A larger one has one for each task and each flow that was
called, with counts; such a group unfolds page by page.
"""

from __future__ import annotations

import msgspec

from flowstone.core.states import TYPES
from flowstone.store.connection import Connection
from flowstone.store.reading.details import StateCount
from flowstone.store.reading.wanted import RUN_END
from flowstone.store.selecting import UNKNOWN

_MOST_EDGES = 200_000
_RUNS = f"""
    SELECT run.id, run.name, {{kind}}.ref, {{kind}}.name, state.type, state.name, run.created,
        run.started, {RUN_END}, run.parent
    FROM {{kind}}_run run LEFT JOIN {{kind}} ON {{kind}}.ref = run.{{kind}}
    LEFT JOIN state ON state.ref = run.shown
    WHERE run.{{column}} = ? AND run.id > ? {{more}} ORDER BY run.id LIMIT """  # noqa: S608 - our own names
_FOLDED = f"""
    SELECT counted.ref, state.type, state.name, runs, started, ended, created FROM (
        SELECT run.{{kind}} AS ref, run.shown AS shown, count(*) AS runs,
            min(run.started) AS started, max({RUN_END}) AS ended, min(run.created) AS created
        FROM {{kind}}_run run WHERE run.{{column}} = ? GROUP BY run.{{kind}}, run.shown
    ) counted LEFT JOIN state ON state.ref = counted.shown
"""  # noqa: S608 - our own names
_COLUMN = {"task": "flow_run", "flow": "parent_flow_run"}
_EDGES = """
    SELECT edge.run, edge.upstream FROM {kind}_run run JOIN edge ON edge.run = run.id
    WHERE run.{column} = ? LIMIT """
_FOLDED_EDGES = """
    SELECT 'task', run.task, 'task', up.task, count(*) FROM task_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE run.flow_run = ? AND up.flow_run = ? GROUP BY run.task, up.task
    UNION ALL
    SELECT 'task', run.task, 'flow', up.flow, count(*) FROM flow_run up
    JOIN edge ON edge.upstream = up.id JOIN task_run run ON run.id = edge.run
    WHERE up.parent_flow_run = ? AND run.flow_run = ? GROUP BY run.task, up.flow
    UNION ALL
    SELECT 'flow', run.flow, 'task', up.task, count(*) FROM flow_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE run.parent_flow_run = ? AND up.flow_run = ? GROUP BY run.flow, up.task
    UNION ALL
    SELECT 'flow', run.flow, 'flow', up.flow, count(*) FROM flow_run run
    JOIN edge ON edge.run = run.id JOIN flow_run up ON up.id = edge.upstream
    WHERE run.parent_flow_run = ? AND up.parent_flow_run = ? GROUP BY run.flow, up.flow
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
    """All runs of one task, or one flow, that a flow run called; `ref` is None where not known."""

    kind: str
    ref: int | None
    of: str
    runs: int
    states: list[StateCount]
    started: int | None
    ended: int | None
    first: int


End = bytes | tuple[str, int | None]
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
    nodes = nodes_of(connection, flow_run, "task", limit=few + 1)
    nodes += nodes_of(connection, flow_run, "flow", limit=few + 1 - len(nodes))
    if len(nodes) <= few:
        edges = _edges(connection, flow_run, {node.id for node in nodes})
        whole = len(edges) < _MOST_EDGES
        return Picture(len(nodes), sorted(nodes, key=_created), [], edges, whole)
    groups = [*_groups(connection, flow_run, "task"), *_groups(connection, flow_run, "flow")]
    runs = sum(group.runs for group in groups)
    folded = connection.execute(_FOLDED_EDGES, [flow_run] * 8)
    pairs: list[Edge] = [
        ((kind, ref), (up, up_ref), int(count)) for kind, ref, up, up_ref, count in folded
    ]
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
    if not runs:
        return {}
    rows = connection.execute(
        "SELECT run, upstream, count(*) FROM edge "  # noqa: S608 - our own names
        f"WHERE run IN ({', '.join('?' * len(runs))}) GROUP BY run, upstream",
        runs,
    )
    return {(run, upstream): int(count) for run, upstream, count in rows}


def _edges(connection: Connection, flow_run: bytes, known: set[bytes]) -> list[Edge]:
    """Return the edges between known runs; a run may take one result as several parameters."""
    found: dict[tuple[bytes, bytes], int] = {}
    for kind, column in _COLUMN.items():
        query = _EDGES.format(kind=kind, column=column)
        for run, upstream in connection.execute(f"{query}{_MOST_EDGES}", (flow_run,)):
            if upstream in known:
                found[run, upstream] = found.get((run, upstream), 0) + 1
    return [(run, upstream, count) for (run, upstream), count in found.items()]


def _groups(connection: Connection, flow_run: bytes, kind: str) -> list[Group]:
    names = dict(connection.execute(f"SELECT ref, name FROM {kind}"))  # noqa: S608 - our own names
    query = _FOLDED.format(kind=kind, column=_COLUMN[kind])
    found: dict[int | None, list[tuple[str, str, int, int | None, int | None, int]]] = {}
    for ref, number, *rest in connection.execute(query, (flow_run,)):
        found.setdefault(ref, []).append((TYPES[number].value, *rest))
    return [
        Group(
            kind=kind,
            ref=ref,
            of=names.get(ref, UNKNOWN),
            runs=sum(int(part[2]) for part in parts),
            states=[StateCount(part[0], part[1], int(part[2])) for part in parts],
            started=min((part[3] for part in parts if part[3] is not None), default=None),
            ended=max((part[4] for part in parts if part[4] is not None), default=None),
            first=min(part[5] for part in parts),
        )
        for ref, parts in found.items()
    ]


def _created(node: Node) -> bytes:
    return node.id


def _first(group: Group) -> int:
    return group.first
