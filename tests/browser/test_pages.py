"""Every page: what it loads, that it can be used by all, on any screen."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from tests.browser.places import PLACES
from tests.browser.site import ROOT

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
FIRST_VIEW = 350_000
"""Compressed bytes of script."""


def shown(page, site, path):
    """Open a page and wait until it is there."""
    answer = page.goto(site.place(path))
    expect(page.get_by_role("heading", level=1)).to_have_text(PLACES[path])
    expect(page.locator(".skeleton")).to_have_count(0)
    return answer


@pytest.mark.parametrize("path", PLACES)
def test_a_page_can_be_used_by_everybody_in_both_themes_and_on_a_narrow_screen(page, site, path):
    if not AXE.exists():
        pytest.skip("needs axe-core: scripts/build-ui")
    shown(page, site, path)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for theme, rules in (("light", "undefined"), ("dark", "['color-contrast']")):
        page.emulate_media(color_scheme=theme)
        found = page.evaluate(
            f"axe.run(document, {{ resultTypes: ['violations'], runOnly: {rules} }})"
        )
        assert [
            (theme, one["id"], node["target"], node["failureSummary"])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ] == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")


def test_a_page_allows_nothing_that_stands_inline(page, site):
    policy = shown(page, site, "/runs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_first_view_of_home_is_small(opened, site):
    page = opened()
    scripts = []
    page.on("response", lambda answer: scripts.append(answer) if ".js" in answer.url else None)
    shown(page, site, "/")
    weights = {answer.url: len(gzip.compress(answer.body())) for answer in scripts}
    assert 50_000 < sum(weights.values()) < FIRST_VIEW, weights
    large = [answer for answer in scripts if len(answer.body()) > 1_000]
    assert {answer.header_value("content-encoding") for answer in large} == {"gzip"}


def test_the_search_box_is_opened_and_left_by_keyboard(page, site):
    shown(page, site, "/runs")
    field = page.get_by_role("dialog").locator("input").first
    for keys in ("/", "Control+k"):
        page.keyboard.press(keys)
        expect(field).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_box_that_is_closed_can_be_opened_again_at_once(page, site):
    shown(page, site, "/runs")
    page.keyboard.press("/")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_count(1)
    for _ in range(20):
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
    expect(dialog.locator("input").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_two_keys_lead_to_another_page(page, site):
    shown(page, site, "/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"/runs$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_tab_goes_first_past_the_menu_and_every_stop_can_be_seen(page, site):
    shown(page, site, "/runs")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
                const found = document.activeElement;
                const look = getComputedStyle(found);
                const { width, height } = found.getBoundingClientRect();
                const ring = look.outlineStyle !== "none" || look.boxShadow !== "none";
                return { tag: found.tagName, name: found.innerText, ring, size: width * height };
            }"""
        )
        if stop["tag"] == "BODY":  # behind the last stop
            break
        assert stop["ring"], stop
        assert stop["size"] > 0, stop


def test_a_place_where_nothing_is_says_so(page, site):
    page.goto(site.url + "/no/such/place")
    expect(page.get_by_text("There is no page at this address")).to_be_visible()
    page.get_by_role("link", name="Go home").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")


def test_the_address_that_flowstone_open_gives_shows_the_run(page, site):
    page.goto(site.place("/flow-runs/{broken-run}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("broken-run")


def test_a_theme_that_was_chosen_is_kept(page, site):
    shown(page, site, "/")
    page.get_by_role("radio", name="dark").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("radio", name="dark")).to_be_checked()
