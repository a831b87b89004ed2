"""The home page: what it asks for, and when."""

from __future__ import annotations

from typing import Any

import pytest

sync_api: Any = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_what_home_shows_is_asked_for_while_its_own_files_are_on_their_way(page, site):
    held: list[Any] = []
    page.route("**/assets/HomePage-*.js", lambda file: held.append(file))  # noqa: PLW0108  it takes no method of C
    with page.expect_request("**/api/dashboard?*"):
        page.goto(site.url, wait_until="commit")
    page.wait_for_timeout(100)
    assert held
    with page.expect_response("**/assets/HomePage-*.js"):
        for file in held:
            file.continue_()
    sync_api.expect(page.locator(".home .card h2").first).to_be_visible()
