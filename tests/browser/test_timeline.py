"""The timeline of a flow run: what is drawn is told in words too, and those are looked at."""

from __future__ import annotations

import re
from typing import Any

import pytest

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
NIGHTLY = "/runs/{nightly-2026-01-31}"
GUTTER = 216
RULER = 26
UNSIZED = "150px"
"""The height of a canvas that nobody gave one."""


@pytest.fixture
def timeline(opened, site) -> Any:
    """Give the page of a run with 25 task runs, some of them groups, its timeline drawn."""
    page = opened()
    page.goto(site.place(NIGHTLY))
    expect(canvas_of(page)).to_have_attribute("aria-label", re.compile("load: 12 runs"))
    expect(canvas_of(page)).not_to_have_css("height", UNSIZED)
    return page


def canvas_of(page: Any) -> Any:
    return page.locator(".timeline canvas")


def shown(page: Any) -> Any:
    """The stretch of time that is zoomed to; nothing where all is shown."""
    return page.get_by_label("Shown")


def row_read(page: Any) -> Any:
    """What is read out of the row that the keys are at."""
    return page.locator(".timeline").get_by_role("status").first


def ends(page: Any) -> tuple[float, float]:
    """The ends of the stretch that is zoomed to, in seconds."""
    first, last = shown(page).inner_text().split(" – ")
    return seconds(first), seconds(last)


def seconds(text: str) -> float:
    """A time as the ruler tells it: `0`, `12.5 ms`, `1.25 s`."""
    number, _, unit = text.partition(" ")
    return float(number) * {"": 0.0, "ms": 0.001, "s": 1.0}[unit]


def test_the_wheel_zooms_and_a_double_press_shows_all_again(timeline):
    expect(shown(timeline)).to_have_text("")
    canvas_of(timeline).hover(position={"x": 600, "y": 60})
    timeline.mouse.wheel(0, -400)
    expect(shown(timeline)).to_have_text(re.compile("–"))
    text, (first, last) = shown(timeline).inner_text(), ends(timeline)
    timeline.mouse.wheel(0, -400)
    expect(shown(timeline)).not_to_have_text(text)
    closer, nearer = ends(timeline)
    assert nearer - closer < last - first
    canvas_of(timeline).dblclick(position={"x": 600, "y": 8})
    expect(shown(timeline)).to_have_text("")


def test_the_wheel_with_control_zooms_as_a_pinch_on_a_trackpad_does(timeline):
    canvas_of(timeline).hover(position={"x": 600, "y": 60})
    timeline.keyboard.down("Control")
    timeline.mouse.wheel(0, -30)
    timeline.keyboard.up("Control")
    expect(shown(timeline)).to_have_text(re.compile("–"))


def test_two_fingers_that_part_zoom_and_one_that_goes_on_moves(timeline):
    canvas = canvas_of(timeline)
    touch(canvas, "pointerdown", 1, 500)
    touch(canvas, "pointerdown", 2, 600)
    touch(canvas, "pointermove", 2, 900)
    expect(shown(timeline)).to_have_text(re.compile("–"))
    touch(canvas, "pointerup", 2, 900)
    touch(canvas, "pointerup", 1, 500)
    before = shown(timeline).inner_text()
    touch(canvas, "pointerdown", 3, 700)
    touch(canvas, "pointermove", 3, 500)
    touch(canvas, "pointerup", 3, 500)
    expect(shown(timeline)).not_to_have_text(before)
    expect(timeline.get_by_role("complementary", name="The selected task run")).to_have_count(0)


def test_keys_and_buttons_zoom_move_and_show_all_again(timeline):
    canvas_of(timeline).focus()
    timeline.keyboard.press("+")
    expect(shown(timeline)).to_have_text(re.compile("–"))
    text, before = shown(timeline).inner_text(), ends(timeline)
    timeline.keyboard.press("ArrowRight")
    expect(shown(timeline)).not_to_have_text(text)
    assert ends(timeline) > before
    timeline.keyboard.press("0")
    expect(shown(timeline)).to_have_text("")
    timeline.get_by_role("button", name=re.compile("Zoom in")).click()
    expect(shown(timeline)).to_have_text(re.compile("–"))
    timeline.get_by_role("button", name=re.compile("Show all")).click()
    expect(shown(timeline)).to_have_text("")


def test_what_is_dragged_moves_and_what_is_dragged_on_the_ruler_is_zoomed_to(timeline):
    drag(timeline, 500, RULER / 2, 700)
    expect(shown(timeline)).to_have_text(re.compile("–"))
    text, picked = shown(timeline).inner_text(), ends(timeline)
    drag(timeline, 700, RULER + 60, 600)
    expect(shown(timeline)).not_to_have_text(text)
    assert ends(timeline) > picked


def test_a_press_on_a_group_unfolds_it_and_the_address_keeps_that(timeline):
    canvas = canvas_of(timeline)
    name_of_group = {"x": GUTTER / 2, "y": RULER + 17}
    folded = height_of(canvas)
    canvas.click(position=name_of_group)
    expect(timeline).to_have_url(re.compile("open=.*load"))
    expect(canvas).not_to_have_css("height", folded)
    unfolded = height_of(canvas)
    timeline.reload()
    expect(canvas).to_have_css("height", unfolded)
    canvas.click(position=name_of_group)
    expect(timeline).not_to_have_url(re.compile("open="))
    expect(canvas).to_have_css("height", folded)


def test_the_keys_go_through_the_rows_and_are_read_out_and_enter_unfolds_or_selects(timeline):
    canvas_of(timeline).focus()
    timeline.keyboard.press("ArrowDown")
    expect(row_read(timeline)).to_have_text("load: 12 runs, folded")
    timeline.keyboard.press("Enter")
    expect(row_read(timeline)).to_have_text("load: 12 runs, unfolded")
    timeline.keyboard.press("ArrowDown")
    expect(row_read(timeline)).to_have_text("parse: 12 runs, folded")
    timeline.keyboard.press("ArrowDown")
    expect(row_read(timeline)).to_have_text(re.compile("^fragile-0, Completed, .*2 attempts$"))
    timeline.keyboard.press("Enter")
    selected = timeline.get_by_role("complementary", name="The selected task run")
    expect(selected).to_contain_text("fragile-0")
    expect(timeline).to_have_url(re.compile("run=[0-9a-f-]{36}"))


def test_a_bar_says_what_it_is_how_often_it_was_tried_and_which_tags_it_has(timeline):
    canvas = canvas_of(timeline)
    card = timeline.locator(".timeline-card")
    canvas.hover(position={"x": GUTTER / 2, "y": RULER + 2 * 34 + 12})
    expect(card).to_contain_text("fragile-0")
    expect(card).to_contain_text(re.compile(r"Attempts\s*2, the last"))
    expect(card).to_contain_text(re.compile(r"Tags\s*nightly"))
    canvas.click(position={"x": GUTTER / 2, "y": RULER + 2 * 34 + 12})
    selected = timeline.get_by_role("complementary", name="The selected task run")
    expect(selected).to_contain_text("fragile-0")


def test_a_tag_narrows_the_timeline_to_the_runs_that_have_it(timeline):
    field = timeline.get_by_role("combobox", name="Tag")
    expect(field.locator("option")).to_have_text(["All tags", "nightly (25)", "rows (12)"])
    field.select_option("rows")
    expect(timeline).to_have_url(re.compile("tag=rows"))
    expect(canvas_of(timeline)).to_have_attribute(
        "aria-label", re.compile(r"^Timeline\. load: 12 runs\.")
    )
    timeline.reload()
    expect(field).to_have_value("rows")
    field.select_option("")
    expect(canvas_of(timeline)).to_have_attribute("aria-label", re.compile("parse: 12 runs"))


def test_a_tag_that_no_run_has_says_so_and_leads_back(timeline, site):
    timeline.goto(site.place(NIGHTLY) + "?tag=nowhere")
    expect(timeline.get_by_text("No task run has the tag nowhere")).to_be_visible()
    timeline.get_by_role("button", name="Show all").click()
    expect(canvas_of(timeline)).to_have_attribute("aria-label", re.compile("load: 12 runs"))


def height_of(canvas: Any) -> str:
    return str(canvas.evaluate("canvas => getComputedStyle(canvas).height"))


def drag(page: Any, from_x: float, y: float, to_x: float) -> None:
    box = canvas_of(page).bounding_box()
    page.mouse.move(box["x"] + from_x, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + to_x, box["y"] + y, steps=4)
    page.mouse.up()


def touch(canvas: Any, kind: str, finger: int, x: float) -> None:
    """What a finger does, as the browser tells it; capturing it needs a real one."""
    canvas.evaluate(
        """(canvas, [kind, pointerId, x]) => {
            canvas.setPointerCapture = () => {};
            const { left, top } = canvas.getBoundingClientRect();
            const place = { clientX: left + x, clientY: top + 100 };
            const more = { pointerId, pointerType: "touch", bubbles: true, ...place };
            canvas.dispatchEvent(new PointerEvent(kind, more));
        }""",
        [kind, finger, x],
    )
