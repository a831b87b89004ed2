"""Puts the SQL that the store is written in into the words of Postgres: text in, text out."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_TOKENS = re.compile(
    r"""
    (?P<text> '(?:[^']|'')*' )
    | (?P<comment> --[^\n]* )
    | (?P<several> (?P<no> \bNOT\s+ )? \bIN\s\(\?(?:,\s\?)+\) )
    | (?P<mark> \? )
    | (?P<hint> (?<=[\s(])\+(?=[a-z_]) )
    | (?P<most> \b(?P<which> max|min)\((?P<first> [^(),]+),(?P<second> [^(),]+)\) )
    | (?P<cast> \bAS\s+(?P<kind> INTEGER|REAL|BLOB)(?=\s*\)) )
    """,
    re.VERBOSE,
)
_TYPES = {"INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea"}
_GREATEST = {"max": "greatest", "min": "least"}


class Translated(msgspec.Struct, frozen=True):
    """A statement with `$n` for its values, each of which stands for so many question marks."""

    text: str
    sizes: tuple[int, ...]


@lru_cache(4096)
def translate(statement: str) -> Translated:
    """Return a statement as Postgres reads it.

    A list of question marks behind `IN` becomes one value, an array: so its length is not part of
    the statement, which is planned once. The `+` that keeps SQLite from an index is dropped.
    """
    sizes: list[int] = []

    def replaced(found: re.Match[str]) -> str:
        if found["several"]:
            sizes.append(found["several"].count("?"))
            return f"<> ALL(${len(sizes)})" if found["no"] else f"= ANY(${len(sizes)})"
        if found["mark"]:
            sizes.append(1)
            return f"${len(sizes)}"
        if found["most"]:
            one, other = (_TOKENS.sub(replaced, found[side]) for side in ("first", "second"))
            return f"{_GREATEST[found['which']]}({one},{other})"
        if found["cast"]:
            return f"AS {_TYPES[found['kind']]}"
        return found["text"] or ""  # hints and comments are dropped

    return Translated(_TOKENS.sub(replaced, statement), tuple(sizes))


_INSERT = re.compile(r"\s*(INSERT INTO \w+\s*\([^()]*\)\s*)VALUES\s*\(([^()]*)\)([^$]*)", re.DOTALL)
_UPDATE = re.compile(r"\s*(UPDATE .*?)\bWHERE\b(.*)", re.DOTALL)
_DELETE = re.compile(r"\s*(DELETE FROM \w+\s+)WHERE\b(.*)", re.DOTALL)


def for_all_rows(text: str, types: list[str]) -> str | None:
    """Return a translated statement that works on all rows at once, given as an array a column.

    None where there is no such form of it. `types` are those of its values.
    """
    arrays = ", ".join(f"${number}::{one}[]" for number, one in enumerate(types, 1))
    names = ", ".join(f"c{number}" for number in range(1, len(types) + 1))
    source = f"unnest({arrays}) AS given ({names})"
    if found := _INSERT.fullmatch(text):
        into, values, rest = found.groups()
        return f"{into}SELECT {_columns(values)} FROM {source} {rest}"  # noqa: S608 - as it came
    if found := _UPDATE.fullmatch(text):
        change, where = found.groups()
        return f"{_columns(change)} FROM {source} WHERE {_columns(where)}"
    if found := _DELETE.fullmatch(text):
        return f"{found[1]} USING {source} WHERE {_columns(found[2])}"
    return None


def _columns(text: str) -> str:
    return re.sub(r"\$(\d+)", r"given.c\1", text)
