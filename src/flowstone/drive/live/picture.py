"""The lines that show a view: a tree of flow runs with their maps, what runs long, what failed."""

from __future__ import annotations

from io import StringIO

import msgspec

from flowstone.core.durations import duration
from flowstone.drive.live.lookout import FlowView, MapView, View

LEAST_ROWS = 6
"""Rows of a terminal in which there is room for anything."""
LEAST_COLUMNS = 20
_BAR = 40
_NAMES = 30
"""Columns that names of flow runs get before the counts go to a line of their own."""
_STYLES = {
    "running": "cyan",
    "awaiting retry": "yellow",
    "completed": "green",
    "cached": "green",
    "failed": "bold red",
    "timedout": "bold red",
    "crashed": "bold magenta",
    "cancelled": "yellow",
}
_ORDER = {name: place for place, name in enumerate(["running", "waiting", *list(_STYLES)[1:]])}

Span = tuple[str, str]
"""A text and its style, in the words of rich."""


class Line(msgspec.Struct, frozen=True):
    """One line. The left part gives way where there is not room for both; `pad` is its width."""

    left: list[Span]
    right: list[Span] = []
    pad: int = 0


class Entry(msgspec.Struct, frozen=True):
    """Lines that are shown or left out together; those that are over are left out first."""

    lines: list[Line]
    is_over: bool = False


def lines_of(view: View, columns: int, rows: int) -> list[Line]:
    """Return the lines that show a view on a terminal of this size; at most half of its rows."""
    if rows < LEAST_ROWS or columns < LEAST_COLUMNS:
        return []
    room = rows // 2
    bottom = _slowest(view) if room > 4 else []
    bottom += _failures(view, 1 if room < 10 else len(view.failures))
    tree = _fit(_tree(view, columns), room - 1 - len(bottom))
    return [Line([("─" * columns, "dim")]), *tree, *bottom]


class Painter:
    """Makes terminal text of lines. Loads rich, which takes 0.1 s."""

    def __init__(self, *, colors: bool) -> None:
        from rich.console import Console
        from rich.text import Text

        self._text = Text
        self._console = Console(
            file=StringIO(),
            force_terminal=True,
            color_system="auto" if colors else None,
            legacy_windows=False,
            highlight=False,
        )

    def paint(self, lines: list[Line], columns: int) -> list[str]:
        """Return the lines as they are written, none wider than this."""
        texts = []
        for line in lines:
            left = self._text.assemble(*line.left)
            right = self._text.assemble(*line.right)
            room = columns - right.cell_len - 2 if line.right else columns
            if line.pad:
                left.truncate(max(1, min(line.pad, room)), overflow="ellipsis", pad=True)
            else:
                left.truncate(max(1, room), overflow="ellipsis")
            if line.right:
                left.append("  ").append_text(right)
                left.truncate(columns, overflow="ellipsis")
            texts.append(left)
        with self._console.capture() as captured:
            self._console.print(*texts, sep="\n", end="", soft_wrap=True)
        return captured.get().split("\n")


def _tree(view: View, columns: int) -> list[Entry]:
    entries = []
    for flow in view.flows:
        indent = min(2 * flow.depth, columns // 4)
        entries.append(_flow(flow, indent, columns))
        entries += _maps(flow.maps, indent + 2, columns)
    return entries


def _flow(flow: FlowView, indent: int, columns: int) -> Entry:
    guide = " " * (indent - 2) + "└ " if indent > 1 else ""
    left = [(guide, "dim"), (flow.flow, "bold"), (f" · {flow.name}", "dim")]
    took: Span = (_clock(flow.seconds), "dim")
    counts = _counts(flow.counts)
    if flow.inner:
        ended = sum(flow.inner.values())
        what = "flow run" if ended == 1 else "flow runs"
        bad = [(f", {n:,} {name}", _STYLES.get(name, "")) for name, n in flow.inner.items()]
        bad = [span for span, name in zip(bad, flow.inner, strict=True) if name != "completed"]
        counts += [(" · " if counts else "", "dim"), (f"{ended:,} {what} ended", ""), *bad]
    wanted = sum(len(text) for text, _ in left)
    needed = sum(len(text) for text, _ in [took, *counts]) + 5
    if needed + min(wanted, _NAMES) <= columns or not counts:
        return Entry([Line(left, [took, ("   " if counts else "", ""), *counts])])
    return Entry([Line(left, [took]), Line([(" " * (indent + 2), ""), *counts])])


def _counts(counts: dict[str, int]) -> list[Span]:
    spans: list[Span] = []
    for name in sorted(counts, key=lambda name: _ORDER.get(name, len(_ORDER))):
        if spans:
            spans.append((" · ", "dim"))
        spans.append((f"{counts[name]:,} {name}", _STYLES.get(name, "")))
    return spans


def _maps(maps: tuple[MapView, ...], indent: int, columns: int) -> list[Entry]:
    figures = [_figures(one) for one in maps]
    widest = max((len(text) for text in figures), default=0)
    name_width = indent + min(max((len(one.task) for one in maps), default=0), columns // 4)
    bar = min(_BAR, columns - name_width - widest - 4)
    entries = []
    for one, text in zip(maps, figures, strict=True):
        is_over = one.total is not None and one.done >= one.total
        right: list[Span] = [(text, "dim" if is_over else "")]
        if bar >= 6 and one.total is not None:
            full = bar * min(one.done, one.total) // max(1, one.total)
            color = "green" if is_over else "cyan"
            right = [("━" * full, color), ("─" * (bar - full), "dim"), (f"  {text}", right[0][1])]
        left: list[Span] = [(" " * indent, ""), (one.task, "dim" if is_over else "")]
        entries.append(Entry([Line(left, right, pad=name_width)], is_over=is_over))
    return entries


def _figures(one: MapView) -> str:
    if one.total is None:
        return f"{one.done:,}  {_pace(one.rate)}" if one.rate else f"{one.done:,}"
    parts = [f"{one.done:,}/{one.total:,}"]
    if one.rate and one.done < one.total:
        parts.append(_pace(one.rate))
        parts.append(f"{_clock((one.total - one.done) / one.rate)} left")
    return "  ".join(parts)


def _pace(rate: float) -> str:
    if rate >= 10:
        return f"{rate:,.0f}/s"
    if rate >= 1:
        return f"{rate:.1f}/s"
    return f"{rate * 60:.1f}/min" if rate * 60 >= 1 else f"{rate * 3600:.1f}/h"


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 59.5 else duration(seconds)


def _slowest(view: View) -> list[Line]:
    if not view.slowest:
        return []
    spans: list[Span] = [("longest: ", "dim")]
    for place, (name, seconds) in enumerate(view.slowest):
        spans += [(" · " if place else "", "dim"), (name, ""), (f" {_clock(seconds)}", "dim")]
    return [Line(spans)]


def _failures(view: View, most: int) -> list[Line]:
    shown = view.failures[-most:] if most else ()
    return [
        Line([("failed: ", "bold red"), (name, ""), (f"  {error}", "dim")]) for name, error in shown
    ]


def _fit(entries: list[Entry], room: int) -> list[Line]:
    """Return the lines of as many entries as there is room for, and how many more there are."""
    kept, size = entries, sum(len(entry.lines) for entry in entries)
    if size > room:
        kept = [entry for entry in entries if not entry.is_over]
        size = sum(len(entry.lines) for entry in kept)
    left = len(entries) - len(kept)
    if size + bool(left) > room:
        while len(kept) > 1 and size + 1 > room:
            size -= len(kept[-1].lines)
            kept, left = kept[:-1], left + 1
    lines = [line for entry in kept for line in entry.lines]
    if not left:
        return lines[:room]
    return [*lines[: max(1, room - 1)], Line([(f"… and {left:,} more", "dim")])][:room]
