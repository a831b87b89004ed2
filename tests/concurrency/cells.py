"""The table of timeouts: what a body does, how it is called, from where, and what comes of it.

`python tests/concurrency/cells.py` prints the table.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from flowstone import flow, task

LIMIT = 0.1
LONG = 1.3
"""Seconds that a body takes where nothing ends it."""
SOON = 1.0
"""Seconds within which a caller is back who is not late; the machine may be busy."""


def sleeping() -> None:
    time.sleep(LONG)


def computing() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def swallowing() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def deaf(length: float = LONG) -> None:
    """Block in C, hearing no signal and leaving the other threads alone."""
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    seconds, rest = divmod(time.time() + length, 1)
    until = (ctypes.c_long * 2)(int(seconds), int(rest * 1e9))
    libc.pthread_mutex_timedlock(mutex, until)


async def awaiting() -> None:
    await asyncio.sleep(LONG)


async def stubborn() -> None:
    """Await in small steps, catching all that is an `Exception`."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.01)
        except Exception:
            continue


async def blocking() -> None:
    time.sleep(LONG)


async def spinning() -> None:
    computing()


async def deaf_async() -> None:
    deaf()


SYNC = (sleeping, computing, deaf, swallowing)
ASYNC = (awaiting, spinning, deaf_async, blocking, stubborn)


class Cell(NamedTuple):
    """One way to exceed a timeout; `late` where the caller cannot be back before the body ends."""

    body: Any
    how: str
    where: str
    late: bool

    @property
    def label(self) -> str:
        return f"{self.body.__name__} {self.how} {self.where}"


def cells() -> Iterator[Cell]:
    for where, body in itertools.product(("main", "thread"), SYNC):
        hears = {"main": (sleeping, computing, swallowing), "thread": (computing, swallowing)}
        yield Cell(body, "direct", where, late=body not in hears[where])
        yield Cell(body, "isolated", where, late=False)
        yield Cell(body, "submitted", where, late=False)
    for where, body in itertools.product(("main", "thread"), ASYNC):
        yield Cell(body, "direct", where, late=body not in (awaiting, stubborn))
        yield Cell(body, "submitted", where, late=False)


class Seen(NamedTuple):
    seconds: float
    state: Any


def run(cell: Cell) -> Seen:
    """Exceed a timeout; return when the caller was back, and with which state."""
    seen: list[Seen] = []
    limited = task(cell.body, timeout_seconds=LIMIT, timeout_isolated=cell.how == "isolated")

    @flow
    def around() -> None:
        began = time.monotonic()
        if cell.how == "submitted":
            future = limited.submit()
            future.wait()
            state = future.state
        elif limited.isasync:
            state = asyncio.run(limited(return_state=True))
        else:
            state = limited(return_state=True)
        seen.append(Seen(time.monotonic() - began, state))

    if cell.where == "main":
        around()
    else:
        thread = threading.Thread(target=around)
        thread.start()
        thread.join()
    return seen[0]


if __name__ == "__main__":
    os.environ["FLOWSTONE_HOME"] = tempfile.mkdtemp()
    os.environ["FLOWSTONE_LOGGING_LEVEL"] = "CRITICAL"
    print(f"A timeout of {LIMIT} s, bodies of {LONG} s\n")
    print(f"{'body':<12}{'call':<11}{'thread':<8}{'back after':>11}  state")
    for one in cells():
        back = run(one)
        print(
            f"{one.body.__name__:<12}{one.how:<11}{one.where:<8}{back.seconds:>9.2f} s  "
            f"{back.state.name}: {back.state.message}"
        )
        sys.stdout.flush()
