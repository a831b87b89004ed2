"""What dashboards show: all of it from the roll-ups, so that no page ever counts runs."""

from __future__ import annotations

import msgspec

from flowstone.core.states import COMPLETED, CRASHED, FAILED, NOT_READY, TERMINAL, TYPES
from flowstone.store.buckets import from_blob, percentiles
from flowstone.store.connection import Connection
from flowstone.store.counts import HOUR, MINUTE
from flowstone.store.days import parts_of
from flowstone.store.reading.details import StateCount

DAY = 24 * HOUR
# Added up before any row is joined or fetched: 90 days of hours are some ten thousand rows.
_HOURS = """
    SELECT start, state.type, state.name, runs FROM (
        SELECT hour / {width} AS start, state AS ref, sum(runs) AS runs FROM {table}
        WHERE hour >= ? AND hour < ? GROUP BY hour / {width}, state
    ) counted JOIN state ON state.ref = counted.ref WHERE runs > 0
"""
_LATE = "SELECT hour / {width}, took FROM late_hour WHERE hour >= ? AND hour < ?"
_OPEN = """
    SELECT state.type, state.name, runs FROM (
        SELECT state AS ref, sum(runs) AS runs FROM {table} GROUP BY state
    ) counted JOIN state ON state.ref = counted.ref WHERE runs > 0
"""
_COUNTED = """
    SELECT counted.ref, counted.day, state.type, state.name, counted.runs FROM (
        SELECT {kind} AS ref, {day} AS day, state, {runs} AS runs FROM {kind}_day
        WHERE day IN ({days}) AND {kind} IN ({refs}) {group}
    ) counted JOIN state ON state.ref = counted.state WHERE counted.runs > 0
"""
_TOOK = "SELECT {kind}, day, took FROM {kind}_took WHERE day IN ({days}) AND {kind} IN ({refs})"
# Of days and stretches that together are a time (`parts_of`): the days outside of it are in both.
_SUMMED = (
    "CAST(sum(CASE WHEN day >= 0 AND (day < ? OR day >= ?) THEN -runs ELSE runs END) AS INTEGER)"
)


class Bucket(msgspec.Struct, frozen=True):
    """How many runs that were created in a stretch of time are in each state now."""

    start: int
    states: list[StateCount]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of a task or flow went in a stretch of time.

    `middle` and `slow` are the 50th and 95th percentile of durations in nanoseconds, to a tenth.
    `hits` are runs that took a kept result, `saved` the nanoseconds that this spared, about.
    """

    day: int
    runs: int
    failed: int
    ended: int
    hits: int
    middle: int | None
    slow: int | None
    states: list[StateCount]

    @property
    def saved(self) -> int:
        """What was spared: each hit about the median of what really ran."""
        return self.hits * (self.middle or 0)


class Counted(msgspec.Struct, frozen=True):
    """Runs of one definition that were created on one day and are in one state."""

    ref: int
    day: int
    type: int
    name: str
    runs: int


class Sums(msgspec.Struct, frozen=True):
    """What was counted of some definitions; `took` are their durations by day, as in `buckets`."""

    parts: list[Counted]
    took: dict[int, int]


def history(connection: Connection, kind: str, since: int, until: int, width: int) -> list[Bucket]:
    """Return counts by state of `task` or `flow` runs, by stretches of `width` hours.

    Only stretches in which there are runs; their `start` is nanoseconds since 1970.
    """
    query = _HOURS.format(table=f"{kind}_hour", width=width)
    found: dict[int, dict[tuple[int, str], int]] = {}
    rows = connection.execute(query, (since // HOUR, -(-until // HOUR)))
    for start, number, name, runs in rows:
        found.setdefault(start, {})[number, name] = int(runs)
    return [
        Bucket(start * width * HOUR, _counts(states)) for start, states in sorted(found.items())
    ]


def totals(buckets: list[Bucket]) -> list[StateCount]:
    """Return the counts of several stretches together."""
    found: dict[tuple[int, str], int] = {}
    for bucket in buckets:
        for one in bucket.states:
            key = (_NUMBERS[one.type], one.name)
            found[key] = found.get(key, 0) + one.runs
    return _counts(found)


def open_now(connection: Connection, kind: str) -> list[StateCount]:
    """Return how many `task` or `flow` runs are open, by state, whenever they were created."""
    rows = connection.execute(_OPEN.format(table=f"{kind}_hour"))
    states = {
        (number, name): int(runs)
        for number, name, runs in rows
        if number not in TERMINAL and name != NOT_READY
    }
    return _counts(states)


def per_minute(connection: Connection, since: int, until: int) -> list[tuple[int, int]]:
    """Return how many task runs were created in each minute that has some."""
    rows = connection.execute(
        "SELECT minute, runs FROM task_minute WHERE minute >= ? AND minute < ? AND runs > 0 "
        "ORDER BY minute",
        (since // MINUTE, -(-until // MINUTE)),
    )
    return [(minute * MINUTE, int(runs)) for minute, runs in rows]


def lateness(connection: Connection, since: int, until: int, width: int) -> dict[int, list[int]]:
    """Return the 50th, 95th and 99th percentile of the time from created to started.

    By the beginning of stretches of `width` hours, all in nanoseconds.
    """
    found: dict[int, int] = {}
    query = _LATE.format(width=width)
    for start, took in connection.execute(query, (since // HOUR, -(-until // HOUR))):
        hour = start * width * HOUR
        found[hour] = found.get(hour, 0) + from_blob(took)
    return {
        hour: percentiles(counts, 0.5, 0.95, 0.99) or [0, 0, 0]
        for hour, counts in sorted(found.items())
    }


def sums_of_each(
    connection: Connection,
    kind: str,
    since: int,
    until: int,
    owners: dict[int, str],
    *,
    by_day: bool = False,
) -> dict[str, Sums]:
    """Return what was counted of some rows of tasks or flows (`kind`), by the names they go under.

    Without `by_day` all days are added up, as day 0.
    """
    if not owners:
        return {}
    first, last = since // DAY, -(-until // DAY)
    days = list(range(first, last)) if by_day else parts_of(first, last)
    words = {
        "kind": kind,
        "days": ", ".join("?" * len(days)),
        "refs": ", ".join("?" * len(owners)),
        "day": "day" if by_day else "0",
        "runs": "runs" if by_day else _SUMMED,
        "group": "" if by_day else f"GROUP BY {kind}, state",
    }
    found = {name: Sums([], {}) for name in owners.values()}
    values = [*days, *owners] if by_day else [first, last, *days, *owners]
    for ref, *rest in connection.execute(_COUNTED.format(**words), values).fetchall():
        found[owners[ref]].parts.append(Counted(ref, *rest))
    for ref, day, took in connection.execute(_TOOK.format(**words), [*days, *owners]).fetchall():
        of_days = found[owners[ref]].took
        shown = day if by_day else 0
        counts = from_blob(took) if day < 0 or first <= day < last else -from_blob(took)
        of_days[shown] = of_days.get(shown, 0) + counts
    return found


def runs_of_each(connection: Connection, kind: str, since: int, until: int) -> dict[int, int]:
    """Return how many runs each task or flow (`kind`) has that were created in a time."""
    first, last = since // DAY, -(-until // DAY)
    days = parts_of(first, last)
    rows = connection.execute(
        f"SELECT {kind}, {_SUMMED} FROM {kind}_day WHERE day IN ({', '.join('?' * len(days))}) "  # noqa: S608
        f"GROUP BY {kind}",
        [first, last, *days],
    )
    return dict(rows.fetchall())


def trend_of(day: int, sums: Sums) -> Trend:
    """Return what some counts say together."""
    states: dict[tuple[int, str], int] = {}
    hits = failed = ended = 0
    for one in sums.parts:
        states[one.type, one.name] = states.get((one.type, one.name), 0) + one.runs
        hits += one.runs if one.type == COMPLETED and one.name == "Cached" else 0
        failed += one.runs if one.type in (FAILED, CRASHED) else 0
        ended += one.runs if one.type in TERMINAL else 0
    middle, slow = percentiles(sum(sums.took.values()), 0.5, 0.95) or (None, None)
    return Trend(
        day=day * DAY,
        runs=sum(one.runs for one in sums.parts),
        failed=failed,
        ended=ended,
        hits=hits,
        middle=middle,
        slow=slow,
        states=_counts(states),
    )


def by_day(sums: Sums) -> list[Trend]:
    """Return a trend for each day that has runs, the oldest first."""
    days: dict[int, list[Counted]] = {}
    for one in sums.parts:
        days.setdefault(one.day, []).append(one)
    return [
        trend_of(day, Sums(some, {day: sums.took.get(day, 0)}))
        for day, some in sorted(days.items())
    ]


_NUMBERS = {kind.value: number for number, kind in enumerate(TYPES)}


def _counts(states: dict[tuple[int, str], int]) -> list[StateCount]:
    return [
        StateCount(TYPES[number].value, name, int(runs))
        for (number, name), runs in sorted(states.items())
    ]
