"""Flows and tasks by name: what their versions say of themselves, their last runs, their trends."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.reading.rollups import DAY, Sums, Trend, sums_of_each, trend_of
from flowstone.store.spent import id_at

Noun = Literal["flow", "task"]
_LATELY = 10 * DAY
_COLUMNS = {
    "flow": "ref, name, version, description, tags, retries, entrypoint, NULL",
    "task": "ref, name, version, description, tags, retries, NULL, key",
}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a flow or task. `entrypoint` is of flows only, `key` of tasks."""

    ref: int
    version: str | None
    description: str | None
    tags: tuple[str, ...]
    retries: int
    entrypoint: str | None
    key: str | None


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A flow or task. `versions` has the newest last; `trend` is over the time that was asked for.

    `last` is the id of its newest run.
    """

    name: str
    versions: list[Version]
    last: bytes | None
    counted: Sums

    @property
    def newest(self) -> Version:
        """The version that was first seen last."""
        return self.versions[-1]

    @property
    def trend(self) -> Trend:
        """What all its counts say together."""
        return trend_of(0, self.counted)


def definitions(
    connection: Connection,
    kind: Noun,
    *,
    since: int,
    until: int,
    limit: int,
    after: str = "",
    search: str = "",
    name: str | None = None,
) -> list[Definition]:
    """Return flows or tasks in the order of their names, those behind `after`; or the one `name`.

    `search` is part of a name, in any case. Counts are of runs created from `since` to `until`
    (nanoseconds since 1970), of one that is named day by day.
    """
    names = [name] if name is not None else _names(connection, kind, after, search, limit)
    if not names:
        return []
    marks = ", ".join("?" * len(names))
    rows = connection.execute(
        f"SELECT {_COLUMNS[kind]} FROM {kind} WHERE name IN ({marks}) ORDER BY name, ref",  # noqa: S608
        names,
    ).fetchall()
    if not rows:
        return []
    versions: dict[str, list[Version]] = {}
    for ref, found, *rest in rows:
        versions.setdefault(found, []).append(_version(ref, rest))
    owners = {row[0]: row[1] for row in rows}
    counts = sums_of_each(connection, kind, since, until, owners, by_day=name is not None)
    last = _last_of_each(connection, kind, list(owners))
    return [
        Definition(
            name=found,
            versions=some,
            last=max(filter(None, (last[one.ref] for one in some)), default=None),
            counted=counts[found],
        )
        for found, some in versions.items()
    ]


def _names(connection: Connection, kind: Noun, after: str, search: str, limit: int) -> list[str]:
    rows = connection.execute(
        f"SELECT DISTINCT name FROM {kind} WHERE name > ? ORDER BY name",  # noqa: S608 - our own names
        (after,),
    )
    wanted = search.casefold()
    found = []
    for (name,) in rows:
        if wanted in name.casefold():
            found.append(name)
            if len(found) == limit:
                break
    return found


def _version(ref: int, rest: list[Any]) -> Version:
    version, description, tags, retries, entrypoint, key = rest
    return Version(
        ref=ref,
        version=version or None,
        description=description,
        tags=tuple(msgspec.json.decode(tags)) if tags else (),
        retries=retries,
        entrypoint=entrypoint,
        key=key,
    )


def _last_of_each(connection: Connection, kind: Noun, refs: list[int]) -> dict[int, bytes | None]:
    """Return the newest run of each task or flow, in two questions.

    The first is of what ran lately: so Postgres looks at a few weeks for each, not at all of them.
    """
    found = _newest(connection, kind, refs, id_at(time.time_ns() - _LATELY))
    missing = [ref for ref, run in found.items() if run is None]
    return found | _newest(connection, kind, missing, b"")


def _newest(
    connection: Connection, kind: Noun, refs: list[int], after: bytes
) -> dict[int, bytes | None]:
    if not refs:
        return {}
    marks = ", ".join("?" * len(refs))
    rows = connection.execute(
        f"SELECT ref, (SELECT run.id FROM {kind}_run run WHERE run.{kind} = one.ref "  # noqa: S608
        f"AND run.id >= ? ORDER BY run.id DESC LIMIT 1) FROM {kind} one WHERE ref IN ({marks})",
        [after, *refs],
    )
    return {ref: None if run is None else bytes(run) for ref, run in rows}
