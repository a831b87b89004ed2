"""What narrows a list of runs, and the SQL conditions that say it."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.core.states import TERMINAL, TYPES
from flowstone.store.connection import Connection

RUN_END = "CASE WHEN run.is_open = 0 THEN coalesce(run.mark_at, run.at) END"
"""When a run ended, NULL while it is open."""
_OPEN = {kind.casefold() for number, kind in enumerate(TYPES) if number not in TERMINAL}
_TOOK = "coalesce({end}, ?) - run.started"
_AFTER_ALL_OF_A_MILLISECOND = (1 << 80) - 1


class RunsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs to list: those that fit all that is given.

    Times are nanoseconds since 1970, durations nanoseconds; an `…_after` is the first moment that
    fits, an `…_before` the first that does not. Of `states` (names or types, in any case), `types`,
    `flows`, `tasks` (names) and `tags_any` one must fit. `flow_run` wants the task runs of a flow
    run, or its subflow runs; `parent` what a task run called. `now` is when open runs are looked
    at, whose durations grow.
    """

    states: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    name: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    started_after: int | None = None
    started_before: int | None = None
    ended_after: int | None = None
    ended_before: int | None = None
    longest: int | None = None
    shortest: int | None = None
    has_parent: bool | None = None
    parent: bytes | None = None
    flow_run: bytes | None = None
    attempt_min: int | None = None
    attempt_max: int | None = None
    is_open: bool | None = None
    is_seen: bool | None = None
    now: int = 0


class Conditions:
    """Conditions joined by AND, with the values for their question marks."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        """Add one condition."""
        self.texts.append(text)
        self.values.extend(values)

    def within(self, column: str, found: list[int]) -> None:
        """Add that a column has one of some values; none fits where there are none."""
        self.add(f"{column} IN ({', '.join('?' * len(found))})" if found else "1 = 0", *found)


def states_of(connection: Connection, wanted: RunsWanted) -> list[int] | None:
    """Return the rows of the states that are wanted, None where any will do."""
    if not wanted.states and not wanted.types and not wanted.is_open:
        return None
    states = {text.casefold() for text in wanted.states}
    types = {text.casefold() for text in wanted.types}
    if wanted.is_open and not types:
        types = _OPEN
    found = []
    for ref, number, name in connection.execute("SELECT ref, type, name FROM state ORDER BY ref"):
        kind = TYPES[number].casefold()
        if states and not states & {name.casefold(), kind}:
            continue
        if not types or kind in types:
            found.append(ref)
    return found


def refs_of(connection: Connection, table: str, names: tuple[str, ...]) -> list[int]:
    """Return the rows of definitions (`task` or `flow`) that have one of some names."""
    marks = ", ".join("?" * len(names))
    rows = connection.execute(f"SELECT ref FROM {table} WHERE name IN ({marks})", names)  # noqa: S608
    return [ref for (ref,) in rows]


def id_range(wanted: RunsWanted) -> Conditions:
    """Return what bounds the ids of runs: they begin with the milliseconds of their creation."""
    found = Conditions()
    if wanted.created_after is not None:
        found.add("{id} >= ?", _id_at(wanted.created_after, 0))
    before = [wanted.created_before, wanted.started_before, wanted.ended_before]
    latest = min((at for at in before if at is not None), default=None)
    if latest is not None:  # what starts or ends before a moment was created before it
        found.add("{id} <= ?", _id_at(latest, _AFTER_ALL_OF_A_MILLISECOND))
    return found


def rest_of(
    connection: Connection, table: str, wanted: RunsWanted, covered: frozenset[str]
) -> Conditions:
    """Return the conditions that each row must be looked at for.

    `covered` names those that the walked index answers already. The `+` keeps the planner from
    another index than the chosen one.
    """
    found = Conditions()
    _bounds(found, wanted)
    states = None if "states" in covered else states_of(connection, wanted)
    if states is not None:
        found.within("+run.shown", states)
    if wanted.flows and "flows" not in covered:
        refs = refs_of(connection, "flow", wanted.flows)
        found.within("+run.flow" if table == "flow_run" else "+owner.flow", refs)
    if wanted.tasks and table == "task_run" and "tasks" not in covered:
        found.within("+run.task", refs_of(connection, "task", wanted.tasks))
    if wanted.flow_run is not None and "flow_run" not in covered:
        found.add(f"+run.{_parent(table)} = ?", wanted.flow_run)
    _tags(found, table, wanted, covered)
    _others(found, table, wanted)
    return found


def _bounds(found: Conditions, wanted: RunsWanted) -> None:
    columns = (
        ("+run.created", wanted.created_after, wanted.created_before),
        ("+run.started", wanted.started_after, wanted.started_before),
        (RUN_END, wanted.ended_after, wanted.ended_before),
    )
    for column, after, before in columns:
        if after is not None:
            found.add(f"{column} >= ?", after)
        if before is not None:
            found.add(f"{column} < ?", before)
    took = _TOOK.format(end=RUN_END)
    if wanted.shortest is not None:
        found.add(f"{took} >= ?", wanted.now, wanted.shortest)
    if wanted.longest is not None:
        found.add(f"{took} <= ?", wanted.now, wanted.longest)
    if wanted.attempt_min is not None:
        found.add("run.attempt >= ?", wanted.attempt_min)
    if wanted.attempt_max is not None:
        found.add("run.attempt <= ?", wanted.attempt_max)


def _tags(found: Conditions, table: str, wanted: RunsWanted, covered: frozenset[str]) -> None:
    has = f"EXISTS (SELECT 1 FROM {table}_tag one WHERE one.run = run.id AND one.tag = ?)"  # noqa: S608
    for tag in wanted.tags_all:
        if f"tag {tag}" not in covered:
            found.add(has, tag)
    if wanted.tags_any and "tags_any" not in covered:
        found.add(f"({' OR '.join([has] * len(wanted.tags_any))})", *wanted.tags_any)
    for tag in wanted.tags_none:
        found.add(f"NOT {has}", tag)


def _others(found: Conditions, table: str, wanted: RunsWanted) -> None:
    if wanted.name:
        # Lower case is that of ASCII in SQLite; other letters are found as they are written.
        as_is, folded = containing(wanted.name), containing(wanted.name.lower())
        found.add(
            r"(lower(run.name) LIKE ? ESCAPE '\' OR run.name LIKE ? ESCAPE '\')", folded, as_is
        )
    if wanted.parent is not None:
        found.add("run.parent = ?", wanted.parent)
    if wanted.has_parent is not None:
        columns = ["run.parent"] + (["run.parent_flow_run"] if table == "flow_run" else [])
        any_of = " OR ".join(f"{column} IS NOT NULL" for column in columns)
        found.add(f"({any_of})" if wanted.has_parent else f"NOT ({any_of})")
    if wanted.is_open is not None:
        found.add("+run.is_open = ?", int(wanted.is_open))
    if wanted.is_seen is not None and table == "flow_run":
        seen = "coalesce(run.seen >= coalesce(run.mark_at, run.at), 1 = 0)"
        found.add(seen if wanted.is_seen else f"NOT {seen}")


def _parent(table: str) -> str:
    return "parent_flow_run" if table == "flow_run" else "flow_run"


def containing(part: str) -> str:
    """Return the pattern of `LIKE` for texts that hold a part; a backslash is its escape."""
    for special in "\\%_":
        part = part.replace(special, "\\" + special)
    return f"%{part}%"


def _id_at(at: int, rest: int) -> bytes:
    """Return the first (or with a rest the last) id of a moment's millisecond."""
    return (max(0, at) // 1_000_000 << 80 | rest).to_bytes(16, "big")
