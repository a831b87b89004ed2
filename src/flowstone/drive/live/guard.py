"""Cleans the terminal up after a process that dies while its display is there."""

from __future__ import annotations

import os
from contextlib import suppress

from flowstone.drive.live.screen import ERASE_BELOW

_SCRIPT = """
trap '' HUP INT QUIT TERM TSTP TTOU
exec 3<&0
{ read -r done <&3 || printf %s "$1"; } 2>/dev/null &
"""
"""Waits for a line, and writes to the terminal where there is an end instead."""


class Guard:
    """A shell that waits for the end of this process: a kill leaves the terminal as it was.

    It is no child of this process, so that nobody who waits for all children waits for it.
    """

    def __init__(self, terminal: int) -> None:
        end, self._pipe = os.pipe()
        try:
            pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", _SCRIPT, "sh", ERASE_BELOW],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, end, 0),
                    (os.POSIX_SPAWN_DUP2, terminal, 1),
                ],
                setpgroup=0,
            )
            with suppress(ChildProcessError):  # the program ignores its children
                os.waitpid(pid, 0)
        finally:
            os.close(end)

    def dismiss(self) -> None:
        """Let it end without a deed."""
        with suppress(OSError):  # it was killed
            os.write(self._pipe, b"\n")
        os.close(self._pipe)

    def close(self) -> None:
        """Let go of it in a forked child."""
        os.close(self._pipe)
