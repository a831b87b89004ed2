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
"""What no test asks the network for: a dot is there, as the pictures that artifacts name."""
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


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
    run_flows(home, "nightly", "broken", "hostile", "quick:quick-run")
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
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def provoked() -> list[str]:
    """Give the list of what in the browser's complaints is meant by the test."""
    return []


@pytest.fixture
def opened(browser, provoked) -> Iterator[Callable[..., Any]]:
    """Give what opens a page of its own in a context: `opened(color_scheme="dark")`."""
    contexts, complaints = [], []

    def opened(**options: Any) -> Any:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        context.route(
            ELSEWHERE, lambda route: route.fulfill(content_type="image/svg+xml", body=DOT)
        )
        page = context.new_page()
        page.set_default_timeout(EXPECTED_WITHIN)
        page.on("console", lambda said: _hear(said, complaints))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: _refuse(dialog, complaints))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in complaints if not any(part in one for part in provoked)] == []


@pytest.fixture
def page(opened) -> Any:
    """Give a page 1280 pixels wide, so high that all runs of these tests are in view.

    Of a long list only those rows are there.
    """
    return opened(viewport={"width": 1280, "height": 3000})


def _hear(said: Any, complaints: list[str]) -> None:
    if said.type in ("error", "warning"):
        complaints.append(f"{said.type}: {said.text}")


def _refuse(dialog: Any, complaints: list[str]) -> None:
    complaints.append(f"dialog: {dialog.message}")
    dialog.dismiss()
