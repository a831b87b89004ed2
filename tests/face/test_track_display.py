"""Tracked loops in the live display."""

from __future__ import annotations

from flowstone.drive.live.lookout import FlowView, MapView, View
from flowstone.drive.live.picture import Painter, lines_of


def shown(*loops: MapView) -> list[str]:
    flow = FlowView(flow="f", name="calm-reef", depth=0, seconds=3, counts={}, maps=loops)
    painted = Painter(colors=False).paint(lines_of(View(flows=(flow,)), 80, 40), 80)
    return [line.strip() for line in painted][2:]


def test_a_loop_of_known_length_has_a_bar_and_the_time_that_is_left():
    [line] = shown(MapView(task="pages", done=50, total=200, rate=10.0))
    assert line.startswith("pages")
    assert "━" in line
    assert line.endswith("50/200  10/s  15 s left")


def test_a_loop_of_unknown_length_has_its_count_and_pace():
    assert shown(MapView(task="pages", done=1500, total=None, rate=2.5)) == ["pages  1,500  2.5/s"]
    assert shown(MapView(task="pages", done=0, total=None)) == ["pages  0"]


def test_more_items_than_were_foretold_fill_the_bar_and_no_more():
    [line] = shown(MapView(task="pages", done=300, total=200, rate=10.0))
    assert line.count("━") == 40
    assert line.endswith("300/200")
