from __future__ import annotations

import random
from itertools import pairwise

import pytest

from flowstone.graphs.layers import GAP_X, WIDEST, Edge, Layout, Point, place

SEEDS = range(12)


def drawing(seed: int) -> tuple[list[Point], list[Edge]]:
    """Boxes of all sizes, and edges, a few of them upwards."""
    pick = random.Random(seed)
    count = pick.randrange(2, 80)
    sizes = [(pick.uniform(40, 300), pick.uniform(30, 200)) for _ in range(count)]
    edges = []
    for _ in range(pick.randrange(2 * count)):
        a, b = sorted(pick.sample(range(count), 2))
        edges.append((a, b) if pick.random() < 0.95 else (b, a))
    return sizes, edges


def is_inside(point: Point, corner: Point, size: Point) -> bool:
    (x, y), (left, top), (width, height) = point, corner, size
    return left + 1 < x < left + width - 1 and top + 1 < y < top + height - 1


def pieces(route: list[Point]) -> list[Point]:
    """Points along the straight pieces of a route, which are where it passes boxes."""
    found = []
    for (x, y), (to_x, to_y) in pairwise(route):
        if x == to_x:
            found += [(x, y + (to_y - y) * part / 20) for part in range(21)]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_never_overlap_and_lie_within_the_picture(seed):
    sizes, edges = drawing(seed)
    placed = place(sizes, edges)
    assert sorted(placed.corners) == list(range(len(sizes)))
    for a, (x, y) in placed.corners.items():
        width, height = sizes[a]
        assert x >= -0.01
        assert y >= -0.01
        assert x + width <= placed.width + 0.01
        assert y + height <= placed.height + 0.01
        for b, (left, top) in placed.corners.items():
            if a < b:
                apart_x = max(left - (x + width), x - (left + sizes[b][0]))
                apart_y = max(top - (y + height), y - (top + sizes[b][1]))
                assert max(apart_x, apart_y) >= GAP_X - 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edge_goes_from_rim_to_rim_and_through_no_box(seed):
    sizes, edges = drawing(seed)
    placed = place(sizes, edges)
    assert set(placed.routes) == set(edges)
    for (a, b), route in placed.routes.items():
        upper, lower = (route[0], route[-1]) if a < b else (route[-1], route[0])
        first, last = sorted((a, b))
        assert upper[1] == pytest.approx(placed.corners[first][1] + sizes[first][1])
        assert lower[1] == pytest.approx(placed.corners[last][1])
        assert upper[1] < lower[1]
        for box, corner in placed.corners.items():
            assert not [p for p in pieces(route) if is_inside(p, corner, sizes[box])]


def rows(placed: Layout) -> list[list[int]]:
    tops: dict[float, list[int]] = {}
    for box, (_, y) in placed.corners.items():
        tops.setdefault(round(y, 3), []).append(box)
    return [tops[top] for top in sorted(tops)]


def test_a_diamond_has_three_rows():
    placed = place([(100, 50)] * 4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    assert rows(placed) == [[0], [1, 2], [3]]
    assert placed.corners[0][0] == placed.corners[3][0] == 62
    assert (placed.width, placed.height) == (224, 3 * 50 + 2 * 44)


def test_no_row_has_more_boxes_than_can_be_looked_at():
    wide = place([(100, 50)] * 51, [(box, 50) for box in range(50)])
    assert sorted(len(row) for row in rows(wide)) == [1, 2, 12, 12, 12, 12]
    assert rows(wide)[-1] == [50]
    assert max(len(row) for row in rows(place([(100, 50)] * 500, []))) == WIDEST


def test_boxes_without_edges_come_first_where_they_were_first():
    assert rows(place([(100, 50)] * 3, [(1, 2)])) == [[0], [1], [2]]
    assert rows(place([(100, 50)] * 3, [(0, 1)])) == [[0], [1], [2]]
    assert rows(place([(100, 50)] * 3, [(0, 2)])) == [[0], [2], [1]]


def test_what_begins_an_edge_stands_next_to_its_end():
    assert rows(place([(100, 50)] * 4, [(0, 2), (2, 3), (1, 3)])) == [[0], [1, 2], [3]]


def test_nothing_takes_no_room():
    assert place([], []) == Layout({}, {}, 0.0, 0.0)


def test_the_ways_between_boxes_are_bounded_where_all_depend_on_all():
    edges = [(a, b) for b in range(120) for a in range(b)]
    placed = place([(100, 50)] * 120, edges)
    assert len(placed.routes) == len(edges) == 7140
    assert sum(len(route) - 2 for route in placed.routes.values()) <= 2 * 3000
