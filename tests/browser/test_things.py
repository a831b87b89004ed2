"""Flows and tasks, limits, artifacts, variables, settings."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from tests.browser.site import run_flows

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def name():
    """Give a name of its own, for a limit or a variable."""
    return f"made-{uuid.uuid4().hex[:8]}"


def names(site, kind):
    return [one["name"] for one in site.ask(f"{kind}?limit=200")["items"]]


def test_a_flow_has_a_page_with_its_runs_and_how_long_they_took(page, site):
    page.goto(site.url + "/flows")
    page.get_by_role("searchbox").fill("bro")
    expect(page.get_by_role("link", name="nightly", exact=True)).to_have_count(0)
    page.get_by_role("link", name="broken", exact=True).click()
    expect(page).to_have_url(re.compile(r"/flows/broken"))
    expect(page.get_by_role("heading", level=1)).to_have_text("broken")
    expect(page.get_by_role("link", name="broken-run", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Durations")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_a_task_has_a_page_with_its_runs(page, site):
    page.goto(site.url + "/flows")
    page.get_by_role("link", name="Tasks", exact=True).click()
    page.get_by_role("link", name="check", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("check")
    expect(page.get_by_role("link", name="check-5", exact=True)).to_be_visible()


def test_a_limit_is_made_changed_reset_and_deleted(page, site, name):
    page.goto(site.url + "/limits")
    page.get_by_role("button", name="New limit").click()
    form = page.get_by_role("dialog", name="New limit")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Slots").fill("many")
    expect(form.get_by_role("button", name="Make it")).to_be_disabled()
    form.get_by_label("Slots").fill("7")
    form.get_by_role("button", name="Make it").click()
    panel = page.get_by_role("region", name="One limit")
    expect(panel).to_contain_text("0 of 7")
    assert name in names(site, "limits")
    panel.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog", name=f"Edit {name}")
    form.get_by_label("Slots").fill("9")
    form.get_by_role("button", name="Save").click()
    expect(panel).to_contain_text("0 of 9")
    panel.get_by_role("button", name="Reset").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset it").click()
    page.get_by_role("dialog", name=f"{name} was reset").get_by_role("button", name="Done").click()
    panel.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    assert name not in names(site, "limits")


def test_a_limit_that_is_there_already_is_told_in_its_form(page, site, provoked):
    page.goto(site.url + "/limits")
    page.get_by_role("button", name="New limit").click()
    form = page.get_by_role("dialog", name="New limit")
    form.get_by_label("Name").fill("db")
    form.get_by_role("button", name="Make it").click()
    expect(form.get_by_role("alert")).to_contain_text("db")
    provoked += ["409", "422", "400"]


def test_each_kind_of_artifact_is_shown_as_what_it_is(page, site):
    page.goto(site.place("/artifacts/{totals}"))
    data = page.get_by_role("region", name="Data")
    expect(data.get_by_role("cell", name="2026-01-31")).to_be_visible()
    page.goto(site.place("/artifacts/{notes}"))
    expect(data.get_by_role("heading", name="Totals")).to_be_visible()
    expect(data.locator("strong")).to_have_text("sum")
    page.goto(site.place("/artifacts/{report}"))
    expect(data.get_by_role("link", name="The report")).to_have_attribute(
        "href", "https://example.org/report"
    )
    page.goto(site.place("/artifacts/{done}"))
    expect(data).to_contain_text("75 %")


def test_artifacts_are_narrowed_by_type_and_lead_to_their_run(page, site):
    page.goto(site.url + "/artifacts")
    page.get_by_role("combobox", name="Type").select_option(label="Table")
    expect(page.get_by_role("link", name="notes", exact=True)).to_have_count(0)
    page.get_by_role("link", name="totals", exact=True).click()
    page.get_by_role("link", name="nightly-2026-01-31").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly-2026-01-31")


def test_a_version_of_an_artifact_is_copied_and_deleted_and_the_others_stay(opened, site):
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    key = f"made-{uuid.uuid4().hex[:8]}"
    run_flows(site.home, f"noting:{key}:first", f"noting:{key}:second")
    page.goto(site.url + "/artifacts")
    page.get_by_role("link", name=key, exact=True).click()
    data = page.get_by_role("region", name="Data")
    expect(data).to_contain_text("second")
    page.get_by_role("button", name="Copy data").click()
    expect(page.get_by_text("Copied").first).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == "second"
    page.get_by_role("button", name="Delete", exact=True).click()
    asked = page.get_by_role("dialog", name=f"Delete this version of {key}?")
    asked.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    asked.get_by_role("button", name="Delete it").click()
    page.get_by_role("link", name=key, exact=True).click()
    expect(data).to_contain_text("first")


def test_a_variable_is_made_changed_and_deleted(page, site, name):
    page.goto(site.url + "/variables")
    page.get_by_role("button", name="New variable").click()
    form = page.get_by_role("dialog", name="New variable")
    form.get_by_label("Name").fill(name)
    value = form.get_by_label("Value, as JSON")
    value.fill('{"size": }')
    expect(form.get_by_role("button", name="Line 1, column")).to_be_visible()
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    value.fill('{"size": 5}')
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text('{"size":5}')
    row.get_by_role("button", name=name, exact=True).click()
    form = page.get_by_role("dialog", name=name)
    form.get_by_label("Value, as JSON").fill("[1, 2]")
    form.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("[1,2]")
    row.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(row).to_have_count(0)
    assert name not in names(site, "variables")


def test_settings_show_the_server_and_find_a_setting(page, site):
    page.goto(site.url + "/settings")
    expect(page.get_by_text("All parts work")).to_be_visible()
    page.get_by_role("searchbox", name="Part of a setting's name").fill("log.sync")
    expect(page.get_by_role("row").filter(has_text="log.sync")).to_contain_text("none")
    expect(page.get_by_role("row")).to_have_count(2)
