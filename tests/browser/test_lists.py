"""The list of runs with its filters, the search box, home."""

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


TYPE_AND_FOLLOW = """async () => {
    const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
    const field = document.querySelector("input[type=search]");
    set.call(field, "quick");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => setTimeout(done));
    [...document.querySelectorAll("a")].find(({ text }) => text === "quick-run").click();
}"""


def run_link(page, name):
    return page.get_by_role("table").get_by_role("link", name=name, exact=True)


def test_what_is_asked_of_the_list_is_in_its_address(page, site):
    page.goto(site.url + "/runs")
    page.get_by_role("button", name="State", exact=True).click()
    page.get_by_role("checkbox", name="Failed").check()
    expect(run_link(page, "broken-run")).to_be_visible()
    expect(run_link(page, "quick-run")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("FAILED"))
    page.reload()
    expect(run_link(page, "broken-run")).to_be_visible()
    expect(run_link(page, "quick-run")).to_have_count(0)
    page.get_by_role("button", name="Any state").click()
    expect(run_link(page, "quick-run")).to_be_visible()


def test_a_name_narrows_the_list_and_what_fits_nothing_says_so(page, site):
    page.goto(site.url + "/runs")
    name = page.get_by_role("searchbox", name="Name of a run")
    name.fill("broken")
    expect(run_link(page, "quick-run")).to_have_count(0)
    expect(run_link(page, "broken-run")).to_be_visible()
    name.fill("no-such-run")
    expect(page.get_by_text("No flow run fits the filter")).to_be_visible()
    page.get_by_role("link", name="Show all flow runs").click()
    expect(run_link(page, "quick-run")).to_be_visible()


def test_task_runs_have_a_list_of_their_own(page, site):
    page.goto(site.url + "/runs")
    page.get_by_role("link", name="Task runs", exact=True).click()
    page.get_by_role("searchbox", name="Name of a task run").fill("check-2")
    run_link(page, "check-2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("check-2")


def test_a_link_is_followed_also_before_what_was_typed_is_told(page, site):
    """What the field tells behind its pause does not take the reader back from where he went."""
    page.goto(site.url + "/runs")
    expect(run_link(page, "quick-run")).to_be_visible()
    page.route("**/assets/*.js", lambda _: None)  # held until it is taken back
    with page.expect_request("**/assets/RunPage*.js"):
        page.evaluate(TYPE_AND_FOLLOW)
    page.wait_for_timeout(300)  # longer than the field's pause
    page.unroute("**/assets/*.js")
    expect(page.get_by_role("heading", level=1)).to_have_text("quick-run")


def test_runs_are_deleted_together_and_those_that_run_are_refused(page, site, tmp_path):
    name = f"bulk-{uuid.uuid4().hex[:8]}"
    run_flows(site.home, f"quick:{name}")
    with running_flow(site.home, f"waiting:{name}:{tmp_path / 'never'}"):
        page.goto(f"{site.url}/runs?name={name}")
        page.get_by_role("checkbox", name=f"Select {name}").check()
        page.get_by_role("checkbox", name=f"Select waiting-{name}").check()
        tools = page.get_by_role("toolbar", name="Selected runs")
        expect(tools).to_contain_text("2 selected")
        tools.get_by_role("button", name="Delete").click()
        asked = page.get_by_role("dialog", name=re.compile("^Delete 2 runs"))
        asked.get_by_role("button", name="Delete them").click()
        expect(asked).to_contain_text("1 deleted")
        expect(asked).to_contain_text("1 refused")
        expect(asked.get_by_role("list", name="Why not")).to_contain_text(f"waiting-{name}")
        asked.get_by_role("button", name="Close").click()
        expect(run_link(page, name)).to_have_count(0)
    with site.store() as store, pytest.raises(RunNotFound):
        store.find_flow_run(name)


def test_runs_are_cancelled_together(page, site, tmp_path):
    name = f"stop-{uuid.uuid4().hex[:8]}"
    with running_flow(site.home, f"waiting:{name}:{tmp_path / 'never'}") as process:
        page.goto(f"{site.url}/runs?name={name}")
        page.get_by_role("checkbox", name=f"Select waiting-{name}").check()
        page.get_by_role("toolbar").get_by_role("button", name="Cancel").click()
        asked = page.get_by_role("dialog", name=re.compile("^Cancel 1 run"))
        asked.get_by_role("button", name="Cancel them").click()
        asked.get_by_role("button", name="Close").click()
        expect(page.get_by_role("row").filter(has_text=f"waiting-{name}")).to_contain_text(
            "Cancelled"
        )
        process.wait(30)
    with site.store() as store:
        assert store.find_flow_run(f"waiting-{name}").state_type == "CANCELLED"


def test_all_flow_runs_that_fit_are_deleted_together(opened, site):
    page = opened()  # not so high that all is listed
    name = f"many-{uuid.uuid4().hex[:8]}"
    run_flows(site.home, f"many:{name}:130")
    page.goto(f"{site.url}/runs?name={name}")
    page.get_by_role("checkbox", name=f"Select {name}-129").check()
    tools = page.get_by_role("toolbar", name="Selected runs")
    tools.get_by_role("button", name="Select all that fit").click()
    expect(tools).to_contain_text("All that fit")
    tools.get_by_role("button", name="Delete").click()
    asked = page.get_by_role("dialog", name="Delete all runs that fit the filter?")
    asked.get_by_role("button", name="Delete them").click()
    done = page.get_by_role("dialog", name="Delete all runs that fit the filter")
    expect(done).to_contain_text("130 deleted")
    done.get_by_role("button", name="Close").click()
    expect(page.get_by_text("No flow run fits the filter")).to_be_visible()
    assert site.ask(f"flow-runs?name={name}")["items"] == []
    assert site.run("quick-run")


def test_all_task_runs_that_fit_are_cancelled_together(opened, site, tmp_path):
    page = opened()  # not so high that all is listed
    with running_flow(site.home, f"crowd:all:105:{tmp_path / 'never'}") as process:
        page.goto(f"{site.url}/runs?kind=task&name=all-104")
        expect(run_link(page, "all-104")).to_be_visible(timeout=60_000)
        page.goto(f"{site.url}/runs?kind=task&name=all-")
        page.get_by_role("checkbox", name="Select all-104").check()
        tools = page.get_by_role("toolbar", name="Selected runs")
        tools.get_by_role("button", name="Select all that fit").click()
        tools.get_by_role("button", name="Cancel").click()
        asked = page.get_by_role("dialog", name="Cancel all task runs that fit the filter?")
        asked.get_by_role("button", name="Cancel them").click()
        done = page.get_by_role("dialog", name="Cancel all task runs that fit the filter")
        expect(done).to_contain_text("105 asked to stop", timeout=60_000)
        done.get_by_role("button", name="Close").click()
        process.wait(60)
    expect(page.get_by_role("row").filter(has_text="all-104")).to_contain_text("Cancelled")
    site.settle("task-runs?name=all-&limit=200", ["CANCELLED"] * 105)


def test_what_fits_is_saved_as_csv(page, site):
    page.goto(f"{site.url}/runs?name=broken")
    expect(run_link(page, "broken-run")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    head, *rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert "name" in head
    assert len(rows) == 1
    assert "broken-run" in rows[0]


def test_a_filter_is_saved_for_all_and_forgotten(page, site, opened):
    name = f"only broken {uuid.uuid4().hex[:6]}"
    page.goto(f"{site.url}/runs?name=broken")
    page.get_by_role("button", name="Saved", exact=True).click()
    page.get_by_role("textbox", name="A name for this filter").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    other = opened()
    other.goto(f"{site.url}/runs")
    other.get_by_role("button", name="Saved", exact=True).click()
    other.get_by_role("button", name=name, exact=True).click()
    expect(other).to_have_url(re.compile("name=broken"))
    other.get_by_role("button", name="Saved", exact=True).click()
    other.get_by_role("button", name=f"Forget {name}").click()
    expect(other.get_by_role("button", name=name, exact=True)).to_have_count(0)


def test_the_search_box_finds_runs_flows_and_ids_by_keyboard(page, site, provoked):
    provoked += ["404"]  # an id is asked for among flow runs and among task runs
    page.goto(site.url + "/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    for text, heading in {
        "broken-r": "broken-run",
        "nightl": "nightly",
        site.run("crashed-run"): "crashed-run",
    }.items():
        page.keyboard.press("/")
        field = page.get_by_role("combobox", name="Search")
        field.fill(text)
        found = page.get_by_role("listbox", name="What was found")
        expect(found.get_by_role("option").first).to_contain_text(heading)
        field.press("ArrowDown")
        field.press("ArrowUp")
        field.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)


def test_home_shows_what_failed_until_it_was_looked_at(page, site):
    name = f"fails-{uuid.uuid4().hex[:8]}"
    run_flows(site.home, f"failing:{name}")
    page.goto(site.url + "/")
    failed = page.get_by_role("listitem").filter(has_text=name)
    expect(failed).to_contain_text("Failed")
    expect(failed).to_contain_text("ValueError: the price is missing")
    failed.get_by_role("button", name=f"Mark {name} as seen").click()
    expect(failed).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Flow runs")).to_be_visible()
    expect(failed).to_have_count(0)


def test_home_shows_what_runs_now_while_it_runs(page, site, tmp_path):
    name, file = f"now-{uuid.uuid4().hex[:8]}", tmp_path / "go-on"
    page.goto(site.url + "/")
    expect(page.get_by_role("heading", name="Running now")).to_be_visible()
    with running_flow(site.home, f"waiting:{name}:{file}") as process:
        runs = page.get_by_role("link", name=f"waiting-{name}")
        expect(runs).to_be_visible()
        row = page.get_by_role("listitem").filter(has=runs)
        expect(row).to_contain_text(re.compile(r"[1-9]\d* of \d"))
        file.touch()
        expect(runs).to_have_count(0)
        process.wait(30)
