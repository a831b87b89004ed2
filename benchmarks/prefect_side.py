"""Prefect in an environment of its own, with its server running as its documentation says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self


def make_environment(folder: Path) -> Path:
    """Install the newest Prefect that installs, unless it is there; return its Python."""
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if ready.exists():
        return python
    print(f"Installing Prefect into {folder}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "prefect"], check=True)
    if not _server_imports(python):
        # Its range allows releases of FastAPI, younger than itself, that it does not work with.
        subprocess.run([*pip, _oldest_allowed(python, "fastapi")], check=True)
    if not _server_imports(python):
        raise RuntimeError(f"Prefect's server cannot be imported; try {python.parent}/prefect")
    ready.touch()
    return python


def clean_environ(**more: str) -> dict[str, str]:
    """Return the environment without settings of either library, and with some more."""
    own = ("FLOWSTONE_", "PREFECT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # programs start with what they compiled before
    return kept | more


class PrefectServer:
    """A running server of Prefect with a home of its own, and what it can be asked."""

    def __init__(self, python: Path, home: Path) -> None:
        self.python = python
        self.version = _version(python)
        self._home = home
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/api"
        environ = clean_environ(PREFECT_HOME=str(home), PREFECT_SERVER_ANALYTICS_ENABLED="false")
        environ.pop("PYTHONPATH", None)
        self._server_environ = environ
        self.environ = environ | {"PREFECT_API_URL": self.url}

    def environ_without_server(self, home: Path) -> dict[str, str]:
        """Return the environment of a user who runs no server."""
        return self._server_environ | {"PREFECT_HOME": str(home)}

    def __enter__(self) -> Self:
        """Start the server and wait until it says that it is healthy."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._log = (self._home / "server.log").open("wb")
        program = self.python.with_name("prefect")
        self._process = subprocess.Popen(
            [self.python, program, "server", "start", "--port", str(self._port)],
            env=self._server_environ,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def count_completed(self, flow: str, expected: int, patience: float = 60) -> int:
        """Return how many completed task runs of a flow the server has.

        It stores them some time after they ran, so it is asked until it has all that are expected,
        or nothing more came for `patience` seconds.
        """
        seen, since = -1, time.monotonic()
        while True:
            count = self._count(flow)
            if count >= expected:
                return count
            if count != seen:
                seen, since = count, time.monotonic()
            elif time.monotonic() - since > patience:
                return count
            time.sleep(0.5)

    def _count(self, flow: str) -> int:
        asked = {
            "flows": {"name": {"any_": [flow]}},
            "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        }
        request = urllib.request.Request(
            f"{self.url}/task_runs/count",
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(json.load(answer))

    def _wait_until_healthy(self, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"Prefect's server ended as it began; it said: {self._said()}")
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise RuntimeError(f"Prefect's server was not healthy in {seconds} s: {self._said()}")

    def _said(self) -> str:
        return (self._home / "server.log").read_text(errors="replace")[-2000:]


def _server_imports(python: Path) -> bool:
    program = "from prefect.server.api.server import create_app"
    return not subprocess.run([python, "-c", program], capture_output=True, check=False).returncode


def _oldest_allowed(python: Path, package: str) -> str:
    program = "import importlib.metadata as m; print(*m.requires('prefect'), sep='\\n')"
    listing = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True)
    found = re.search(rf"^{package}\b.*>=([\d.]+)", listing.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"Prefect names no oldest version of {package} to fall back to")
    return f"{package}~={found[1]}"


def _version(python: Path) -> str:
    asked = "import importlib.metadata as m; print(m.version('prefect'))"
    return subprocess.run(
        [python, "-c", asked], check=True, capture_output=True, text=True
    ).stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
