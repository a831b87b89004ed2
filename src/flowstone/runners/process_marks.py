"""Marks of processes: which run one runs just now, for whoever must kill it from outside.

A process that holds the interpreter's lock answers nobody; the kernel tells its name all the same.
"""

from __future__ import annotations

import os
from functools import cache


def mark_of(run: bytes) -> str:
    """Return the name of a process while it runs the body of this run."""
    return f"run{run.hex()[-12:]}"  # the kernel keeps 15 characters


class Marked:
    """Marks this process with a run, where the system can; it has its own name again afterwards."""

    __slots__ = ("_before", "_fd", "_run")

    def __init__(self, run: bytes) -> None:
        self._run = run
        self._fd, self._before = _name()

    def __enter__(self) -> None:
        if self._fd >= 0:
            os.write(self._fd, mark_of(self._run).encode())

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.write(self._fd, self._before)


@cache
def _name() -> tuple[int, bytes]:
    """Return a descriptor of this process's name, and what that is; -1 where there is none."""
    try:
        fd = os.open("/proc/self/comm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return -1, b""
    return fd, os.read(fd, 64).strip()


os.register_at_fork(after_in_child=_name.cache_clear)
