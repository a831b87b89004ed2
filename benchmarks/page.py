"""How quick the page of a large flow run is, in Chromium: to be usable, to zoom, to show a change.

Makes a flow run of `--task-runs` in a throwaway home, starts a server over it, and measures

- from asking for the page until its header and its first bars are there, and until all bars are;
- the time of the main thread for each frame while the wheel zooms the timeline for `--seconds`;
- from the moment at which a flow run ends until its page says so (`--changes` times);
- by how much the heap of an open page grew in `--minutes` of a flow run that goes on.

The page has to be built (`scripts/build-ui`), and Chromium to be found (`--chromium`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from live import server
from playwright.sync_api import Browser, Page, sync_playwright

_LARGE = """
import sys
from flowstone import flow, task
from flowstone.futures import wait

@task
def first(number): return number

@task
def second(number):
    if number % 997 == 3:
        raise ValueError(number)
    return number

@flow
def large(count):
    wait(second.map(first.map(range(count))))

large(int(sys.argv[1]) // 2)
"""
_ENDING = """
import sys, time
from flowstone import flow

@flow
def ending():
    sys.stdin.readline()
    print(time.time(), flush=True)

for line in sys.stdin:
    ending()
"""
_GOING_ON = """
import time
from flowstone import flow, get_run_logger, task

@task
def step(number):
    get_run_logger().info("step %s", number)
    time.sleep(0.02)
    return number

@flow
def going_on():
    number = 0
    while True:
        step.submit(number).result()
        number += 1

going_on()
"""
_DRAWN = "document.querySelector('h1') && document.querySelector('.timeline canvas')"
_WHOLE = f"{_DRAWN} && !document.querySelector('.part-note')"
_BADGE = "document.querySelector('.run-head .badge')?.textContent"
_WATCH = f"""new Promise(resolve => {{
    const look = () => {{ if ({_BADGE} === 'Completed') resolve(Date.now()); }};
    new MutationObserver(look).observe(
        document.body, {{ childList: true, subtree: true, characterData: true }});
    look();
}})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task-runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--changes", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowstone-page-") as home, server(home) as found:
        run_code(home, _LARGE, str(arguments.task_runs))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox"]
            )
            host, port = found[1]
            measure(browser, home, f"http://{host}:{port}", arguments)
            browser.close()


def measure(browser: Browser, home: str, address: str, arguments: argparse.Namespace) -> None:
    """Print all figures."""
    large = f"{address}/runs/{newest_run(address)}"
    usable, whole = zip(*(opened(browser, large) for _ in range(arguments.rounds)), strict=True)
    print(
        f"{arguments.task_runs:,} task runs: usable after {statistics.median(usable):.0f} ms, "
        f"whole after {statistics.median(whole):.0f} ms (medians of {arguments.rounds})"
    )
    frames = zoomed(browser, large, arguments.seconds)
    print(
        f"zooming: main thread {percentile(frames, 0.5):.1f} ms a frame, p95 "
        f"{percentile(frames, 0.95):.1f} ms, longest {max(frames):.1f} ms ({len(frames)} frames)"
    )
    if arguments.changes:
        shown = list(changes(browser, home, address, arguments.changes))
        print(
            f"a state on screen: median {statistics.median(shown):.0f} ms after it was there, "
            f"longest {max(shown):.0f} ms ({len(shown)})"
        )
    if arguments.minutes:
        before, after = heap(browser, home, address, arguments.minutes)
        print(
            f"heap of an open page: {before / 2**20:.1f} MiB, after {arguments.minutes:g} minutes "
            f"of changes {after / 2**20:.1f} MiB"
        )


def opened(browser: Browser, url: str) -> tuple[float, float]:
    """Return the milliseconds until a page is usable, and until all of it is there."""
    page = browser.new_page(bypass_csp=True)
    page.goto(url, wait_until="commit")
    usable = page.wait_for_function(f"{_DRAWN} && performance.now()", timeout=60_000).json_value()
    whole = page.wait_for_function(f"{_WHOLE} && performance.now()", timeout=60_000).json_value()
    page.close()
    return usable, whole


def zoomed(browser: Browser, url: str, seconds: float) -> list[float]:
    """Return the milliseconds of the main thread for each frame while the wheel zooms."""
    page = browser.new_page(bypass_csp=True)
    page.goto(url)
    page.wait_for_function(_WHOLE, timeout=60_000)
    box = page.locator(".timeline canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.wait_for_timeout(1_000)
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    ends = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < ends:
        page.mouse.wheel(0, -60 if turn % 80 < 40 else 60)  # in, and out again
        turn += 1
        page.wait_for_timeout(8)
    trace = browser.stop_tracing()
    page.close()
    return frame_times(json.loads(trace)["traceEvents"])


def frame_times(events: Sequence[dict[str, Any]]) -> list[float]:
    """Return what the main thread worked between each two frames that it drew, in milliseconds.

    It is the thread's own time: what else runs on the machine does not count.
    """
    drawn = [one for one in events if one["name"] == "FireAnimationFrame"]
    if not drawn:
        raise SystemExit("The trace has no frames: did the wheel reach the timeline?")
    thread = drawn[0]["pid"], drawn[0]["tid"]
    begins = sorted(one["ts"] for one in drawn if (one["pid"], one["tid"]) == thread)
    tasks = sorted(
        (one["ts"], one.get("dur", 0), one.get("tdur", one.get("dur", 0)))
        for one in events
        if (one["pid"], one["tid"]) == thread
        and one["name"] in ("RunTask", "ThreadControllerImpl::RunTask")
        and one["ph"] == "X"
    )
    times = [0.0] * len(begins)
    at, busy_until = 0, 0
    for start, duration, worked in tasks:
        if start < busy_until:
            continue  # within the task before
        busy_until = start + duration
        while at < len(begins) - 1 and begins[at] < start:
            at += 1
        times[at] += worked / 1_000
    return times[1:-1]


def changes(browser: Browser, home: str, address: str, count: int) -> Iterator[float]:
    """Give the milliseconds from the end of a flow run until its page says that it ended."""
    with process(home, _ENDING) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        page = browser.new_page(bypass_csp=True)
        known = newest_run(address)
        for _ in range(count):
            running.stdin.write("begin\n")
            running.stdin.flush()
            while (run := newest_run(address)) == known:
                time.sleep(0.05)
            known = run
            page.goto(f"{address}/runs/{run}")
            page.wait_for_function(f"{_BADGE} === 'Running'", timeout=30_000)
            page.wait_for_timeout(500)
            running.stdin.write("end\n")
            running.stdin.flush()
            ended = float(running.stdout.readline())
            yield page.evaluate(_WATCH) - ended * 1_000
        page.close()


def heap(browser: Browser, home: str, address: str, minutes: float) -> tuple[int, int]:
    """Return the bytes of an open page's heap after its first seconds, and some minutes later."""
    known = newest_run(address)
    with process(home, _GOING_ON):
        while (run := newest_run(address)) == known:
            time.sleep(0.2)
        page = browser.new_page(bypass_csp=True)
        page.goto(f"{address}/runs/{run}?tab=logs")
        page.wait_for_selector(".line", timeout=30_000)
        page.wait_for_timeout(10_000)
        before = used(page)
        page.wait_for_timeout(minutes * 60_000)
        after = used(page)
        page.close()
    return before, after


def used(page: Page) -> int:
    """Return the bytes that a page's heap holds after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    found: dict[str, Any] = session.send("Runtime.getHeapUsage")
    session.detach()
    return int(found["usedSize"])


def newest_run(address: str) -> str:
    """Return the id of the newest flow run, nothing where there is none."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("GET", "/api/flow-runs?limit=1")
    items = json.loads(connection.getresponse().read())["items"]
    connection.close()
    return str(items[0]["id"]) if items else ""


def run_code(home: str, code: str, *arguments: str) -> None:
    """Run a program over a home to its end."""
    environ = environment(home)
    subprocess.run([sys.executable, "-c", code, *arguments], env=environ, check=True)


@contextmanager
def process(home: str, code: str) -> Iterator[subprocess.Popen[str]]:
    """Give a program that runs over a home; it is ended behind."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(home) | {"FLOWSTONE_LOGGING_LEVEL": "INFO"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                running.kill()


def environment(home: str) -> dict[str, str]:
    return {**os.environ, "FLOWSTONE_HOME": home, "FLOWSTONE_LOGGING_LEVEL": "CRITICAL"}


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


if __name__ == "__main__":
    main()
