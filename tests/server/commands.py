"""The commands of a server, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

SECONDS = 60


def flowstone(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a command says and how it ends."""
    return subprocess.run(
        [sys.executable, "-m", "flowstone.cli", *words],
        env=environ_of(home, **variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def ran(home: Path, code: str) -> None:
    """Run a program that has runs."""
    environ = environ_of(home, FLOWSTONE_LOGGING_LEVEL="CRITICAL")
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=SECONDS)


def environ_of(home: Path, **variables: str) -> dict[str, str]:
    """The variables that a process has which uses this home."""
    return {**os.environ, "FLOWSTONE_HOME": str(home), **variables}


@contextmanager
def flowstone_server(home: Path, *words: str) -> Iterator[str]:
    """Start a server in the background on any port that is free, and end it afterwards."""
    begun = flowstone(home, "server", "start", "--port", "0", "--background", *words)
    assert begun.returncode == 0, begun.stderr
    try:
        status = flowstone(home, "server", "status", "-o", "json")
        yield msgspec.json.decode(status.stdout)[0]["url"]
    finally:
        flowstone(home, "server", "stop")
