"""Log lines, page by page: of a run, or of all; by level and by what they say.

What no index answers is looked up line by line, a bounded number of lines a page.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flowstone.store.connection import Connection
from flowstone.store.reading.wanted import containing

WALKED = 20_000
"""The lines that one page looks at, at most."""
WARNING = 30
_SWAPPED = 100
"""How many lines of one process may lie before one that its threads made earlier."""
_WORDS = re.compile(r'(-?)"([^"]*)"|(-?)(\S+)')
_ORDER = "line.at, line.log, line.position"


class LineKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a line stands among all: its time, its log, its place in there."""

    at: int
    log: int
    position: int


class LinesWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines to list: of a flow run, a task run, or both.

    `level` is the lowest; `text` holds words, "phrases" and -excluded ones; `task` is the name of a
    task whose runs wrote them.
    """

    flow_run: bytes | None = None
    task_run: bytes | None = None
    task: str | None = None
    level: int = 0
    text: str = ""
    at_after: int | None = None
    at_before: int | None = None


class Line(msgspec.Struct, frozen=True):
    """One line, and where it stands."""

    place: LineKey
    level: int
    logger: str
    message: str
    flow_run: bytes | None
    task_run: bytes | None
    flow_run_name: str | None
    task_run_name: str | None
    task: str | None


class LinesPage(msgspec.Struct, frozen=True):
    """Lines in the asked order, and where the next page goes on; `searched_to` as in lists."""

    lines: list[Line]
    after: LineKey | None
    searched_to: LineKey | None = None


def list_lines(
    connection: Connection,
    wanted: LinesWanted,
    *,
    limit: int,
    after: LineKey | None = None,
    newest_first: bool = False,
) -> LinesPage:
    """Return a page of the lines that fit, in the order of time."""
    way, values = _way(wanted)
    if after is not None:
        # The first condition is what the index answers, the second tells lines of one moment apart.
        sign = "<" if newest_first else ">"
        way.append(f"line.at {sign}= ?")
        way.append(f"({_ORDER}) {sign} (?, ?, ?)")
        values += [after.at, after.at, after.log, after.position]
    rest, rest_values = _rest(wanted)
    order = ", ".join(f"{one} {'DESC' if newest_first else 'ASC'}" for one in _ORDER.split(", "))
    bound = _bound(connection, way, values, order) if rest else None
    conditions, given = [*way, *rest], [*values, *rest_values]
    if bound is not None:
        conditions.append(f"({_ORDER}) {'>=' if newest_first else '<='} (?, ?, ?)")
        given += [bound.at, bound.log, bound.position]
    rows = connection.execute(
        "SELECT line.at, line.log, line.position, line.level, line.logger, line.message, "  # noqa: S608
        "line.flow_run, line.task_run, owner.name, run.name, task.name FROM log_line line "
        "LEFT JOIN flow_run owner ON owner.id = line.flow_run "
        "LEFT JOIN task_run run ON run.id = line.task_run LEFT JOIN task ON task.ref = run.task "
        f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT {limit + 1}",
        given,
    ).fetchall()
    lines = [Line(LineKey(*row[:3]), *row[3:]) for row in rows]
    if len(lines) > limit:
        return LinesPage(lines[:limit], lines[limit - 1].place)
    return LinesPage(lines, bound, bound)


def newer_lines(
    connection: Connection, wanted: LinesWanted, seen: dict[int, int], since: int, limit: int
) -> list[Line]:
    """Return `limit` lines from `since` on that lie behind what was `seen` of each log.

    The processes of one flow run write logs of their own, which come here at different times: the
    order of times alone would pass over the lines of the slower one. Threads of one process may
    write a line before an older one: that comes too, beyond the limit.
    """
    newest = msgspec.structs.replace(wanted, at_after=since)
    found: list[Line] = []
    after: LineKey | None = None
    while True:
        page = list_lines(connection, newest, limit=limit + _SWAPPED, after=after)
        found += [line for line in page.lines if line.place.position > seen.get(line.place.log, -1)]
        after = page.after
        if after is None or len(found) >= limit + _SWAPPED:
            break
    last: dict[int, int] = {}
    for line in found[:limit]:
        last[line.place.log] = max(line.place.position, last.get(line.place.log, -1))
    older = [one for one in found[limit:] if one.place.position < last.get(one.place.log, -1)]
    return found[:limit] + older


def _way(wanted: LinesWanted) -> tuple[list[str], list[Any]]:
    """Return the conditions that an index answers."""
    texts, values = [], list[Any]()
    if wanted.task_run is not None:
        texts, values = ["line.task_run = ?"], [wanted.task_run]
    elif wanted.flow_run is not None:
        texts, values = ["line.flow_run = ?"], [wanted.flow_run]
    if wanted.level >= WARNING and wanted.task_run is None and wanted.flow_run is not None:
        texts.append(f"line.level >= {WARNING}")
    for sign, at in ((">=", wanted.at_after), ("<", wanted.at_before)):
        if at is not None:
            texts.append(f"line.at {sign} ?")
            values.append(at)
    return texts or ["1 = 1"], values


def _rest(wanted: LinesWanted) -> tuple[list[str], list[Any]]:
    texts, values = list[str](), list[Any]()
    if wanted.level > 0:
        texts.append("line.level >= ?")
        values.append(wanted.level)
    if wanted.task_run is not None and wanted.flow_run is not None:
        texts.append("+line.flow_run = ?")
        values.append(wanted.flow_run)
    if wanted.task is not None:
        texts.append("task.name = ?")
        values.append(wanted.task)
    for excluded, phrase in words_of(wanted.text):
        has = r"(lower(line.message) LIKE ? ESCAPE '\' OR line.message LIKE ? ESCAPE '\')"
        texts.append(f"NOT {has}" if excluded else has)
        values += [containing(phrase.lower()), containing(phrase)]
    return texts, values


def words_of(text: str) -> list[tuple[bool, str]]:
    """Return what a search looks for: whether it must not be there, and the word or phrase."""
    found = []
    for minus, phrase, minus_word, word in _WORDS.findall(text):
        if phrase or word:
            found.append((bool(minus or minus_word), phrase or word))
    return found


def _bound(connection: Connection, way: list[str], values: list[Any], order: str) -> LineKey | None:
    row = connection.execute(
        f"SELECT {_ORDER} FROM log_line line WHERE {' AND '.join(way)} ORDER BY {order} "  # noqa: S608
        f"LIMIT 1 OFFSET {WALKED}",
        values,
    ).fetchone()
    return None if row is None else LineKey(*row)
