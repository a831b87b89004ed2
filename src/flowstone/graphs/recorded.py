"""The graph of a run: its task runs and subflow runs, and whose results each of them took.

Runs that are alike are drawn as one node where there are many of them: runs of one task, called
within one run (or one node), that take the results of the same nodes. So a `map` is one node, and
a `map` over its results another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from flowstone.core.durations import duration
from flowstone.graphs.graph import Graph, Node, StateCount
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow, RunFilter, TaskRunRow

MOST_NODES = 200
MOST_RUNS = 100_000
_MOST_EDGES = 300_000


class _Fold(NamedTuple):
    """How runs become nodes: more than `few` alike are one; `deepest` is how deep insides go."""

    few: int
    by_inputs: bool
    deepest: int


_FOLDS = (_Fold(12, True, 8), _Fold(1, True, 8), _Fold(1, False, 8), _Fold(1, False, 1))
"""Tried in this order until what comes out can be looked at."""


class _Run(NamedTuple):
    """What is drawn of a run. `kind` is what it is a run of, `around` the run that called it."""

    id: bytes
    around: bytes
    kind: tuple[str, str]
    row: FlowRunRow | TaskRunRow


class _Facts(msgspec.Struct):
    """The runs below a flow run by who called them, oldest first, and the edges between them."""

    inside: dict[bytes, list[_Run]]
    around: dict[bytes, bytes]
    inputs: dict[bytes, list[bytes]]
    is_whole: bool


def graph_of(store: Store, flow_run: FlowRunRow) -> Graph:
    """Return the graph of a flow run, of at most a few hundred nodes.

    Of a flow run with more than 100,000 runs, the newest are in it, and the title says so.
    """
    facts = _read(store, flow_run.id)
    for fold in _FOLDS:
        folding = _Folding(facts, fold)
        nodes = folding.nodes([flow_run.id])
        if folding.count <= MOST_NODES:
            break
    else:
        folding = _Folding(facts, _Fold(1, by_inputs=False, deepest=0))
        nodes = folding.nodes([flow_run.id])
    return Graph(_title(flow_run, facts), nodes, tuple(folding.edges()))


def _read(store: Store, root: bytes) -> _Facts:
    runs: list[_Run] = []
    inputs: defaultdict[bytes, list[bytes]] = defaultdict(list)
    todo, edges = [root], 0
    while todo and len(runs) < MOST_RUNS:
        flow_run = todo.pop()
        mine = RunFilter(flow_run=flow_run)
        subflows = store.flow_runs(mine, limit=MOST_RUNS - len(runs))
        runs += [
            _Run(row.id, row.parent or flow_run, ("flow", row.flow_name), row) for row in subflows
        ]
        todo += [row.id for row in subflows]
        if left := MOST_RUNS - len(runs):
            rows = store.task_runs(mine, limit=left)
            runs += [
                _Run(row.id, row.parent or flow_run, ("task", row.task_name), row) for row in rows
            ]
        if left := _MOST_EDGES - edges:
            found = store.edges_within(flow_run, limit=left)
            edges += len(found)
            for run, upstream in found:
                inputs[run].append(upstream)
    return _sorted(root, runs, inputs, is_whole=len(runs) < MOST_RUNS and edges < _MOST_EDGES)


def _sorted(
    root: bytes, runs: list[_Run], inputs: dict[bytes, list[bytes]], *, is_whole: bool
) -> _Facts:
    known = {run.id for run in runs}
    inside: defaultdict[bytes, list[_Run]] = defaultdict(list)
    around: dict[bytes, bytes] = {}
    for run in sorted(runs):
        # The run that called it may have been deleted, or be too old to have been read.
        caller = run.around if run.around in known else root
        around[run.id] = caller
        inside[caller].append(run)
    return _Facts(inside, around, inputs, is_whole)


class _Folding:
    """Makes nodes of runs; `count` is how many there are by now."""

    def __init__(self, facts: _Facts, fold: _Fold) -> None:
        self._facts = facts
        self._fold = fold
        self._path: dict[bytes, tuple[str, ...]] = {}
        self.count = 0

    def nodes(self, callers: list[bytes], path: tuple[str, ...] = ()) -> tuple[Node, ...]:
        """Return the nodes of what these runs called; `path` are the keys of the nodes around."""
        inside = self._facts.inside
        members = sorted(run for caller in callers for run in inside.get(caller, ()))
        is_folded = len(callers) > 1
        made = []
        for group in self._groups(members, few=0 if is_folded else self._fold.few):
            if self.count > MOST_NODES and self._fold.deepest:
                break  # it will be folded more tightly
            key = f"n{self.count}"
            self.count += 1
            own_path = (*path, key)
            ids = [run.id for run in group]
            self._path.update(dict.fromkeys(ids, own_path))
            below = self.nodes(ids, own_path) if len(path) < self._fold.deepest else ()
            made.append(_node(key, group, below))
        return tuple(made)

    def edges(self) -> Iterable[tuple[str, str]]:
        """Return the edges between neighbours; those from further away begin at what is around."""
        found: dict[tuple[str, str], None] = {}
        for run, upstreams in self._facts.inputs.items():
            end = self._path_of(run)
            for upstream in upstreams:
                start = self._path_of(upstream)
                same = 0
                while same < min(len(start), len(end)) and start[same] == end[same]:
                    same += 1
                if same < min(len(start), len(end)):
                    found[start[same], end[same]] = None
                elif start == end and start and run != upstream and self._is_shown(run, upstream):
                    found[start[-1], start[-1]] = None
        return found

    def _path_of(self, run: bytes) -> tuple[str, ...]:
        """Return where a run is shown: itself, or the nearest run around it that is."""
        while run not in self._path:
            if run not in self._facts.around:
                return ()
            run = self._facts.around[run]
        return self._path[run]

    def _is_shown(self, *runs: bytes) -> bool:
        return all(run in self._path for run in runs)

    def _groups(self, members: list[_Run], few: int) -> list[list[_Run]]:
        """Return the runs that are one node each, in the order of their first."""
        kinds: dict[object, int] = {}
        of: dict[bytes, int] = {}
        alike: list[list[_Run]] = []
        for run in members:
            like: object = run.kind
            if self._fold.by_inputs:
                inputs = self._facts.inputs.get(run.id, ())
                like = run.kind, frozenset(of[one] for one in inputs if one in of)
            number = of[run.id] = kinds.setdefault(like, len(kinds))
            if number == len(alike):
                alike.append([])
            alike[number].append(run)
        groups: list[list[_Run]] = []
        for group in alike:
            groups += [group] if len(group) > few else [[run] for run in group]
        groups.sort(key=lambda group: group[0].id)
        if not self._fold.deepest and len(groups) > MOST_NODES:
            rest = [run for group in groups[MOST_NODES - 1 :] for run in group]
            groups = [*groups[: MOST_NODES - 1], rest]
        return groups


def _node(key: str, runs: list[_Run], inside: tuple[Node, ...]) -> Node:
    kinds = {run.kind for run in runs}
    name = runs[0].kind[1]
    if len(kinds) > 1:
        label = f"{len(kinds):,} others × {len(runs):,}"
    elif len(runs) > 1:
        label = f"{name} × {len(runs):,}"
    else:
        own = runs[0].row.name
        label = own if isinstance(runs[0].row, TaskRunRow) else f"{name} · {own}"
    states = Counter((run.row.state_type, run.row.state_name) for run in runs)
    return Node(
        key=key,
        label=label,
        count=len(runs),
        states=tuple(StateCount(*state, count) for state, count in states.most_common()),
        seconds=_seconds([run.row for run in runs]),
        inside=inside,
    )


def _seconds(rows: list[FlowRunRow | TaskRunRow]) -> float | None:
    """Return the time from the first start to the last end, None while a run has not ended."""
    starts = [row.start for row in rows if row.start is not None]
    ends = [row.end for row in rows if row.end is not None]
    if not starts or len(ends) < len(rows):
        return None
    return max(0, max(ends) - min(starts)) / 1e9


def _title(flow_run: FlowRunRow, facts: _Facts) -> str:
    seconds = _seconds([flow_run])
    parts = [flow_run.flow_name, flow_run.name, flow_run.state_name, duration(seconds)]
    if not facts.is_whole:
        parts.append(f"the newest {len(facts.around):,} runs")
    return " · ".join(part for part in parts if part)
