"""Lists runs page by page: the newest first, or the oldest.

A page walks one index, in the order of ids. Which one is decided by looking how many runs each way
holds, up to a bound. What no index answers is looked up row by row: then a page walks a bounded
number of rows, and says how far it came, instead of taking seconds to fill itself.
"""

from __future__ import annotations

import heapq
from typing import Any, Generic

import msgspec

from flowstone.core.states import COMPLETED
from flowstone.store.connection import Connection
from flowstone.store.reading.wanted import (
    Conditions,
    RunsWanted,
    id_range,
    refs_of,
    rest_of,
    states_of,
)
from flowstone.store.selecting import Kind, Row, unusual

WALKED = 5000
"""The rows that one page looks at, at most, for what no index answers: 10 to 30 ms."""
_PROBED = 1000


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """One page of a list. `after` is the id behind which the next one goes on, None at the end.

    `searched_to` is that id where the page is not full: the walk was bounded, and more may follow.
    """

    rows: list[Row]
    after: bytes | None
    searched_to: bytes | None = None


class _Way(msgspec.Struct, frozen=True):
    """One stretch of an index, in the order of ids: of the runs, or (`is_tag`) of their tags."""

    source: str
    id: str
    condition: str
    values: tuple[Any, ...]
    is_tag: bool = False


class _Ways(msgspec.Struct, frozen=True):
    """The ways that together reach all that the conditions named in `covered` allow.

    `are_short` where they hold so few runs that each may be looked at.
    """

    covered: frozenset[str]
    ways: list[_Way]
    are_short: bool = False


class _Walk(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """A list on its way: what every way of it has in common."""

    connection: Connection
    kind: Kind[Row]
    rest: Conditions
    ids: Conditions
    after: bytes | None
    oldest_first: bool

    @property
    def direction(self) -> str:
        return "ASC" if self.oldest_first else "DESC"

    def where(self, way: _Way, *more: str) -> str:
        """Return the conditions of a way that its index answers."""
        texts = [way.condition, *(text.format(id=way.id) for text in self.ids.texts)]
        if self.after is not None:
            texts.append(f"{way.id} {'>' if self.oldest_first else '<'} ?")
        return " AND ".join([*texts, *more])

    def values(self, way: _Way) -> list[Any]:
        """Return the values of `where`."""
        after = [] if self.after is None else [self.after]
        return [*way.values, *self.ids.values, *after]


def list_runs(
    connection: Connection,
    kind: Kind[Row],
    wanted: RunsWanted,
    *,
    limit: int,
    after: bytes | None = None,
    oldest_first: bool = False,
) -> Page[Row]:
    """Return a page of the runs that fit, and where the next one goes on."""
    ways = _cheapest(connection, kind.table, wanted)
    walk = _Walk(
        connection=connection,
        kind=kind,
        rest=rest_of(connection, kind.table, wanted, ways.covered),
        ids=id_range(wanted),
        after=after,
        oldest_first=oldest_first,
    )
    bound = _bound(walk, ways.ways) if walk.rest.texts and not ways.are_short else None
    found = [_rows_of(walk, way, bound, limit + 1) for way in ways.ways]
    merged = heapq.merge(*found, key=lambda row: row[0], reverse=not oldest_first)
    rows: list[Row] = []
    last = None
    for columns in merged:
        if columns[0] == last:
            continue  # a run that has several of the tags
        if len(rows) == limit:
            return Page(rows, rows[-1].id)
        last = columns[0]
        rows.append(kind.make(columns))
    return Page(rows, bound, bound)


def _cheapest(connection: Connection, table: str, wanted: RunsWanted) -> _Ways:
    """Return the ways with the fewest runs, or the first of those with too many to count."""
    candidates = _candidates(connection, table, wanted)
    best, fewest = None, _PROBED
    for one in candidates:
        sizes = _sizes(connection, one.ways)
        if sum(sizes) < fewest:
            held = [way for way, size in zip(one.ways, sizes, strict=True) if size]
            best, fewest = _Ways(one.covered, held, are_short=True), sum(sizes)
    if best is not None:
        return best
    everything = _Ways(frozenset(), [_Way(f"{table} run", "run.id", "1 = 1", ())])
    return candidates[0] if candidates else everything


def _candidates(connection: Connection, table: str, wanted: RunsWanted) -> list[_Ways]:
    """Return the ways that the filter allows, those that usually hold fewer runs first."""
    found = []
    states = states_of(connection, wanted)
    if wanted.flow_run is not None:
        found.append(_of_flow_run(connection, table, wanted.flow_run, states))
    found += [_Ways(frozenset({f"tag {tag}"}), [_tagged(table, tag)]) for tag in wanted.tags_all]
    if wanted.tags_any:
        any_of = [_tagged(table, tag) for tag in dict.fromkeys(wanted.tags_any)]
        found.append(_Ways(frozenset({"tags_any"}), any_of))
    by_state = None
    if states is not None and not (table == "task_run" and COMPLETED in states):
        condition = unusual(table, "run.shown = ?")
        by_state = _Ways(frozenset({"states"}), [_plain(table, condition, ref) for ref in states])
        if COMPLETED not in states:
            found.append(by_state)
    if table == "task_run" and wanted.tasks:
        refs = refs_of(connection, "task", wanted.tasks)
        found.append(
            _Ways(frozenset({"tasks"}), [_plain(table, "run.task = ?", ref) for ref in refs])
        )
    if table == "flow_run" and wanted.flows:
        refs = refs_of(connection, "flow", wanted.flows)
        found.append(
            _Ways(frozenset({"flows"}), [_plain(table, "run.flow = ?", ref) for ref in refs])
        )
    if by_state is not None and by_state not in found:
        found.append(by_state)
    return found


def _of_flow_run(
    connection: Connection, table: str, flow_run: bytes, states: list[int] | None
) -> _Ways:
    if table == "flow_run":
        return _Ways(frozenset({"flow_run"}), [_plain(table, "run.parent_flow_run = ?", flow_run)])
    if states is None or COMPLETED in states:
        return _Ways(frozenset({"flow_run"}), [_plain(table, "run.flow_run = ?", flow_run)])
    rows = connection.execute(
        "SELECT state FROM task_count WHERE flow_run = ? AND runs > 0", (flow_run,)
    )
    here = sorted({ref for (ref,) in rows}.intersection(states))
    condition = unusual(table, "run.flow_run = ? AND run.shown = ?")
    ways = [_plain(table, condition, flow_run, ref) for ref in here]
    return _Ways(frozenset({"flow_run", "states"}), ways)


def _plain(table: str, condition: str, *values: Any) -> _Way:
    return _Way(f"{table} run", "run.id", condition, values)


def _tagged(table: str, tag: str) -> _Way:
    return _Way(f"{table}_tag tagged", "tagged.run", "tagged.tag = ?", (tag,), is_tag=True)


def _sizes(connection: Connection, ways: list[_Way]) -> list[int]:
    """Return how many runs each way holds, at most `_PROBED`, in one question."""
    if not ways:
        return []
    counts = [
        f"(SELECT count(*) FROM (SELECT {way.id} FROM {way.source} WHERE {way.condition} "  # noqa: S608
        f"LIMIT {_PROBED}) found)"
        for way in ways
    ]
    values = [value for way in ways for value in way.values]
    return list(connection.execute(f"SELECT {', '.join(counts)}", values).fetchone())


def _bound(walk: _Walk[Row], ways: list[_Way]) -> bytes | None:
    """Return the last id that this page looks at on any way, None where it reaches the end."""
    bounds: list[bytes] = []
    for way in ways:
        row = walk.connection.execute(
            f"SELECT {way.id} FROM {way.source} WHERE {walk.where(way)} "  # noqa: S608 - our names
            f"ORDER BY {way.id} {walk.direction} LIMIT 1 OFFSET {WALKED // len(ways)}",
            walk.values(way),
        ).fetchone()
        if row is not None:
            bounds.append(row[0])
    if not bounds:
        return None
    return min(bounds) if walk.oldest_first else max(bounds)


def _rows_of(walk: _Walk[Row], way: _Way, bound: bytes | None, limit: int) -> list[tuple[Any, ...]]:
    more, values = list[str](), walk.values(way)
    if bound is not None:
        more.append(f"{way.id} {'<=' if walk.oldest_first else '>='} ?")
        values.append(bound)
    table, where = walk.kind.table, walk.where(way, *more)
    source, conditions = f"{table} run", [where, *walk.rest.texts]
    if way.is_tag:
        # The inner LIMIT keeps planners from reading all runs to find those with the tag.
        most = WALKED + 1 if walk.rest.texts else limit
        source = (
            f"(SELECT run FROM {way.source} WHERE {where} "  # noqa: S608 - our own names
            f"ORDER BY tagged.run {walk.direction} LIMIT {most}) tagged CROSS JOIN {table} run"
        )
        conditions = ["run.id = tagged.run", *walk.rest.texts]
    return walk.connection.execute(
        f"SELECT {walk.kind.columns} FROM {source} {walk.kind.joins} "  # noqa: S608 - our names
        f"WHERE {' AND '.join(conditions)} ORDER BY {way.id} {walk.direction} LIMIT {limit}",
        [*values, *walk.rest.values],
    ).fetchall()
