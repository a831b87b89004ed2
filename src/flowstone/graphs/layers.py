"""Puts boxes into layers, so that edges lead down: who goes where, and by which way edges go.

A small layered layout of our own: layers by the longest path, crossings lessened by barycentres,
places by least squares. The pure Python library for it (grandalf) is GPL or EPL, and graphviz is a
binary. Every step is bounded, so that a graph of a few hundred boxes takes well under a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

WIDEST = 12
"""Most boxes side by side."""
GAP_X, GAP_Y = 24.0, 44.0
_THREAD = 10.0
"""How wide a way between boxes is that an edge takes."""
_MOST_THREADS = 3000
_SWEEPS = 8

Point = tuple[float, float]
Edge = tuple[int, int]


class Layout(msgspec.Struct, frozen=True):
    """Where the boxes are (their upper left corners), and the points that each edge goes by."""

    corners: dict[int, Point]
    routes: dict[Edge, list[Point]]
    width: float
    height: float


def place(sizes: Sequence[Point], edges: Iterable[Edge]) -> Layout:
    """Return where boxes of these sizes (width, height) go, numbered in the order of creation.

    An edge leads from one box to another. Boxes without edges stand apart from the others.
    """
    given = list(dict.fromkeys(edges))
    linked = sorted({end for edge in given for end in edge})
    loose = sorted(set(range(len(sizes))).difference(linked))
    parts = [_in_layers(sizes, linked, given), _in_grid(sizes, loose)]
    if linked and loose and loose[0] < linked[0]:
        parts.reverse()
    return _stacked(parts)


def _stacked(parts: list[Layout]) -> Layout:
    """Return the parts that hold something, one below the other."""
    parts = [part for part in parts if part.corners]
    corners: dict[int, Point] = {}
    routes: dict[Edge, list[Point]] = {}
    top = 0.0
    for part in parts:
        corners |= {box: (x, y + top) for box, (x, y) in part.corners.items()}
        routes |= {edge: [(x, y + top) for x, y in way] for edge, way in part.routes.items()}
        top += part.height + GAP_Y
    return Layout(
        corners, routes, max((part.width for part in parts), default=0.0), max(0.0, top - GAP_Y)
    )


def _in_layers(sizes: Sequence[Point], boxes: list[int], edges: list[Edge]) -> Layout:
    down = sorted({(min(edge), max(edge)) for edge in edges})
    rows = _Rows(sizes, _layers(boxes, down), down)
    rows.order()
    rows.put()
    routes = {(a, b): rows.route(a, b) for a, b in edges}
    return Layout({box: rows.corner(box) for box in boxes}, routes, rows.width, rows.height)


def _in_grid(sizes: Sequence[Point], boxes: list[int]) -> Layout:
    """Put boxes side by side, row by row."""
    corners: dict[int, Point] = {}
    columns = max(1, min(WIDEST, math.ceil(math.sqrt(2 * len(boxes)))))
    right = top = 0.0
    for first in range(0, len(boxes), columns):
        row, x = boxes[first : first + columns], 0.0
        for box in row:
            corners[box] = (x, top)
            x += sizes[box][0] + GAP_X
        right = max(right, x - GAP_X)
        top += max(sizes[box][1] for box in row) + GAP_X
    return Layout(corners, {}, right, top - GAP_X)


def _layers(boxes: list[int], edges: list[Edge]) -> dict[int, int]:
    """Return the layer of each box: below all that lead to it, where there is room."""
    above: dict[int, list[int]] = {box: [] for box in boxes}
    below: dict[int, list[int]] = {box: [] for box in boxes}
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    layer: dict[int, int] = {}
    filled: dict[int, int] = {}
    for box in boxes:
        at = 1 + max((layer[one] for one in above[box]), default=-1)
        while filled.get(at, 0) >= WIDEST:
            at += 1
        layer[box] = at
        filled[at] = filled.get(at, 0) + 1
    for box in reversed(boxes):  # what begins an edge goes next to its end
        nearest = min((layer[one] for one in below[box]), default=0) - 1
        if not above[box] and nearest > layer[box] and filled.get(nearest, 0) < WIDEST:
            filled[layer[box]] -= 1
            filled[nearest] += 1
            layer[box] = nearest
    used = {old: new for new, old in enumerate(sorted(set(layer.values())))}
    return {box: used[at] for box, at in layer.items()}


class _Rows:
    """The layers, with a thread in each layer that an edge crosses. Threads are numbers too."""

    def __init__(self, sizes: Sequence[Point], layer: dict[int, int], edges: list[Edge]) -> None:
        self._layer = dict(layer)
        self._size = {box: sizes[box] for box in layer}
        self._room = {box: sizes[box][0] + GAP_X for box in layer}
        self._threads: dict[Edge, list[int]] = {}
        self._above: dict[int, list[int]] = {box: [] for box in layer}
        self._below: dict[int, list[int]] = {box: [] for box in layer}
        number = len(sizes)
        for a, b in sorted(edges, key=lambda edge: layer[edge[1]] - layer[edge[0]]):
            between = range(layer[a] + 1, layer[b])
            chain = []
            if number - len(sizes) + len(between) <= _MOST_THREADS:
                for at in between:
                    self._layer[number], self._room[number] = at, _THREAD
                    self._size[number] = (0.0, 0.0)
                    self._above[number], self._below[number] = [], []
                    chain.append(number)
                    number += 1
            self._threads[a, b] = chain
            for upper, lower in zip([a, *chain], [*chain, b], strict=True):
                self._below[upper].append(lower)
                self._above[lower].append(upper)
        self._rows: list[list[int]] = [[] for _ in range(1 + max(self._layer.values(), default=-1))]
        for one in sorted(self._layer):
            self._rows[self._layer[one]].append(one)
        self._x = dict.fromkeys(self._layer, 0.0)  # the middle of each
        heights = [max(self._size[one][1] for one in row) for row in self._rows]
        self._tops = [sum(heights[:at]) + at * GAP_Y for at in range(len(heights))]
        self._bottoms = [top + height for top, height in zip(self._tops, heights, strict=True)]
        self.height = self._bottoms[-1] if heights else 0.0
        self.width = 0.0

    def order(self) -> None:
        """Order each row so that few edges cross: by the middle of what is above, then below."""
        position = {one: i for row in self._rows for i, one in enumerate(row)}
        for sweep in range(_SWEEPS):
            rows, beside = (
                (self._rows, self._above) if sweep % 2 == 0 else (self._rows[::-1], self._below)
            )
            for row in rows:
                middle = {
                    one: _mean([position[other] for other in beside[one]], position[one])
                    for one in row
                }
                row.sort(key=middle.__getitem__)
                position.update((one, i) for i, one in enumerate(row))

    def put(self) -> None:
        """Put each row where its edges are as straight as its boxes let them be."""
        for row in self._rows:
            self._pack(row, [0.0] * len(row))
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            rows, beside = (self._rows, self._above) if down else (self._rows[::-1], self._below)
            for row in rows:
                wanted = [
                    _mean([self._x[other] for other in beside[one]], self._x[one]) for one in row
                ]
                self._pack(row, wanted)
        left = min((self._x[one] - self._size[one][0] / 2 for one in self._x), default=0.0)
        for one in self._x:
            self._x[one] -= left
        self.width = max((self._x[one] + self._size[one][0] / 2 for one in self._x), default=0.0)

    def corner(self, box: int) -> Point:
        """Return the upper left corner of a box; boxes lie at the middle of their row."""
        width, height = self._size[box]
        at = self._layer[box]
        slack = self._bottoms[at] - self._tops[at] - height
        return self._x[box] - width / 2, self._tops[at] + slack / 2

    def route(self, start: int, end: int) -> list[Point]:
        """Return the points of an edge, from the rim of one box to that of the other."""
        upper, lower = sorted((start, end))
        points = [(self._x[upper], self.corner(upper)[1] + self._size[upper][1])]
        for thread in self._threads[upper, lower]:
            at = self._layer[thread]
            points += [(self._x[thread], self._tops[at]), (self._x[thread], self._bottoms[at])]
        points.append((self._x[lower], self.corner(lower)[1]))
        return points if start == upper else points[::-1]

    def _pack(self, row: list[int], wanted: list[float]) -> None:
        """Put a row's boxes as near to the places wanted as their order and widths allow.

        Least squares under an order: neighbours that would overlap move as one block.
        """
        offsets = [0.0]
        for one, after in pairwise(row):
            offsets.append(offsets[-1] + (self._room[one] + self._room[after]) / 2)
        blocks: list[list[float]] = []  # sum of the wanted places, how many, first index
        for i, place_wanted in enumerate(wanted):
            blocks.append([place_wanted - offsets[i], 1, i])
            while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
                total, count, _ = blocks.pop()
                blocks[-1][0] += total
                blocks[-1][1] += count
        ends = [*(int(first) for _, _, first in blocks[1:]), len(row)]
        for (total, count, first), end in zip(blocks, ends, strict=True):
            for i in range(int(first), end):
                self._x[row[i]] = total / count + offsets[i]


def _mean(values: list[float] | list[int], default: float) -> float:
    return sum(values) / len(values) if values else default
