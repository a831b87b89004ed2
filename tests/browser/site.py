"""A home with runs, the server over it, and what a browser is told of both."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec

from flowstone.store.queries import Store, open_store
from tests.server.commands import environ_of, flowstone

ROOT = Path(__file__).parents[2]
FLOWS = Path(__file__).with_name("flows.py")
SECONDS = 60


@dataclass(frozen=True)
class Site:
    """Where the page is, and the home that it shows."""

    url: str
    home: Path

    def ask(self, path: str) -> Any:
        """What the API answers."""
        with urlopen(f"{self.url}/api/{path}", timeout=SECONDS) as answer:
            return msgspec.json.decode(answer.read())

    def settle(self, path: str, types: list[str]) -> None:
        """Wait until what the API lists has states of these types."""
        end = time.monotonic() + SECONDS
        while (found := [one["state"]["type"] for one in self.ask(path)["items"]]) != types:
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def run(self, name: str) -> str:
        """The id of the flow run of that name."""
        return next(one["id"] for one in self._flow_runs() if one["name"] == name)

    def task_run(self, flow_run: str, task: str) -> str:
        """The id of a task's first run in a flow run."""
        found = self.ask(f"task-runs?flow_run={self.run(flow_run)}&limit=100&order=oldest")
        return next(one["id"] for one in found["items"] if one["task"] == task)

    def artifact(self, key: str) -> str:
        """The id of the newest artifact of a key."""
        found = self.ask("artifacts?limit=200")["items"]
        return next(str(one["id"]) for one in found if one["key"] == key)

    def place(self, path: str) -> str:
        """An address, with the id of what is named: `{flow run}`, `{flow run|task}`, `{key}`."""
        found = re.fullmatch(r"(.*)\{([^|]*)(?:\|(.*))?\}(.*)", path)
        if found is None:
            return self.url + path
        before, name, task, after = found.groups()
        if before == "/artifacts/":
            return f"{self.url}{before}{self.artifact(name)}{after}"
        run = self.task_run(name, task) if task else self.run(name)
        return f"{self.url}{before}{run}{after}"

    def store(self) -> Store:
        """What the database says, which the server keeps up to date."""
        return open_store(self.home, collect_first=False)

    def _flow_runs(self) -> list[dict[str, Any]]:
        return list(self.ask("flow-runs?limit=200")["items"])


def run_flows(home: Path, *words: str) -> None:
    """Run flows of `flows.py`, whatever becomes of them."""
    subprocess.run(
        [sys.executable, FLOWS, *words],
        env=environ_of(home, FLOWSTONE_LOGGING_LEVEL="INFO", FLOWSTONE_LOGGING_LOG_PRINTS="true"),
        check=False,
        capture_output=True,
        timeout=SECONDS,
    )


@contextmanager
def running_flow(home: Path, word: str) -> Iterator[subprocess.Popen[bytes]]:
    """A flow that runs meanwhile."""
    process = subprocess.Popen(
        [sys.executable, FLOWS, word],
        env=environ_of(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Restartable:
    """A server that can be killed and started again at its address."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port: int = one.getsockname()[1]
        self.site = Site(f"http://127.0.0.1:{self._port}", home)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to serve, and wait until it does."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flowstone.cli", "server", "start", "--port", str(self._port)],
            env=environ_of(self._home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = flowstone(self._home, "server", "status", "--wait")
        assert ready.returncode == 0, ready.stdout

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
