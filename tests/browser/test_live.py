"""What happens while a page is open: runs begin and end, the server is slow, fails, is killed."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.site import Restartable, run_flows, running_flow
from tests.server.commands import flowstone_server

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
STREAM = "**/api/live?*"


def mark(page):
    """Leave something in the page that a reload would wipe out."""
    page.evaluate("window.wasHere = true")


def is_marked(page):
    return page.evaluate("window.wasHere === true")


def test_a_run_that_begins_later_appears_and_ends_on_the_page(page, site, tmp_path):
    page.goto(site.url + "/runs")
    expect(page.get_by_role("link", name="quick-run", exact=True)).to_be_visible()
    mark(page)
    file = tmp_path / "go-on"
    with running_flow(site.home, f"waiting:later:{file}") as process:
        row = page.get_by_role("row").filter(has_text="waiting-later")
        expect(row).to_contain_text("Running")
        page.get_by_role("link", name="waiting-later").click()
        expect(page.get_by_role("progressbar").first).to_be_visible()
        file.touch()
        expect(page.locator("header.run-head .badge").first).to_have_text("Completed")
        process.wait(30)
    assert is_marked(page)


@contextmanager
def held(page, address):
    """Give the requests to an address, which wait until the end."""
    routes = []

    def take(route):
        routes.append(route)

    page.route(address, take)
    yield routes
    for route in routes:
        route.continue_()
    page.unroute(address)


def test_a_run_of_before_the_stream_began_appears_though_the_list_is_older(page, site):
    with held(page, STREAM):
        page.goto(site.url + "/runs?name=unstreamed")
        expect(page.get_by_text("No run")).to_be_visible()
        run_flows(site.home, "quick:unstreamed")
        site.settle("flow-runs?name=unstreamed", ["COMPLETED"])
    expect(page.get_by_role("link", name="unstreamed", exact=True)).to_be_visible()


def test_a_first_answer_that_is_older_than_a_change_is_read_again(page, site):
    runs, address = [], "**/api/flow-runs?*"
    page.route(address, lambda one: one.continue_() if runs else runs.append(one))
    with page.expect_response(STREAM), held(page, STREAM) as streams:
        page.goto(site.url + "/flows/quick")
        while not (runs and streams):
            page.wait_for_timeout(10)
        older = runs[0].fetch()
        run_flows(site.home, "quick:unheard")
        site.settle("flow-runs?name=unheard", ["COMPLETED"])
    runs[0].fulfill(response=older)
    expect(page.get_by_role("link", name="unheard", exact=True)).to_be_visible()


def test_log_lines_of_a_live_run_are_followed(page, site, tmp_path):
    file = tmp_path / "go-on"
    with running_flow(site.home, f"waiting:logged:{file}"):
        page.goto(site.url + "/runs")
        page.get_by_role("link", name="waiting-logged").click()
        page.get_by_role("link", name="Logs").click()
        mark(page)
        lines = page.get_by_role("log", name="Log lines").get_by_text("Still waiting")
        expect(lines.nth(2)).to_be_attached()
        file.touch()
        expect(page.locator("header.run-head .badge").first).to_have_text("Completed")
    assert is_marked(page)


def test_the_icon_of_the_tab_shows_the_state_as_it_changes(page, site, tmp_path):
    file = tmp_path / "go-on"

    def icon():
        return page.locator("link[rel=icon]").get_attribute("href")

    with running_flow(site.home, f"waiting:iconic:{file}"):
        page.goto(site.url + "/runs")
        page.get_by_role("link", name="waiting-iconic").click()
        expect(page).to_have_title(re.compile("waiting-iconic Running"))
        running = icon()
        assert running.startswith("data:image/svg+xml,")
        file.touch()
        expect(page).to_have_title(re.compile("waiting-iconic Completed"))
    completed = icon()
    page.goto(site.place("/runs/{broken-run}"))
    expect(page).to_have_title(re.compile("broken-run Failed"))
    assert len({running, completed, icon()}) == 3
    page.get_by_role("link", name="Variables").first.click()
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("favicon.svg"))


def test_where_nothing_ever_ran_home_says_what_to_type(page, built, tmp_path, provoked):
    provoked += ["ERR_"]  # the page is still there when the server ends
    home = tmp_path / "home"
    home.mkdir()
    with flowstone_server(home) as url:
        page.goto(url)
        first = page.get_by_role("region", name="The first run")
        expect(first).to_contain_text("No flow has run yet")
        expect(first).to_contain_text("from flowstone import flow, task")
        expect(first).to_contain_text("python sums.py")
        run_flows(home, "quick:very-first")
        expect(page.get_by_role("heading", name="Running now")).to_be_visible()


def test_while_the_server_thinks_the_page_shows_that_it_loads(page, site):
    page.route("**/api/**", lambda _: None)  # held until it is taken back
    page.goto(site.place("/runs/{broken-run}"))
    expect(page.get_by_role("status").filter(has_text="Loading").first).to_be_attached()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    page.unroute("**/api/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("broken-run")


def test_a_run_that_is_deleted_elsewhere_is_told_to_be_gone(page, site, provoked):
    run_flows(site.home, "quick:gone")
    page.goto(site.url + "/runs")
    with page.expect_response(lambda one: "/api/live" in one.url and "run%3A" in one.url):
        page.get_by_role("link", name="gone", exact=True).click()  # and it hears of the run
    expect(page.get_by_role("heading", level=1)).to_have_text("gone")
    asked: list[str] = []
    page.on("response", lambda one: asked.append(one.url) if one.status == 404 else None)
    with site.store() as store:
        store.delete_flow_run(store.find_flow_run("gone").id)
    run_flows(site.home, "quick:after-gone")  # something else happens, which the page hears of
    expect(page.get_by_text("There is no such flow run")).to_be_visible()
    page.wait_for_timeout(2_000)
    assert len(asked) == len(set(asked)), "asked for again and again"
    provoked += ["404"]


@pytest.mark.parametrize(
    ("path", "heading"), [("/", "Home"), ("/runs", "Runs"), ("/runs/{broken-run}", "broken-run")]
)
def test_where_the_server_fails_the_page_says_so_and_tries_again_when_told(
    page, site, provoked, path, heading
):
    failure = {"status": 500, "content_type": "text/html", "body": "<h1>Internal error</h1>"}
    failing = [failure]  # until the click: the page also tries again by itself

    def clicked():
        failing.clear()

    page.route(
        "**/api/**", lambda route: route.fulfill(**failing[0]) if failing else route.continue_()
    )
    page.expose_function("clicked", clicked)
    page.goto(site.place(path))
    page.evaluate("document.addEventListener('click', () => window.clicked(), true)")
    trouble = page.get_by_role("alert").first
    expect(trouble).to_contain_text("The server answered 500.")
    expect(page.get_by_text("Internal error")).to_have_count(0)
    trouble.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    provoked += ["500"]


def test_a_page_outlives_a_server_that_is_killed_and_started_again(page, built, tmp_path, provoked):
    home = tmp_path / "home"
    home.mkdir()
    server = Restartable(home)
    server.start()
    try:
        page.goto(server.site.url + "/runs")
        expect(page.get_by_text("flowstone run").first).to_be_visible()
        mark(page)
        run_flows(home, "quick:before")
        expect(page.get_by_role("link", name="before", exact=True)).to_be_visible()
        server.kill()
        banner = page.get_by_text("The server does not answer")
        expect(banner).to_be_visible(timeout=30_000)
        expect(page.get_by_role("link", name="before", exact=True)).to_be_visible()
        run_flows(home, "quick:meanwhile")
        server.start()
        expect(banner).to_have_count(0, timeout=30_000)
        expect(page.get_by_role("link", name="meanwhile", exact=True)).to_be_visible()
        run_flows(home, "quick:after")
        expect(page.get_by_role("link", name="after", exact=True)).to_be_visible()
        assert is_marked(page)
    finally:
        server.kill()
    provoked += ["ERR_"]
