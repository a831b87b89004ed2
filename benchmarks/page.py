"""How quick the page of a large flow run is, in Chromium: to be usable, to zoom, to show a change.

Makes a flow run of `--task-runs` in a throwaway home, starts a server over it, and measures

- from asking for the page until its header and its first bars are there, and until all bars are;
- the time of the main thread for each frame while the wheel zooms the timeline for `--seconds`;
- from the moment at which a flow run ends until its page says so (`--changes` times);
- the log of a run of `--log-lines`: until its lines are there, until its end is, until a search
  is answered, and the longest task of the main thread while the wheel scrolls;
- the heap of three open pages, each minute for `--minutes` of a flow run that goes on.

With `--history` it measures the home page instead, over what `make_history.py` made: from asking
for it until its cards hold their data. Nothing is deleted there.

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
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from live import server
from make_history import FOLDER
from playwright.sync_api import Browser, Page, sync_playwright

from throwaway import kept_postgres

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
_LOGGING = """
import sys
from flowstone import flow, get_run_logger

@flow
def logging(count):
    log = get_run_logger()
    for number in range(count):
        log.info("row %s was read%s", number, " as a needle" if number % 99_991 == 7 else "")

logging(int(sys.argv[1]))
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
_HOME = "document.querySelector('.home .card h2') && !document.querySelector('.loading')"
_KEEP_ALL = {f"FLOWSTONE_RETENTION_{kind}_DAYS": "0" for kind in ("RUNS", "LOG_LINES", "ARTIFACTS")}
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
    parser.add_argument("--log-lines", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=int, default=2)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    parser.add_argument("--history", choices=("sqlite", "postgres"), help="home, over this history")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    figures = over_history(arguments) if arguments.history else over_new_runs(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def over_new_runs(arguments: argparse.Namespace) -> dict[str, float]:
    """Print and return the figures of a flow run that is made for it."""
    with tempfile.TemporaryDirectory(prefix="flowstone-page-") as home, server(home) as found:
        if arguments.task_runs:
            run_code(home, _LARGE, str(arguments.task_runs))
        with chromium(arguments.chromium) as browser:
            return measure(browser, home, url_of(found[1]), arguments)


def over_history(arguments: argparse.Namespace) -> dict[str, float]:
    """Print and return how long the home page takes over the history that was made before."""
    os.environ |= _KEEP_ALL
    with ExitStack() as stack:
        if arguments.history == "postgres":
            url = stack.enter_context(kept_postgres(FOLDER / "postgres"))
            os.environ["FLOWSTONE_SERVER_DATABASE_CONNECTION_URL"] = url
        _, address = stack.enter_context(server(str(FOLDER / "sqlite")))
        browser = stack.enter_context(chromium(arguments.chromium))
        times = [first_view(browser, url_of(address)) for _ in range(arguments.rounds)]
    print(
        f"home on the history in {arguments.history}: first view after "
        f"{statistics.median(times):.0f} ms, longest {max(times):.0f} ms ({len(times)})"
    )
    return {"home_first_view": statistics.median(times)}


def first_view(browser: Browser, url: str) -> float:
    """Return the milliseconds until the cards of the home page hold their data."""
    page = browser.new_page(bypass_csp=True)
    page.goto(url, wait_until="commit")
    shown: float = page.wait_for_function(
        f"{_HOME} && performance.now()", timeout=60_000
    ).json_value()
    page.close()
    return shown


def measure(
    browser: Browser, home: str, address: str, arguments: argparse.Namespace
) -> dict[str, float]:
    """Print all figures, and return those that have a budget, in milliseconds."""
    figures = large_run(browser, address, arguments) if arguments.task_runs else {}
    if arguments.changes:
        shown = list(changes(browser, home, address, arguments.changes))
        print(
            f"a state on screen: median {statistics.median(shown):.0f} ms after it was there, "
            f"longest {max(shown):.0f} ms ({len(shown)})"
        )
        figures["change"] = statistics.median(shown)
    if arguments.log_lines:
        figures |= long_log(browser, home, address, arguments)
    if arguments.minutes:
        for name, sizes in heaps(browser, home, address, arguments.minutes).items():
            text = ", ".join(f"{size / 2**20:.1f}" for size in sizes)
            print(f"heap of {name} that stays open, in MiB, a minute apart: {text}")
    return figures


def large_run(browser: Browser, address: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Print and return how quick the page of the newest run is, which is a large one."""
    large = f"{address}/runs/{newest_run(address)}"
    usable, whole = zip(*(opened(browser, large) for _ in range(arguments.rounds)), strict=True)
    print(
        f"{arguments.task_runs:,} task runs: usable after {statistics.median(usable):.0f} ms, "
        f"whole after {statistics.median(whole):.0f} ms (medians of {arguments.rounds})"
    )
    figures = {"usable": statistics.median(usable), "whole": statistics.median(whole)}
    frames = zoomed(browser, large, arguments.seconds)
    figures["zoom_frame_p95"] = percentile(frames, 0.95)
    print(
        f"zooming: main thread {percentile(frames, 0.5):.1f} ms a frame, p95 "
        f"{percentile(frames, 0.95):.1f} ms, longest {max(frames):.1f} ms ({len(frames)} frames)"
    )
    return figures


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


def long_log(
    browser: Browser, home: str, address: str, arguments: argparse.Namespace
) -> dict[str, float]:
    """Print and return how quick the log of a run is that logged very much."""
    run_code(home, _LOGGING, str(arguments.log_lines), FLOWSTONE_LOGGING_LEVEL="INFO")
    url = f"{address}/runs/{newest_run(address)}?tab=logs"
    opening = [lines_opened(browser, url) for _ in range(arguments.rounds)]
    page = browser.new_page(bypass_csp=True)
    page.goto(url)
    page.wait_for_selector(".line-text")
    longest = scrolled(browser, page, arguments.seconds)
    end = timed(page, "Latest", f"row {arguments.log_lines - 1} was read")
    size = used(page)
    page.get_by_role("searchbox").first.fill("needle")
    page.wait_for_selector(".lines mark", timeout=60_000)
    found = page.evaluate("performance.now() - window.asked")
    page.close()
    print(
        f"{arguments.log_lines:,} log lines: usable after {statistics.median(opening):.0f} ms, "
        f"the end {end:.0f} ms, a search {found:.0f} ms after it was asked for; scrolling: longest "
        f"task {longest:.1f} ms; heap {size / 2**20:.1f} MiB"
    )
    return {"log_usable": statistics.median(opening), "log_scroll_longest": longest}


def lines_opened(browser: Browser, url: str) -> float:
    """Return the milliseconds until lines of a log are in view."""
    page = browser.new_page(bypass_csp=True)
    page.goto(url, wait_until="commit")
    there = "document.querySelector('.line-text') && performance.now()"
    shown: float = page.wait_for_function(there, timeout=60_000).json_value()
    page.close()
    return shown


def timed(page: Page, button: str, text: str) -> float:
    """Return the milliseconds from a click until there is a text."""
    page.evaluate(
        "document.addEventListener('pointerdown', () => { window.asked = performance.now(); });"
        "document.addEventListener('input', () => { window.asked = performance.now(); });"
    )
    page.get_by_role("button", name=button).click()
    page.get_by_text(text).wait_for(timeout=60_000)
    found: float = page.evaluate("performance.now() - window.asked")
    return found


def scrolled(browser: Browser, page: Page, seconds: float) -> float:
    """Return the longest task of the main thread, in milliseconds, while the wheel scrolls."""
    page.locator(".lines").hover()
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        page.mouse.wheel(0, 2_000)
        page.wait_for_timeout(16)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    mains = {
        (one["pid"], one["tid"])
        for one in events
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    return max(
        float(one.get("tdur", one["dur"])) / 1_000
        for one in events
        if (one["pid"], one["tid"]) in mains and one["name"].endswith("RunTask") and "dur" in one
    )


def heaps(browser: Browser, home: str, address: str, minutes: int) -> dict[str, list[int]]:
    """Return the bytes that open pages hold: after their first seconds, and each minute later."""
    known = newest_run(address)
    found: dict[str, list[int]] = {}
    with process(home, _GOING_ON):
        while (run := newest_run(address)) == known:
            time.sleep(0.2)
        places = {
            "home": "",
            "a run's log": f"runs/{run}?tab=logs",
            "its graph": f"runs/{run}?tab=graph",
            "its timeline": f"runs/{run}",
        }
        pages = {name: browser.new_page(bypass_csp=True) for name in places}
        for name, page in pages.items():
            page.goto(f"{address}/{places[name]}")
            page.wait_for_selector("h1", timeout=120_000)
        next(iter(pages.values())).wait_for_timeout(20_000)
        for _ in range(minutes + 1):
            began = time.monotonic()
            for name, page in pages.items():
                found.setdefault(name, []).append(used(page))
            pages["home"].wait_for_timeout(max(0.0, 60 - (time.monotonic() - began)) * 1_000)
        for page in pages.values():
            page.close()
    return found


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


def run_code(home: str, code: str, *arguments: str, **variables: str) -> None:
    """Run a program over a home to its end."""
    environ = environment(home) | variables
    words = [sys.executable, "-c", code, *arguments]
    subprocess.run(words, env=environ, check=True, stderr=subprocess.DEVNULL)  # a million lines


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


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def url_of(address: tuple[str, int]) -> str:
    return f"http://{address[0]}:{address[1]}"


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


if __name__ == "__main__":
    main()
