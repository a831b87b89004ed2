"""What each flow run called, folded by task: the graph of a million runs, without reading them.

It is changed with the rows, by the transaction that changes them, so its counts equal the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.inserting import insert
from flowstone.store.statements import INSERT_EDGE

Edge = tuple[bytes, bytes, str]
"""A row of the table: the run, whose result it takes, and as which parameter."""
Place = tuple[bytes | None, int]
"""The flow run and the task of a task run."""
_ByFlowRun = defaultdict[bytes, Counter[tuple[int, int]]]
_NOWHERE: Place = (None, 0)
_AT_ONCE = 500
_LOAD = "SELECT flow_run, data FROM fold WHERE flow_run IN ({})"
_SAVE = (
    "INSERT INTO fold (flow_run, data) VALUES (?, ?) "
    "ON CONFLICT (flow_run) DO UPDATE SET data = excluded.data"
)
# The bounds let Postgres look only at the weeks that the ids are of.
_TASKS = """
    SELECT id, flow_run, coalesce(task, 0) FROM task_run
    WHERE id >= ? AND id <= ? AND id IN ({})
"""
_FLOW_RUNS = "SELECT id FROM flow_run WHERE id IN ({})"


class Called(msgspec.Struct, array_like=True):
    """The runs of one task: how many are in each state, from the first start to the last end."""

    states: dict[int, int]
    first: int
    started: int | None
    ended: int | None

    def stretch(self, created: int, started: int | None, ended: int | None) -> None:
        """Let it reach over one more run."""
        self.first = min(self.first, created)
        if started is not None and (self.started is None or started < self.started):
            self.started = started
        if ended is not None and (self.ended is None or ended > self.ended):
            self.ended = ended


class Fold(msgspec.Struct, array_like=True):
    """What a flow run called, by the row of the task (0: not known).

    `takes` says how many results each task took of which other one. `is_known` is false where that
    is not all: what came in an unusual order is counted from the rows.
    """

    tasks: dict[int, Called]
    takes: dict[int, dict[int, int]]
    is_known: bool = True


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Fold).decode


class Folding:
    """Changes of folds that are not written yet."""

    __slots__ = ("_doubted", "_runs", "_spans", "_takes")

    def __init__(self) -> None:
        self._runs: _ByFlowRun = defaultdict(Counter)
        self._spans: dict[tuple[bytes, int], Called] = {}
        self._takes: _ByFlowRun = defaultdict(Counter)
        self._doubted: set[bytes] = set()

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._runs or self._takes or self._doubted)

    def see(
        self, flow_run: bytes, task: int, created: int, started: int | None, ended: int | None
    ) -> None:
        """Let the stretch of time of a task's runs reach over one more."""
        span = self._spans.get((flow_run, task))
        if span is None:
            self._spans[flow_run, task] = Called({}, created, started, ended)
        elif (
            started is None
            or span.started is None
            or started < span.started
            or span.ended is None
            or created < span.first
        ):
            span.stretch(created, started, ended)
        elif ended is not None and ended > span.ended:  # as nearly all: they come in their order
            span.ended = ended

    def count(self, flow_run: bytes, task: int, state: int, runs: int) -> None:
        """Count so many more runs of a task in a state."""
        self._runs[flow_run][task, state] += runs

    def take(self, flow_run: bytes, task: int, upstream: int, results: int = 1) -> None:
        """Count results that runs of a task took of runs of another."""
        self._takes[flow_run][task, upstream] += results

    def doubt(self, flow_run: bytes) -> None:
        """Say that not all results that runs of a flow run took were counted."""
        self._doubted.add(flow_run)

    def write(self, connection: Connection) -> None:
        """Write the changes, and begin anew. Nobody else may write folds at the same time."""
        if not self.is_changed:
            return
        flow_runs = sorted({*self._runs, *self._takes, *self._doubted})
        stored = _load(connection, flow_runs)
        saved, gone = [], []
        for flow_run in flow_runs:
            fold = stored.get(flow_run) or Fold({}, {})
            self._change(flow_run, fold)
            if fold.tasks:
                saved.append((flow_run, _encode(fold)))
            else:
                gone.append((flow_run,))
        if saved:
            connection.executemany(_SAVE, saved)
        if gone:
            connection.executemany("DELETE FROM fold WHERE flow_run = ?", gone)
        self._runs, self._takes = defaultdict(Counter), defaultdict(Counter)
        self._spans, self._doubted = {}, set()

    def _change(self, flow_run: bytes, fold: Fold) -> None:
        for (task, state), runs in self._runs[flow_run].items():
            span = self._spans.get((flow_run, task))
            called = fold.tasks.setdefault(task, span or Called({}, 0, None, None))
            if span is not None:
                called.stretch(span.first, span.started, span.ended)
            left = called.states.get(state, 0) + runs
            called.states[state] = left
            if not left:
                del called.states[state]
        for task in [task for task, called in fold.tasks.items() if not called.states]:
            del fold.tasks[task]
        for (task, upstream), count in self._takes[flow_run].items():
            taken = fold.takes.setdefault(task, {})
            taken[upstream] = taken.get(upstream, 0) + count
        fold.is_known = fold.is_known and flow_run not in self._doubted


def fold_of(connection: Connection, flow_run: bytes) -> Fold:
    """Return what a flow run called."""
    return _load(connection, [flow_run]).get(flow_run) or Fold({}, {})


def ends_of(edges: Sequence[Edge]) -> set[bytes]:
    """Return the runs at both ends of edges."""
    found = {run for run, _, _ in edges}
    found.update([upstream for _, upstream, _ in edges])
    return found


def write_edges(
    connection: Connection,
    edges: Sequence[Edge],
    ends: set[bytes],
    places: dict[bytes, Place],
    folding: Folding,
) -> None:
    """Write edges whose runs are written, and count those within a flow run.

    `places` are those of the runs at their `ends` that are known; the others are looked up.
    """
    rows = list(dict.fromkeys(edges))
    is_new = insert(connection, INSERT_EDGE, rows) == len(rows)
    missing = ends.difference(places)
    if missing:
        places |= {run: (of, task) for run, of, task in _found(connection, _TASKS, missing)}
        missing.difference_update(places)
        missing.difference_update([run for (run,) in _found(connection, _FLOW_RUNS, missing)])
    # Few tasks take results of few: counted first, they are told of once.
    known, nowhere = places.get, _NOWHERE
    taken = Counter([(known(run, nowhere), known(upstream, nowhere)) for run, upstream, _ in rows])
    for ((flow_run, task), (of, giver)), results in taken.items():
        if flow_run is None:
            continue
        if not is_new:
            folding.doubt(flow_run)
        elif of == flow_run:
            folding.take(flow_run, task, giver, results)
    if missing and is_new:
        for run, upstream, _ in rows:
            flow_run = known(run, nowhere)[0]
            if flow_run is not None and upstream in missing:
                folding.doubt(flow_run)


def _load(connection: Connection, flow_runs: list[bytes]) -> dict[bytes, Fold]:
    found: dict[bytes, Fold] = {}
    for some in _lots(flow_runs):
        rows = connection.execute(_LOAD.format(", ".join("?" * len(some))), some)
        found.update((bytes(run), _decode(data)) for run, data in rows)
    return found


def _found(connection: Connection, query: str, runs: set[bytes]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for some in _lots(sorted(runs)):
        values = [some[0], some[-1], *some] if "id >= ?" in query else some
        rows += connection.execute(query.format(", ".join("?" * len(some))), values).fetchall()
    return rows


def _lots(runs: list[bytes]) -> Iterable[list[bytes]]:
    items = iter(runs)
    while lot := list(islice(items, _AT_ONCE)):
        yield lot
