"""A graph as an SVG that needs nothing else: no font, no script, light and dark by itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from html import escape

from flowstone.core.plain import clean_text
from flowstone.graphs.graph import Graph, Node
from flowstone.graphs.layers import Layout, Point, place
from flowstone.graphs.mermaid import state_and_time

_NAME, _SMALL = 13.0, 11.0
"""Sizes of type, in pixels."""
_LINE, _PAD, _BAR, _MARGIN = 17.0, 10.0, 4.0, 16.0
_LONGEST = 36
"""Most characters of a text; the whole of it comes when the pointer rests on it."""
_NARROW = frozenset(" ijlftrI.,:;'|!()[]-\"/\\")
_WIDE = frozenset("mwMW@%&+=<>~#^")
# Colours that can be told apart on white and on black, the second for dark pages.
_COLORS = {
    "COMPLETED": ("#2b8a3e", "#51cf66"),
    "FAILED": ("#e03131", "#ff6b6b"),
    "CRASHED": ("#d9480f", "#ff922b"),
    "CANCELLED": ("#868e96", "#868e96"),
    "CANCELLING": ("#868e96", "#868e96"),
    "RUNNING": ("#1971c2", "#4dabf7"),
    "PENDING": ("#9c36b5", "#da77f2"),
    "SCHEDULED": ("#9c36b5", "#da77f2"),
    "PAUSED": ("#0c8599", "#3bc9db"),
}
_STYLE = """
svg{color-scheme:light dark;--page:#fff;--box:#f8f9fa;--inside:#fff;--rim:#adb5bd;--ink:#212529;
--soft:#5c636a;--edge:#868e96;background:var(--page)}
text{font-family:system-ui,"Segoe UI",Roboto,Helvetica,Arial,"DejaVu Sans",Verdana,sans-serif;
fill:var(--ink);text-anchor:middle}
.name{font-size:13px}.small{font-size:11px;fill:var(--soft)}.head{text-anchor:start}
.box{fill:var(--box);stroke:var(--rim)}.group>.box{fill:var(--inside)}
.edge{fill:none;stroke:var(--edge);stroke-width:1.3}.tip{fill:var(--edge)}"""
_OPEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
    'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
)
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)
_DARK = "--page:#16181b;--box:#22262a;--inside:#1b1e21;--rim:#5c636a;--ink:#f1f3f5;--soft:#adb5bd"


def svg(graph: Graph) -> str:
    """Return the graph as the text of an SVG file."""
    drawn = _Drawn(graph.nodes, graph.edges)
    title = _one_line(graph.title)
    shown = _cut(title, 100)
    width = max(drawn.width, text_width(shown, _NAME)) + 2 * _MARGIN
    height = drawn.height + 2 * _MARGIN + _LINE + _PAD
    head = f'<text class="name head" x="{_MARGIN}" y="{_MARGIN + _NAME}">{escape(shown)}</text>'
    lines = [
        _OPEN.format(width=width, height=height),
        f"<title>{escape(title)}</title>",
        f"<style>{_style()}</style>",
        _TIP,
        head,
        *drawn.lines(_MARGIN, _MARGIN + _LINE + _PAD),
        "</svg>\n",
    ]
    return "\n".join(lines)


def text_width(text: str, size: float) -> float:
    """Return how many pixels a text takes at most: in DejaVu Sans or Verdana, the widest fonts."""
    return size * sum(map(_em, text))


class _Drawn:
    """A node's inside, or the whole graph, with its size."""

    def __init__(self, nodes: tuple[Node, ...], edges: tuple[tuple[str, str], ...]) -> None:
        self._boxes = [_Box(node, edges) for node in nodes]
        number = {node.key: i for i, node in enumerate(nodes)}
        own = [(number[a], number[b]) for a, b in edges if a in number and b in number]
        self._loops = sorted({a for a, b in own if a == b})
        self._layout: Layout = place(
            [(box.width, box.height) for box in self._boxes], [(a, b) for a, b in own if a != b]
        )
        self.width = self._layout.width + (_PAD * 2 if self._loops else 0)
        self.height = self._layout.height

    def lines(self, x: float, y: float) -> Iterator[str]:
        """Give the elements, edges first, with the upper left corner at a point."""
        for route in self._layout.routes.values():
            yield _edge([(x + a, y + b) for a, b in route])
        for i in self._loops:
            left, top = self._layout.corners[i]
            box = self._boxes[i]
            yield _loop(x + left + box.width, y + top + box.height / 2)
        for i, box in enumerate(self._boxes):
            left, top = self._layout.corners[i]
            yield from box.lines(x + left, y + top)


class _Box:
    """A node as a box: its name, its states and time, a bar of its states, its inside."""

    def __init__(self, node: Node, edges: tuple[tuple[str, str], ...]) -> None:
        self._node = node
        self._name = _cut(_one_line(node.label), _LONGEST)
        self._state = _cut(_one_line(state_and_time(node)), _LONGEST)
        self._inside = _Drawn(node.inside, edges) if node.inside else None
        texts = max(text_width(self._name, _NAME), text_width(self._state, _SMALL))
        self.width = texts + 2 * _PAD
        self._head = _PAD + _LINE * (2 if self._state else 1) + (_BAR if node.states else 0)
        self.height = self._head + _PAD / 2
        if self._inside is not None:
            self.width = max(self.width, self._inside.width + 2 * _PAD)
            self.height = self._head + _PAD + self._inside.height + _PAD

    def lines(self, x: float, y: float) -> Iterator[str]:
        """Give the elements, with the upper left corner at a point."""
        node, middle = self._node, x + self.width / 2
        parts = (_one_line(node.label), state_and_time(node))
        yield f'<g class="{"group" if self._inside else "node"}">'
        yield f"<title>{escape(' · '.join(part for part in parts if part))}</title>"
        rim = f' style="stroke:var(--{node.worst.lower()})"' if node.worst else ""
        yield (
            f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{self.width:.1f}" '
            f'height="{self.height:.1f}" rx="6"{rim}/>'
        )
        yield _text("name", middle, y + _LINE, self._name)
        if self._state:
            yield _text("small", middle, y + 2 * _LINE - 1, self._state)
        yield from self._bar(x + _PAD, y + self._head - _BAR)
        if self._inside is not None:
            left = x + (self.width - self._inside.width) / 2
            yield from self._inside.lines(left, y + self._head + _PAD)
        yield "</g>"

    def _bar(self, x: float, y: float) -> Iterator[str]:
        """Give a bar that shows how many runs are in each state, the few of them too."""
        states = self._node.states
        if not states:
            return
        least, whole = _BAR, self.width - 2 * _PAD
        shares = [max(state.runs / self._node.count * whole, least) for state in states]
        scale = whole / sum(shares)
        for state, share in zip(states, shares, strict=True):
            width = share * scale
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}" '
                f'style="fill:var(--{state.type.lower()})"/>'
            )
            x += width


def _style() -> str:
    light, dark = (
        ";".join(f"--{kind.lower()}:{pair[i]}" for kind, pair in _COLORS.items()) for i in (0, 1)
    )
    return (
        f"{_STYLE}\nsvg{{{light}}}\n@media (prefers-color-scheme:dark){{svg{{{_DARK};{dark}}}}}\n"
    )


def _edge(points: list[Point]) -> str:
    """Return a curve through the points that leaves and reaches each straight up or down."""
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        if to_x == x:
            path.append(f"V{to_y:.1f}")
        else:
            bend = (to_y - y) / 2
            path.append(
                f"C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
            )
        x, y = to_x, to_y
    return f'<path class="edge" marker-end="url(#tip)" d="{"".join(path)}"/>'


def _loop(x: float, y: float) -> str:
    """Return an edge from a box to itself: runs of it take results of others of it."""
    path = f"M{x:.1f} {y - 8:.1f}c18 -6 18 22 0 16"
    return f'<path class="edge" marker-end="url(#tip)" d="{path}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _one_line(text: str) -> str:
    """Return a text without what XML cannot carry or would move what stands beside it."""
    line = " ".join(clean_text(text).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _em(character: str) -> float:
    """Return how wide a character is at most, in units of the type's size."""
    if not character.isascii():
        if unicodedata.combining(character):
            return 0.0
        return 1.4 if unicodedata.east_asian_width(character) in "WF" else 1.1
    if character in _NARROW:
        return 0.47
    if character in _WIDE:
        return 1.0
    return 0.79 if character.isupper() else 0.64
