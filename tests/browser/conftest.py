"""One server over real runs for the session, Chromium, and a context of its own for each test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowstone.server.pages import page_directory
from tests.browser.site import Site, run_flows
from tests.server.commands import flowstone, flowstone_server

sync_api: Any = pytest.importorskip("playwright.sync_api")
EXPECTED_WITHIN = 15_000
"""Milliseconds that a page has for what is expected of it, on a machine with much else to do."""
ELSEWHERE = re.compile(r"https?://(?!127\.0\.0\.1[:/])")
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
NO_POPUPS = (
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,"
    "HttpsUpgrades,DestroyProfileOnBrowserClose,PaintHolding"
)
"""What makes a process of its own for the address bar of each new page, half a second each."""
LOOK = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
TALL = {"viewport": {"width": 1280, "height": 3000}}
"""So high that all runs of these tests are in view: of a long list only those are there."""


@pytest.fixture(scope="session")
def built() -> None:
    """Skip where there is no page to look at."""
    if not page_directory().endswith("app"):
        pytest.skip("needs the built page: scripts/build-ui")


@pytest.fixture(scope="session")
def site(built, tmp_path_factory) -> Iterator[Site]:
    """Give a server over a home whose flows ran before."""
    home = tmp_path_factory.mktemp("page") / "home"
    home.mkdir()
    run_flows(home, "nightly", "broken", "hostile", "unready", "quick:quick-run")
    run_flows(home, "crashing")
    flowstone(home, "gcl", "create", "db", "--limit", "3")
    with flowstone_server(home) as url:
        yield Site(url, home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give Chromium.

    For a module and not for the session: its driver keeps a loop running in this thread, in which
    tests of others begin loops of their own.
    """
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium")
    sync_api.expect.set_options(timeout=EXPECTED_WITHIN)
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", NO_NETWORK, NO_POPUPS]
        )
        yield found
        found.close()


@pytest.fixture
def provoked() -> list[str]:
    """Give the list of what in the browser's complaints is meant by the test."""
    return []


@pytest.fixture
def complaints(provoked) -> Iterator[list[str]]:
    """Give what browsers complain of, which must be nothing that was not meant."""
    found: list[str] = []
    yield found
    assert [one for one in found if not any(part in one for part in provoked)] == []


@pytest.fixture
def opened(browser, complaints) -> Iterator[Callable[..., Any]]:
    """Give what opens a page of its own in a context: `opened(color_scheme="dark")`."""
    contexts = []

    def opened(**options: Any) -> Any:
        context = browser.new_context(**{**LOOK, **options})
        contexts.append(context)
        return _page(context, complaints)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def context(browser) -> Iterator[Any]:
    """Give what pages of a module share: their scripts are fetched once."""
    found = browser.new_context(**{**LOOK, **TALL})
    yield found
    found.close()


@pytest.fixture
def page(context, complaints) -> Iterator[Any]:
    """Give a page of a browser that remembers nothing of the tests before."""
    found = _page(context, complaints)
    yield found
    if found.url != "about:blank":
        found.evaluate("localStorage.clear()")
    found.close()
    context.clear_cookies()


@pytest.fixture
def elsewhere(page) -> list[str]:
    """Give the addresses of other hosts that the page asks for; a dot is at each."""
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="image/svg+xml", body=DOT)

    page.route(ELSEWHERE, answer)
    return asked


def _page(context: Any, complaints: list[str]) -> Any:
    page = context.new_page()
    page.set_default_timeout(EXPECTED_WITHIN)
    page.on("console", lambda said: _hear(said, complaints))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: _refuse(dialog, complaints))
    return page


def _hear(said: Any, complaints: list[str]) -> None:
    if said.type in ("error", "warning"):
        complaints.append(f"{said.type}: {said.text}")


def _refuse(dialog: Any, complaints: list[str]) -> None:
    complaints.append(f"dialog: {dialog.message}")
    dialog.dismiss()
