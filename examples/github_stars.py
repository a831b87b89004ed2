"""The stars and open issues of some repositories, asked for all at once from a server that fails.

A task asks for one repository. It is tried again where the server has trouble, and not where the
repository does not exist. A flow maps the task over the repositories and prints a table. Started
as a program, it asks a small server of its own on this machine, which knows a few repositories (the
figures are invented) and answers some first requests with an error:

    python examples/github_stars.py

As a flow it asks GitHub:

    flowstone run examples/github_stars.py:show_stars
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError

from flowstone import State, Task, flow, task

GITHUB = "https://api.github.com"
REPOSITORIES = (
    "encode/httpx",
    "nobody/nothing",
    "pallets/flask",
    "pydantic/pydantic",
    "pytest-dev/pytest",
    "python/cpython",
)


class Stats(NamedTuple):
    """What is counted of a repository."""

    stars: int
    open_issues: int


def is_temporary(_task: Task[..., Any], _run: object, state: State) -> bool:
    """Whether another request may be answered: the server has trouble, or cannot be reached."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, HTTPError):
        return error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, URLError | TimeoutError)


@task(
    task_run_name="stats of {repository}",
    retries=3,
    retry_delay_seconds=0.2,
    retry_condition_fn=is_temporary,
)
def get_stats(repository: str, api: str) -> Stats:
    """Return the figures of a repository. Raises `HTTPError` where the server answers with one."""
    url = f"{api}/repos/{repository}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  ours or GitHub
            found = json.load(answer)
    except HTTPError as error:
        error.close()  # it is kept as the run's error; its connection need not be
        raise
    return Stats(found["stargazers_count"], found["open_issues_count"])


@flow(log_prints=True)
def show_stars(repositories: tuple[str, ...] = REPOSITORIES, api: str = GITHUB) -> dict[str, Stats]:
    """Print a table of the repositories, and return the figures of those that there are."""
    asked = get_stats.map(repositories, api)
    asked.wait()
    print(f"{'repository':20}{'stars':>9}{'open issues':>13}")
    found: dict[str, Stats] = {}
    for repository, future in zip(repositories, asked, strict=True):
        if future.state.is_completed():
            stats = found[repository] = future.result()
            print(f"{repository:20}{stats.stars:9,}{stats.open_issues:13,}")
        else:
            print(f"{repository:20}  {future.result(raise_on_failure=False)}")
    return found


class Entry(NamedTuple):
    """What the server on this machine knows of a repository, and how often it fails to say so."""

    stats: Stats
    failures: int


CATALOGUE = {
    "encode/httpx": Entry(Stats(13_000, 100), failures=1),
    "pallets/flask": Entry(Stats(68_000, 10), failures=0),
    "pydantic/pydantic": Entry(Stats(21_000, 500), failures=2),
    "pytest-dev/pytest": Entry(Stats(12_000, 900), failures=0),
    "python/cpython": Entry(Stats(63_000, 9_000), failures=3),
}


class Api(BaseHTTPRequestHandler):
    """Answers as GitHub does, from the catalogue, once it has failed as often as stands there."""

    requests: Counter[str]
    lock: threading.Lock

    def do_GET(self) -> None:
        """Answer one request."""
        repository = self.path.removeprefix("/repos/")
        time.sleep(0.05)  # as a network would
        with self.lock:
            self.requests[repository] += 1
            number = self.requests[repository]
        entry = CATALOGUE.get(repository)
        if entry is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif number <= entry.failures:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            stars, open_issues = entry.stats
            self.answer({"stargazers_count": stars, "open_issues_count": open_issues})

    def answer(self, found: dict[str, int]) -> None:
        """Send what was found, as JSON."""
        body = json.dumps(found).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing: the flow's own log tells of each request."""


@contextmanager
def local_api() -> Iterator[str]:
    """Run the server in a thread of this process, and give its address."""
    handler = type("CountingApi", (Api,), {"requests": Counter(), "lock": threading.Lock()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Show the stars that the server on this machine knows of."""
    os.environ["no_proxy"] = "*"  # a proxy would look for the server on a machine of its own
    with local_api() as api:
        show_stars(api=api)


if __name__ == "__main__":
    main()
