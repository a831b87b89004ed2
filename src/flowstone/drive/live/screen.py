"""The bottom rows of a terminal, kept out of the way of whatever else writes to it.

The display is what lies below the terminal's scrolling region. Prints, other programs, progress
bars that go back to the start of their line: all of it happens in the region, as on a smaller
terminal, and no stream is replaced. Each change is one `write`, which puts the cursor back.
"""

from __future__ import annotations

import fcntl
import logging
import os
import termios
from contextlib import suppress

SAVE, RESTORE = "\x1b7", "\x1b8"
_WHOLE = f"{SAVE}\x1b[r{RESTORE}"
_DOWN = "\x1bD"
"""One row down in the same column; at the end of the region it scrolls."""
ERASE_BELOW = f"{_WHOLE}{_DOWN}\x1b[A{SAVE}\x1b[0m\x1b[B\r\x1b[J{RESTORE}"
"""Lets everything scroll again and erases what is below the cursor, wherever that is."""
_logger = logging.getLogger("flowstone")
_MODES = termios.ICANON | termios.ECHO


def painted(lines: list[str], size: os.terminal_size, *, room: bool) -> str:
    """Return what draws these lines in the last rows, with `room` after making room for them."""
    top = size.lines - len(lines)
    parts = [ERASE_BELOW, _DOWN * len(lines), f"\x1b[{len(lines)}A"] if room else []
    parts.append(f"{SAVE}\x1b[1;{top}r\x1b[0m")
    parts += [f"\x1b[{top + n};1H\x1b[2K{line}\x1b[0m" for n, line in enumerate(lines, 1)]
    return "".join([*parts, RESTORE])


def erased(height: int, size: os.terminal_size) -> str:
    """Return what erases the last rows and lets everything scroll again."""
    return f"{SAVE}\x1b[r\x1b[0m\x1b[{size.lines - height + 1};1H\x1b[J{RESTORE}"


class Screen:
    """The terminal of a stream. Raises `OSError` where it cannot be opened."""

    def __init__(self, stream_fd: int) -> None:
        # An open file of its own: the user may close or redirect theirs, and the lock is ours.
        path = os.ttyname(stream_fd)
        self._fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
        self._modes = self._modes_now()
        self._drawn: tuple[int, os.terminal_size] | None = None
        self._is_ours = False

    @property
    def fd(self) -> int:
        """The open terminal."""
        return self._fd

    @property
    def size(self) -> os.terminal_size:
        """Columns and rows."""
        return os.get_terminal_size(self._fd)

    @property
    def is_resized(self) -> bool:
        """Whether the terminal has another size than when the display was drawn."""
        return self._drawn is not None and self._drawn[1] != self.size

    def take(self) -> bool:
        """Whether this process may draw: no other one does, and nothing else has the terminal.

        Another program has it when it is not in its usual modes (an editor, a password, a line
        that is edited) or when this process is in the background.
        """
        if not self._is_ours:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                _logger.debug("Terminals cannot be locked here (%s): hoping to be alone", error)
            self._is_ours = True
        return self._modes_now() == self._modes and self._is_in_front()

    def draw(self, lines: list[str]) -> None:
        """Show these lines in the last rows; erase what was there."""
        if not lines:
            self.erase()
            return
        size = self.size
        state = len(lines), size
        self._write(painted(lines, size, room=state != self._drawn))
        self._drawn = state

    def leave(self) -> None:
        """Write nothing, and take nothing for granted afterwards: another program draws here."""
        if self._drawn is not None:
            self._drawn = 0, self._drawn[1]

    def erase(self) -> None:
        """Take the display away, if there is one."""
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            height, size = drawn
            is_known = height > 0 and size == self.size
            self._write(erased(height, size) if is_known else ERASE_BELOW)

    def give_back(self) -> None:
        """Take the display away and let other processes draw."""
        self.erase()
        if self._is_ours:
            self._is_ours = False
            with suppress(OSError):  # as in `take`
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the terminal without a change to it: in a forked child it is the parent's."""
        fd, self._fd = self._fd, -1
        if fd >= 0:  # a child of that child lets go too, and the number may be another file's then
            os.close(fd)

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._fd, data) :]

    def _modes_now(self) -> int:
        try:
            modes: int = termios.tcgetattr(self._fd)[3]
        except termios.error as error:
            raise OSError(*error.args) from error
        return modes & _MODES

    def _is_in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # it is not the terminal that controls this process
            return True
