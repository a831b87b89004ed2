from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from flowstone.core.states import StateType
from flowstone.graphs.graph import Graph, Node, StateCount
from flowstone.graphs.svg import svg, text_width

TAG = "{http://www.w3.org/2000/svg}"
# How wide DejaVu Sans draws the printable ASCII characters, in thousandths of the type's size.
WIDTHS = (
    "318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 "
    "636 636 636 337 337 838 838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 "
    "748 787 603 787 695 635 611 732 684 989 685 611 685 390 337 390 838 500 500 613 635 550 635 "
    "615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592 818 592 592 525 636 "
    "337 636 838"
)
DEJAVU = {chr(32 + i): int(width) / 1000 for i, width in enumerate(WIDTHS.split())}
DEJAVU |= {"×": 0.838, "·": 0.318, "é": 0.615, "µ": 0.636, "Ш": 1.069, "漢": 1.0, "…": 1.0}
COMPLETED = (StateCount("COMPLETED", "Completed", 1),)


def node(key: str, label: str, **more) -> Node:
    return Node(key=key, label=label, **({"states": COMPLETED, "seconds": 0.012} | more))


def graph(*nodes: Node, edges: tuple[tuple[str, str], ...] = ()) -> Graph:
    return Graph("etl · brave-otter", nodes, edges)


def boxes(picture: str) -> Iterator[tuple[ET.Element, ET.Element]]:
    """Give each node's group and its box."""
    for group in ET.fromstring(picture).iter(f"{TAG}g"):
        box = group.find(f"{TAG}rect")
        assert box is not None
        yield group, box


def number(element: ET.Element, name: str) -> float:
    return float(element.attrib[name])


LABELS = ["WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", "iiiiiiii", "a", "%@&", "漢漢漢 Ш × é"]


@pytest.mark.parametrize("label", [*LABELS, "".join(sorted(DEJAVU))[1:35], "mwMW~_^" * 5])
def test_a_text_never_leaves_its_box(label):
    many = (StateCount("COMPLETED", "Completed", 1790), StateCount("FAILED", "Failed", 3))
    picture = svg(graph(node("n0", label), node("n1", label, count=1793, states=many)))
    for group, box in boxes(picture):
        for text in group.findall(f"{TAG}text"):
            assert text.text
            size = 13 if text.attrib["class"] == "name" else 11
            half = size * sum(DEJAVU[character] for character in text.text) / 2
            assert number(box, "x") + 6 <= number(text, "x") - half
            assert number(text, "x") + half <= number(box, "x") + number(box, "width") - 6
            assert number(box, "y") + size <= number(text, "y")
            assert number(text, "y") + size / 3 < number(box, "y") + number(box, "height")


@pytest.mark.parametrize("character", DEJAVU)
def test_a_width_is_never_less_than_the_widest_font_has(character):
    assert text_width(character * 10, 13) >= 130 * DEJAVU[character]


def test_what_the_pointer_rests_on_tells_name_state_and_time():
    states = (StateCount("COMPLETED", "Completed", 1790), StateCount("FAILED", "Failed", 3))
    long = "a name that is longer than a box may be, so that it is cut"
    picture = svg(
        graph(node("n0", long), node("n1", "parse × 1,793", count=1793, states=states, seconds=72))
    )
    assert [group.findtext(f"{TAG}title") for group, _ in boxes(picture)] == [
        f"{long} · Completed · 12 ms",
        "parse × 1,793 · 1,790 Completed, 3 Failed · 1 m 12 s",
    ]
    assert "a name that is longer than a box ma…" in picture


HOSTILE = {
    "<script>&amp;]]>\"'": "<script>&amp;]]>\"'",
    "a\x00b\x1b[31m\x7f\u202e": "a\\x00b�[31m��",
    "\ud800": "\\ud800",
    "line\nbreak\ttab": "line break tab",
    "🎉 漢": "🎉 漢",
}


@pytest.mark.parametrize("label", HOSTILE)
def test_any_name_makes_a_picture_that_parses_and_shows_what_can_be_shown(label):
    picture = svg(Graph(label, (node("n0", label),), ()))
    picture.encode()
    ((group, _),) = boxes(picture)
    assert group.findtext(f"{TAG}text") == HOSTILE[label]
    assert ET.fromstring(picture).findtext(f"{TAG}title") == HOSTILE[label]


@pytest.mark.parametrize("kind", list(StateType))
def test_every_type_of_state_has_a_colour_on_light_and_on_dark_pages(kind):
    picture = svg(graph(node("n0", "a", states=(StateCount(kind.value, "Any", 1),))))
    style = ET.fromstring(picture).findtext(f"{TAG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    name = f"--{kind.value.lower()}"
    assert f"stroke:var({name})" in picture
    assert re.search(rf"{name}:#[0-9a-f]{{6}}\b", light)
    assert re.search(rf"{name}:#[0-9a-f]{{6}}\b", dark)


def test_a_few_failures_among_thousands_can_be_seen():
    states = (StateCount("COMPLETED", "Completed", 99_999), StateCount("FAILED", "Failed", 1))
    picture = svg(graph(node("n0", "parse", count=100_000, states=states)))
    ((group, box),) = boxes(picture)
    bars = group.findall(f"{TAG}rect")[1:]
    assert [bar.attrib["style"] for bar in bars] == ["fill:var(--completed)", "fill:var(--failed)"]
    assert number(bars[1], "width") > 3
    assert sum(number(bar, "width") for bar in bars) == pytest.approx(
        number(box, "width") - 20, abs=0.2
    )
    assert box.attrib["style"] == "stroke:var(--failed)"


def test_what_a_run_called_lies_within_its_box():
    inner = tuple(node(f"n{i}", f"load-{i}") for i in range(2, 5))
    outer = node("n1", "sub", inside=(*inner, node("n5", "deep", inside=(node("n6", "deeper"),))))
    picture = svg(graph(node("n0", "first"), outer, edges=(("n0", "n1"), ("n2", "n5"))))
    seen = 0
    for group, box in boxes(picture):
        for inside in group.iter(f"{TAG}rect"):
            seen += inside.attrib.get("class") == "box" and inside is not box
            x, y = number(inside, "x"), number(inside, "y")
            assert number(box, "x") <= x
            assert number(box, "y") <= y
            assert x + number(inside, "width") <= number(box, "x") + number(box, "width") + 0.1
            assert y + number(inside, "height") <= number(box, "y") + number(box, "height") + 0.1
    assert seen == 6  # five in the outer one, one of them in the deep one too
    assert picture.count('class="edge"') == 2


def test_runs_that_take_results_of_others_of_their_node_have_an_edge_to_themselves():
    picture = svg(graph(node("n0", "step × 300", count=300), edges=(("n0", "n0"),)))
    assert picture.count('class="edge"') == 1


def test_a_flow_run_without_tasks_is_a_picture_of_its_name():
    root = ET.fromstring(svg(Graph("nothing", (), ())))
    assert (root.findtext(f"{TAG}title"), root.findtext(f"{TAG}text")) == ("nothing", "nothing")
    assert float(root.attrib["height"]) > 20
