"""How answers are written: JSON for programs, tables and blocks of text for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from flowstone.cli.table import Column, Row, table
from flowstone.cli.terminal import has_colors, paint_state, printable, width

_SHORTEST_ID = 13
"""The first 13 characters of an id are its millisecond: enough for most flow runs."""


def print_json(value: Any) -> None:
    """Print a value as JSON with two spaces of indent."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Print rows as a table that fits the terminal."""
    print(table(columns, rows, width(os.environ), colors=has_colors(os.environ)))


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns; fields without a value are left out."""
    longest = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value:
            print(f"{name.ljust(longest)}  {printable(value)}")


def colored_state(name: str, state_type: str) -> str:
    """Return a state's name, coloured where colours are shown."""
    name = printable(name)
    return paint_state(name, state_type) if has_colors(os.environ) else name


def shown_ids(ids: Sequence[str]) -> list[str]:
    """Return ids as a table shows them: on a terminal only as much as tells these ones apart."""
    available = width(os.environ)
    if available is None or available >= 120:
        return list(ids)
    length = _SHORTEST_ID
    while length < 24 and len({text[:length] for text in ids}) < len(ids):
        length += 1
    if len({text[:length] for text in ids}) < len(ids):
        return list(ids)
    return [text[:length].rstrip("-") for text in ids]


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: `1 flow run`, `2 flow runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Return a number of bytes to look at: `812 B`, `3.4 KiB`, `64.0 MiB`."""
    if count < 1024:
        return f"{count} B"
    number, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.1f} {unit}"
