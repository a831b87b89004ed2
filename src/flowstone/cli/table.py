"""A plain table that fits the terminal: it drops the least columns first, then cuts the longest."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flowstone.cli.terminal import columns_of, cut, paint_state, printable

_GAP = "  "


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table.

    `least` is how narrow it may be cut (0: never cut), `drop` how early it goes where even that
    does not fit, or where all its cells are empty (0: never), `right` aligns it to the right,
    `is_state` colours it.
    """

    title: str
    least: int = 0
    drop: int = 0
    right: bool = False
    is_state: bool = False


class Row(msgspec.Struct, frozen=True):
    """The cells of one row, and the state type that gives its state the colour."""

    cells: Sequence[str]
    state_type: str = ""


def table(
    columns: Sequence[Column], rows: Sequence[Row], width: int | None, *, colors: bool
) -> str:
    """Return the table as text, at most `width` columns wide where that can be had."""
    cells = [[printable(cell) for cell in row.cells] for row in rows]
    widths = [
        max([columns_of(column.title), *(columns_of(row[i]) for row in cells)])
        for i, column in enumerate(columns)
    ]
    is_empty = [not any(row[i] for row in cells) for i in range(len(columns))]
    kept = _fit(columns, widths, is_empty, width)
    lines = [_GAP.join(_pad(columns[i].title, widths[i], columns[i]) for i in kept).rstrip()]
    for row, texts in zip(rows, cells, strict=True):
        line = []
        for i in kept:
            text = _pad(cut(texts[i], widths[i]), widths[i], columns[i])
            line.append(_paint(text, row) if colors and columns[i].is_state else text)
        lines.append(_GAP.join(line).rstrip())
    return "\n".join(lines)


def _fit(
    columns: Sequence[Column], widths: list[int], is_empty: Sequence[bool], width: int | None
) -> list[int]:
    """Return which columns stay, after cutting `widths` in place until they fit."""
    kept = [i for i, column in enumerate(columns) if not (column.drop and is_empty[i])]
    if width is None:
        return kept
    while len(kept) > 1:
        least = [min(widths[i], columns[i].least or widths[i]) for i in kept]
        first_to_go = max(kept, key=lambda i: columns[i].drop)
        if _total(least) <= width or not columns[first_to_go].drop:
            break
        kept.remove(first_to_go)
    while _total([widths[i] for i in kept]) > width:
        can_shrink = [i for i in kept if columns[i].least and widths[i] > columns[i].least]
        if not can_shrink:
            break
        widths[max(can_shrink, key=lambda i: widths[i])] -= 1
    return kept


def _total(widths: list[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _pad(text: str, width: int, column: Column) -> str:
    space = " " * (width - columns_of(text))
    return space + text if column.right else text + space


def _paint(text: str, row: Row) -> str:
    bare = text.rstrip()
    return paint_state(bare, row.state_type) + text[len(bare) :]
