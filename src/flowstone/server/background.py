"""Starts a server as a process of its own, and waits until it answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from flowstone.server.presence import Running, running_servers

_POLL = 0.05
_LARGEST_LOG = 10 << 20
_SHOWN = 2000


def log_path(home: Path) -> Path:
    """Return where a server in the background writes what it would show on a terminal."""
    return home / "server.log"


def start_server(home: Path, words: list[str], seconds: float) -> Running:
    """Start `flowstone server start` with these words, and return it once it listens.

    Raises `RuntimeError` with what it said, where it ended or did not begin in so many seconds.
    """
    path = log_path(home)
    begin = _size_of(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if begin > _LARGEST_LOG else 0)
    begin = 0 if begin > _LARGEST_LOG else begin
    output = os.open(path, flags, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "flowstone.cli", "server", "start", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)
    until = time.monotonic() + seconds
    while process.poll() is None:
        for one in running_servers(home):
            if one.pid == process.pid and one.url:
                return one
        if time.monotonic() > until:
            process.kill()
            process.wait()
            message = f"it did not begin within {seconds:g} s: see {path}"
            raise RuntimeError(message)
        time.sleep(_POLL)
    with path.open("rb") as file:
        file.seek(begin)
        said = file.read()[-_SHOWN:].decode("utf-8", "replace").strip()
    raise RuntimeError(said.removeprefix("Error: ") or f"it ended with code {process.returncode}")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
