"""What looks like markup in names, lines, parameters and artifacts is shown, and never run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.flows import EVIL
from tests.browser.places import RUN_TABS
from tests.browser.site import run_flows

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
RUN = f"/runs/{{hostile {EVIL}}}"
WITHOUT = ("graph", "subflows", "details")
"""Tabs that show no text of a run's own."""
PLACES = {
    "runs": "/runs",
    "task runs": "/runs?kind=task&flow=hostile",
    "run": RUN,
    **{tab: f"{RUN}?tab={tab}" for tab in RUN_TABS if tab not in WITHOUT},
    "task run": f"{RUN.replace('/runs/', '/task-runs/')[:-1]}|hostile_task}}",
    "flow": "/flows/hostile",
    "artifacts": "/artifacts",
    "notes": "/artifacts/{evil-notes}",
    "table": "/artifacts/{evil-table}",
    "link": "/artifacts/{evil-link}",
    "image": "/artifacts/{evil-image}",
    "variables": "/variables",
}


def test_markup_in_the_name_of_what_failed_is_shown_at_home(page, site):
    run_flows(site.home, f"failing:{EVIL}")  # a new one: nobody looked at it yet
    test_markup_is_shown_as_the_text_that_it_is(page, site, "/")


@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES)
def test_markup_is_shown_as_the_text_that_it_is(page, site, path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.place(path))
    expect(page.get_by_text(EVIL).first).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    assert page.locator("img[src=x], [onerror], a[href^='javascript:']").count() == 0
    assert page.locator("script:not([src])").count() == 0
    assert [url for url in asked if not url.startswith((site.url, "data:"))] == []


def test_a_picture_from_elsewhere_waits_until_it_is_asked_for(page, site, elsewhere):
    page.goto(site.place("/artifacts/{evil-notes}"))
    show = page.get_by_role("button", name="Show the picture from elsewhere.example")
    expect(show).to_be_visible()
    assert elsewhere == []
    show.click()
    expect(page.get_by_role("img", name="picture")).to_be_visible()
    assert elsewhere == ["https://elsewhere.example/picture.png"]
