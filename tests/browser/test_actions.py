"""What the page lets one do: each asks first, and what it did is in the database."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from flowstone.store.errors import RunNotFound
from tests.browser.site import run_flows, running_flow

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def over(site):
    """Give the name of a run of its own that is over."""
    name = f"over-{uuid.uuid4().hex[:8]}"
    run_flows(site.home, f"quick:{name}")
    return name


def shown(page, site, name):
    """Open a run by its name, which the server may not have collected yet."""
    page.goto(site.url + "/runs")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    page.goto(site.place(f"/runs/{{{name}}}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def state_of(site, name):
    with site.store() as store:
        return store.find_flow_run(name).state_type


def test_a_running_flow_is_cancelled_once_it_is_confirmed(page, site, tmp_path):
    with running_flow(site.home, f"waiting:cancelled:{tmp_path / 'never'}") as process:
        shown(page, site, "waiting-cancelled")
        expect(page.get_by_text("Running", exact=True).first).to_be_visible()
        page.get_by_role("button", name="Cancel", exact=True).click()
        asked = page.get_by_role("dialog", name="Cancel waiting-cancelled?")
        asked.get_by_role("button", name="Keep it running").click()
        expect(asked).to_have_count(0)
        assert process.poll() is None
        page.get_by_role("button", name="Cancel", exact=True).click()
        asked.get_by_role("button", name="Cancel the run").click()
        expect(page.locator("header.run-head .badge").first).to_have_text("Cancelled")
        process.wait(30)
    assert state_of(site, "waiting-cancelled") == "CANCELLED"


def test_a_run_is_deleted_once_it_is_confirmed(page, site, over, provoked):
    provoked += ["404"]  # the page may hear of it before it has left
    shown(page, site, over)
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("dialog", name=f"Delete {over}?")
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    assert state_of(site, over) == "COMPLETED"
    page.get_by_role("button", name="Delete", exact=True).click()
    asked.get_by_role("button", name="Delete the run").click()
    expect(page).to_have_url(re.compile(r"/runs$"))
    expect(page.get_by_role("link", name="quick-run", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=over, exact=True)).to_have_count(0)
    with site.store() as store, pytest.raises(RunNotFound):
        store.find_flow_run(over)


def test_the_state_of_a_run_is_set_with_the_reason(page, site, over):
    shown(page, site, over)
    page.get_by_role("button", name="Set state").click()
    asked = page.get_by_role("dialog")
    asked.get_by_role("combobox", name="State").select_option("FAILED")
    asked.get_by_role("textbox", name=re.compile("Why")).fill("the totals were wrong")
    asked.locator("button[type=submit]").click()
    expect(page.locator("header.run-head .badge").first).to_have_text("Failed")
    expect(page.get_by_role("region", name="What failed")).to_contain_text("the totals were wrong")
    assert state_of(site, over) == "FAILED"


def test_what_cannot_be_done_says_why(page, site, tmp_path):
    with running_flow(site.home, f"waiting:held:{tmp_path / 'never'}"):
        shown(page, site, "waiting-held")
        delete = page.get_by_role("button", name="Delete", exact=True)
        expect(delete).to_be_disabled()
        expect(delete).to_have_attribute("title", re.compile("cancel it first"))
    page.goto(site.place("/runs/{broken-run}"))
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    expect(cancel).to_be_disabled()
    expect(cancel).to_have_attribute("title", re.compile("nothing to cancel"))


def test_what_the_server_refuses_is_said_where_it_was_asked(page, site, over, provoked):
    shown(page, site, over)
    body = '{"code": "busy", "message": "Not now.", "hint": "Later.", "details": {}}'
    refusal = {"status": 409, "content_type": "application/json", "body": body}
    page.route("**/api/flow-runs/*", lambda route: route.fulfill(**refusal))
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("dialog")
    asked.get_by_role("button", name="Delete the run").click()
    expect(asked.get_by_role("alert")).to_contain_text("Not now.")
    provoked += ["409"]


def test_an_id_and_a_command_are_copied(opened, site):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    page.goto(site.place("/runs/{broken-run}"))
    page.get_by_role("button", name="Copy id").first.click()
    expect(page.get_by_text("Copied").first).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == site.run("broken-run")
    page.get_by_role("button", name="Copy run command").click()
    expect(page.get_by_text("Copied").nth(1)).to_be_attached()
    assert "flows:broken" in page.evaluate("navigator.clipboard.readText()")


def test_a_task_run_is_cancelled_once_it_is_confirmed(page, site, tmp_path):
    with running_flow(site.home, f"crowd:one:2:{tmp_path / 'never'}") as process:
        page.goto(site.url + "/runs?kind=task&name=one-")
        page.get_by_role("link", name="one-1", exact=True).click()
        badge = page.locator("header.run-head .badge").first
        expect(badge).to_have_text("Running")
        state = page.get_by_role("button", name="Set state")
        expect(state).to_be_disabled()
        expect(state).to_have_attribute("title", re.compile("cancel it first"))
        page.get_by_role("button", name="Cancel", exact=True).click()
        asked = page.get_by_role("dialog", name="Cancel one-1?")
        asked.get_by_role("button", name="Cancel the task run").click()
        expect(badge).to_have_text("Cancelled")
        expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_disabled()
        assert process.poll() is None  # the other one goes on


def test_the_state_of_a_task_run_is_set_and_its_id_is_copied(opened, site):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    run = site.task_run("crashed-run", "load")
    page.goto(f"{site.url}/task-runs/{run}")
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_text("Copied").first).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == run
    page.get_by_role("button", name="Set state").click()
    asked = page.get_by_role("dialog", name="Set the state of load-1")
    asked.get_by_role("combobox", name="State").select_option("FAILED")
    asked.get_by_role("textbox", name=re.compile("Why")).fill("the row was wrong")
    asked.locator("button[type=submit]").click()
    expect(page.locator("header.run-head .badge").first).to_have_text("Failed")
    expect(page.locator("main")).to_contain_text("the row was wrong")
    assert site.ask(f"task-runs/{run}")["state"]["message"] == "the row was wrong"
