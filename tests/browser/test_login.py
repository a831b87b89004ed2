"""A server that asks for a token: the page asks for it too, and goes on where one was."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowstone.store.tokens import PREFIX
from tests.browser.site import run_flows
from tests.server.commands import flowstone, flowstone_server

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_a_page_asks_for_a_token_and_goes_on_where_one_was(page, built, tmp_path, provoked):
    home = tmp_path / "home"
    home.mkdir()
    run_flows(home, "quick:guarded")
    made = flowstone(home, "token", "create", "--scope", "read")
    token = made.stdout.split()[0]
    with flowstone_server(home) as url:
        page.goto(f"{url}/runs?tab=flow")
        expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
        page.get_by_label("Token").fill("not-the-token")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("link", name="guarded", exact=True)).to_be_visible()
        expect(page).to_have_url(re.compile(r"/runs"))
        assert page.evaluate("document.cookie") == ""
    provoked += ["401", "ERR_"]


def test_the_first_token_is_made_on_the_page_which_is_logged_in_with_it(
    page, built, tmp_path, provoked
):
    provoked += ["ERR_"]  # the page is still there when the server ends
    home = tmp_path / "home"
    home.mkdir()
    with flowstone_server(home) as url:
        page.goto(f"{url}/settings")
        page.get_by_role("button", name="New token").click()
        form = page.get_by_role("dialog", name="New token")
        form.get_by_label("Name").fill("me")
        form.get_by_role("button", name="Make it").click()
        told = page.get_by_role("dialog", name="The token me")
        assert told.locator("code").first.inner_text().startswith(PREFIX)
        told.get_by_role("button", name="I have it").click()
        expect(page.get_by_text("You are let in by the token me")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
