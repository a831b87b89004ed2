"""The list of runs, a flow run with its tabs, a task run."""

from __future__ import annotations

import re
from typing import Any

import pytest

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
NIGHTLY = "/runs/{nightly-2026-01-31}"


def test_the_list_has_every_run_with_its_state_and_leads_to_it(page, site):
    page.goto(site.url + "/runs")
    for name, state in {
        "nightly-2026-01-31": "Completed",
        "broken-run": "Failed",
        "crashed-run": "Crashed",
    }.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text(state)
    page.get_by_role("link", name="broken-run", exact=True).click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("broken-run")
    expect(page).to_have_title(re.compile("broken-run Failed"))


def test_a_run_tells_how_it_stands_and_what_called_what(page, site):
    page.goto(site.place(NIGHTLY))
    head = page.locator("header.run-head")
    expect(head).to_contain_text("Completed")
    expect(head.get_by_role("link", name="nightly", exact=True)).to_be_visible()
    expect(head).to_contain_text(re.compile(r"25\s*completed"))
    page.goto(site.place("/runs/{publish-2026-01-31}"))
    page.get_by_role("link", name="nightly-2026-01-31").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly-2026-01-31")


def test_a_failed_run_says_why_and_how_to_run_it_again(page, site):
    page.goto(site.place("/runs/{broken-run}"))
    failed = page.get_by_role("region", name="What failed")
    expect(failed).to_contain_text("2 task runs failed")
    expect(failed).to_contain_text("ValueError: row 2 has no price")
    expect(failed.get_by_text("flowstone run").first).to_contain_text("flows:broken")
    expect(failed).to_contain_text('raise ValueError(f"row {row} has no price")')


def test_a_crashed_run_says_that_its_process_died(page, site):
    page.goto(site.place("/runs/{crashed-run}"))
    expect(page.get_by_role("region", name="What failed")).to_contain_text("died")
    expect(page.locator("header.run-head")).to_contain_text(re.compile(r"Took\s*> \d"))


def test_the_timeline_shows_each_task_and_a_run_that_is_selected(page, site):
    page.goto(site.place(NIGHTLY))
    expect(page.locator("canvas").first).to_be_visible()
    page.goto(site.place(NIGHTLY) + f"?run={site.task_run('nightly-2026-01-31', 'fragile')}")
    selected = page.get_by_role("complementary", name="The selected task run")
    expect(selected).to_contain_text("fragile")
    expect(selected).to_contain_text("Retrying")


def test_task_runs_are_grouped_and_narrowed_by_state_and_name(page, site):
    page.goto(site.place(NIGHTLY) + "?tab=task-runs")
    table = page.get_by_role("table", name="Task runs")
    for group in ("load", "parse", "fragile"):
        expect(table.get_by_role("button", name=re.compile(rf"^{group}"))).to_be_visible()
    table.get_by_role("button", name=re.compile("^load")).click()
    expect(table.get_by_role("link", name="load-11")).to_be_visible()
    page.get_by_role("searchbox", name="Name of a run").fill("load-1")
    expect(table.get_by_role("link", name="load-7")).to_have_count(0)
    expect(page).to_have_url(re.compile("name=load-1"))
    page.reload()
    expect(page.get_by_role("searchbox", name="Name of a run")).to_have_value("load-1")
    expect(table.get_by_role("link", name="load-10")).to_be_visible()


def test_the_graph_unfolds_a_task_into_its_runs(page, site):
    page.goto(site.place(NIGHTLY) + "?tab=graph")
    head = page.get_by_role("button", name=re.compile("^load ×12"))
    expect(head).to_have_attribute("aria-expanded", "false")
    cell = page.locator(".cell")
    expect(cell).to_have_count(0)
    head.click()
    expect(head).to_have_attribute("aria-expanded", "true")
    expect(page).to_have_url(re.compile("open=.*load"))
    page.reload()
    cell.filter(has_text="load-7").click()
    selected = page.get_by_role("complementary", name="The selected task run")
    expect(selected).to_contain_text("load-7")
    cell.filter(has_text="load-7").press("ArrowRight")
    expect(cell.filter(has_text="load-8")).to_be_focused()
    head.click()
    expect(cell).to_have_count(0)


def test_logs_are_searched_and_narrowed_by_level(page, site):
    page.goto(site.place(NIGHTLY) + "?tab=logs")
    lines = page.get_by_role("log", name="Log lines")
    expect(lines).to_contain_text("Loaded row 0")
    page.get_by_role("searchbox").first.fill("odd")
    expect(lines.locator("mark")).to_have_text("odd")
    expect(lines).not_to_contain_text("Loaded row")
    page.get_by_role("searchbox").first.fill("")
    page.get_by_role("combobox", name="Level").select_option("30")
    expect(lines).to_contain_text("Row 3 is odd")
    expect(lines).not_to_contain_text("Loaded row")


def test_the_lines_of_a_run_are_downloaded(page, site):
    page.goto(site.place(NIGHTLY) + "?tab=logs")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the lines").click()
    assert "Loaded row 11" in download.value.path().read_text()


def test_an_id_that_there_is_not_is_told(page, site, provoked):
    page.goto(site.url + "/runs/01980000-0000-7000-8000-000000000000")
    expect(page.get_by_text("There is no such flow run")).to_be_visible()
    provoked += ["404"]


def test_an_attempt_that_failed_tells_its_error_when_the_next_one_began_at_once(page, site):
    page.goto(site.place("/task-runs/{nightly-2026-01-31|fragile}"))
    attempts = page.get_by_role("listitem").filter(has_text="Attempt 1")
    expect(attempts).to_contain_text("the first time it fails")


def test_states_are_counted_by_the_names_that_people_gave_them(page, site):
    page.goto(site.place("/runs/{unready}"))
    counts = page.locator("header.run-head .counts")
    expect(counts).to_contain_text(re.compile(r"1\s*failed"))
    expect(counts).to_contain_text(re.compile(r"1\s*NotReady"))
    expect(counts).not_to_contain_text("pending")
