"""Marks of processes: which run one runs just now, for whoever must kill it from outside.

A process that holds the interpreter's lock answers nobody; the kernel tells its name all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


def mark_of(run: bytes) -> str:
    """Return the name of a process while it runs the body of this run."""
    return f"run{run.hex()[-12:]}"  # the kernel keeps 15 characters


@contextmanager
def marked(run: bytes) -> Iterator[None]:
    """Mark this process with a run, where the system can; it has its own name again afterwards."""
    fd, before = _name()
    if fd < 0:
        yield
        return
    os.write(fd, mark_of(run).encode())
    try:
        yield
    finally:
        os.write(fd, before)


@cache
def _name() -> tuple[int, bytes]:
    """Return a descriptor of this process's name, and what that is; -1 where there is none."""
    try:
        fd = os.open("/proc/self/comm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return -1, b""
    return fd, os.read(fd, 64).strip()


os.register_at_fork(after_in_child=_name.cache_clear)
