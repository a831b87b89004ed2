"""Who holds the slots of a limit and who waits for them, while they do; pictures from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.commands import environ_of, flowstone

sync_api: Any = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOLDING = """
import sys, threading
from flowstone import flow, task

go = threading.Event()

@task(tags=["scarce"], task_run_name="hold-{number}")
def hold(number):
    go.wait(60)

@flow
def holding():
    held = hold.map(range(3))
    sys.stdin.readline()
    go.set()
    held.wait()

holding()
"""


@pytest.fixture
def holder(site) -> Iterator[subprocess.Popen[str]]:
    """Give a process of which two runs hold the slots of `tag:scarce`, and one waits."""
    flowstone(site.home, "gcl", "create", "tag:scarce", "--limit", "2")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING], env=environ_of(site.home), stdin=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    flowstone(site.home, "gcl", "delete", "tag:scarce")


def test_a_limit_shows_who_holds_its_slots_and_who_waits_as_they_do(page, site, holder):
    page.goto(site.url + "/limits")
    page.get_by_role("link", name="tag:scarce", exact=True).click()
    panel = page.get_by_role("region", name="One limit")
    expect(panel).to_contain_text("2 of 2 taken: it is full")
    expect(panel).to_contain_text("1 waiting")
    expect(panel.get_by_role("link", name=re.compile(r"hold-\d task run"))).to_have_count(2)
    expect(panel.get_by_role("cell", name=f"{holder.pid} on the server")).to_have_count(2)
    holder.communicate("go\n", timeout=60)
    expect(panel).to_contain_text("Nobody holds a slot.")
    expect(panel).to_contain_text("Nobody waits.")


def test_the_holder_of_a_slot_leads_to_its_run(page, site, holder):
    page.goto(site.url + "/limits?prefix=tag")
    panel = page.get_by_role("region", name="One limit")
    panel.get_by_role("link", name=re.compile(r"hold-\d task run")).first.click()
    expect(page).to_have_url(re.compile(r"kind=task.*name=hold-\d"))
    expect(page.get_by_role("link", name=re.compile(r"^hold-\d$")).first).to_be_visible()
    assert holder.poll() is None


def test_a_picture_from_elsewhere_is_asked_for_once_it_is_wanted(page, site, elsewhere):
    page.goto(site.place("/artifacts/{picture}"))
    data = page.get_by_role("region", name="Data")
    show = data.get_by_role("button", name="Show the picture from example.org")
    expect(show).to_be_visible()
    assert elsewhere == []
    show.click()
    picture = data.get_by_role("img")
    expect(picture).to_have_attribute("src", "https://example.org/picture.png")
    expect(picture).to_have_js_property("complete", value=True)
    assert elsewhere == ["https://example.org/picture.png"]
