"""A program in a terminal of its own, and what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

OFF = ("CI", "NO_COLOR", "TERM", "PYTHONSTARTUP")

_CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Makes the terminal the one that controls the session, and Ctrl-C with it; becomes the program."""


class Terminal:
    """Runs Python with these words in a terminal of this size; `environ` is added to ours."""

    def __init__(
        self, words: list[str], home: Path, *, columns=80, rows=24, **environ: str
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.master, slave = pty.openpty()
        self._set_size()
        cleaned = {name: value for name, value in os.environ.items() if name not in OFF}
        home_of = {"FLOWSTONE_HOME": str(home), "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={**cleaned, **home_of, **environ},
            start_new_session=True,
        )
        os.close(slave)

    def close(self) -> None:
        """End what runs there."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without blanks at the ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """What the screen shows, and before it what has scrolled out of it."""
        columns = range(self.screen.columns)
        gone = ["".join(line[c].data for c in columns).rstrip() for line in self.screen.history.top]
        return "\n".join([*gone, *self.lines])

    @property
    def display(self) -> list[str]:
        """The lines below the rule that the live display begins with; none where there is none."""
        rules = [n for n, line in enumerate(self.lines) if line.startswith("─" * 10)]
        return self.lines[rules[-1] + 1 :] if rules else []

    def feed(self, text: str) -> None:
        """Show what another program writes."""
        self._stream.feed(text.encode())

    def until(self, holds: Callable[[Terminal], object], seconds: float = 15) -> None:
        """Take what the program writes until this holds."""
        end = time.monotonic() + seconds
        while not holds(self):
            assert time.monotonic() < end, f"it did not come about; the screen:\n{self.text}"
            self._take(0.1)

    def end(self, seconds: float = 15) -> int:
        """Take what is written until the program and all who held the terminal have ended."""
        end = time.monotonic() + seconds
        while self._take(0.1) is not None:
            assert time.monotonic() < end, f"it did not end; the screen:\n{self.text}"
        return self.process.wait(timeout=10)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.screen.set_margins()  # as terminals do
        self._set_size()
        os.killpg(self.process.pid, signal.SIGWINCH)

    def _take(self, seconds: float) -> bool | None:
        ready = select.poll()  # select() takes no descriptor above 1,023
        ready.register(self.master, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # nobody has the other end any more
            return None
        self.written += data
        self._stream.feed(data)
        return True

    def _set_size(self) -> None:
        size = struct.pack("HHHH", self.screen.lines, self.screen.columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
