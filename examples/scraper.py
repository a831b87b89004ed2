"""A bookshop's site, read by async tasks, flows and generators.

The catalogue's pages link to the next one, and to books. One book is there at the second request
only, one is gone, one takes too long. The site is a small server on this machine.

    python examples/scraper.py
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.error import HTTPError

from flowstone import State, flow, get_run_logger, tags, task
from flowstone.context import get_run_context
from flowstone.futures import wait
from flowstone.runtime import flow_run, task_run

TITLES = ["A Tale of Two Rivers", "The Stone", "Two Stones", "Gone", "The Slow River", "River Tale"]
ENDED: list[str] = []


async def has_trouble(_task: object, _run: object, state: State) -> bool:
    """Whether the site may answer another request."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, HTTPError) and error.code >= 500


async def note(_declared: object, run: Any, state: State) -> None:
    """Remember how a run ended."""
    await asyncio.sleep(0)
    ENDED.append(f"{run.name}: {state.name}")


def get(url: str) -> dict[str, Any]:
    """Return what is there, as JSON."""
    with urllib.request.urlopen(url, timeout=2.5) as answer:  # noqa: S310  the server below
        found: dict[str, Any] = json.load(answer)
    return found


@task(
    task_run_name="get {path}",
    tags=["http"],
    retries=2,
    retry_delay_seconds=[0.05, 0.1],
    retry_condition_fn=has_trouble,
    timeout_seconds=2,
    on_completion=[note],
    on_failure=[note],
)
async def fetch(site: str, path: str) -> dict[str, Any]:
    """Return what the site has under a path."""
    return await asyncio.to_thread(get, site + path)


@task
async def catalogue(site: str, path: str | None = "/pages/1") -> AsyncGenerator[str, None]:
    """Yield the paths of all books, page by page."""
    while path:
        page = await fetch(site, path)
        for book in page["books"]:
            yield book
        path = page["next"]


@task
def words(title: str) -> Generator[str, None, None]:
    """Yield the words of a title."""
    for word in title.lower().split():
        yield word.removesuffix("s")


@flow(flow_run_name=lambda: f"from {flow_run.parameters['first']}")
async def titles(site: str, first: int = 1) -> AsyncGenerator[str, None]:
    """Yield the titles of the books that can be had, in the catalogue's order."""
    paths = [path async for path in catalogue(site, f"/pages/{first}")]
    for state in await asyncio.gather(*(fetch(site, path, return_state=True) for path in paths)):
        if state.is_completed():
            yield (await state.aresult())["title"]
        else:
            get_run_logger().warning("No book: %s", state.message)


@task
async def describe() -> str:
    """Return what this run knows of itself."""
    context: Any = get_run_context()
    same = context.task_run.name == task_run.name
    return f"{task_run.task_name} in {flow_run.name}, {sorted(task_run.tags)}, {same}"


@flow(flow_run_name="count", validate_parameters=False)
async def count(found: list[str]) -> tuple[str, Counter[str]]:
    """Return what was done, and how often each word is in the titles."""
    futures = words.map(found)
    done, not_done = wait(futures)
    counted = Counter(word for split in futures.result() for word in split)
    return f"{await describe()}: {len(done)} titles, not {len(not_done)}", counted


@task
async def is_up(site: str) -> bool:
    """Whether the site answers."""
    return "books" in await asyncio.to_thread(get, f"{site}/pages/2")


@flow(flow_run_name="watch", log_prints=True, on_crashed=[note], on_completion=[note])
async def watch(site: str, seen: asyncio.Event) -> None:
    """Look again and again, until this is cancelled."""
    while await is_up(site):
        print("up")  # goes to the log of the run
        seen.set()


@flow
async def read_site(site: str) -> str:
    """Print what the site has, and return a summary."""
    found = []
    async for title in titles(site):
        print(title)
        found.append(title)
    with tags("nightly", "words"):
        for done, counted in await asyncio.gather(count(found), count([*found, "The End"])):
            print(done, counted.most_common(3), sep="\n")
    late = fetch.submit(site, "/books/2")  # runs beside this
    again = fetch.submit(site, "/books/3", wait_for=[late], return_state=True)
    return f"{late.result()['title']}; {again.message}"


class Site(BaseHTTPRequestHandler):
    """Answers for the bookshop."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Answer a request."""
        self.asked[self.path] += 1
        _, kind, number = self.path.split("/")
        time.sleep(5 if number == "4" else 0.01)
        if kind == "pages":
            first = 3 * int(number) - 3
            books = [f"/books/{book}" for book in range(first, first + 3)]
            self.answer(200, {"books": books, "next": "/pages/2" if number == "1" else None})
        elif number == "1" and self.asked[self.path] == 1:
            self.answer(503, {})
        else:
            self.answer(404 if number == "3" else 200, {"title": TITLES[int(number)]})

    def answer(self, status: int, found: dict[str, Any]) -> None:
        """Send what was found, unless nobody waits any more."""
        body = json.dumps(found).encode()
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing: the log of each run tells enough."""


@contextmanager
def local_site() -> Iterator[str]:
    """Run the server in a thread of this process, and give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def main() -> None:
    """Read the site, watch it for a moment, and print how the runs ended."""
    os.environ["no_proxy"] = "*"  # a proxy would look for the server on a machine of its own
    with local_site() as site:
        print(await read_site(site))
        seen = asyncio.Event()
        watching = asyncio.create_task(watch(site, seen))
        await seen.wait()
        watching.cancel()
        try:
            await watching
        except asyncio.CancelledError:
            print("watched enough")
    for ended in sorted(ENDED):
        print(ended)


if __name__ == "__main__":
    asyncio.run(main())
