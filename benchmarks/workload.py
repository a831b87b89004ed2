"""One measured run, the same source for both libraries; prints what it saw as JSON.

    python benchmarks/workload.py flowstone direct 2000

Started by `overhead.py` in the environment of the library that it names.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

WARM_UP = 20
Seen = tuple[float, bool]
"""The seconds that all calls took, and whether all of them returned what they should."""


def direct(library: Any, name: str) -> Callable[[int], Seen]:
    """Return what calls a task directly, many times, in a flow."""

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    def calls_in_a_row(calls):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        results = [same(n) for n in range(calls)]
        return time.perf_counter() - started, results == list(range(calls))

    return calls_in_a_row  # type: ignore[no-any-return]


def beside(library: Any, name: str) -> Callable[[int], Seen]:
    """Return what does the same beside a thread that computes."""
    calls_in_a_row = direct(library, name)

    def run(calls: int) -> Seen:
        stop = threading.Event()
        thread = threading.Thread(target=compute, args=[stop])
        thread.start()
        try:
            return calls_in_a_row(calls)
        finally:
            stop.set()
            thread.join()

    return run


def sequence(library: Any, name: str) -> Callable[[int], Seen]:
    """Return what awaits an async task many times, one after another, in an async flow."""

    @library.task
    async def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    async def awaits_in_a_row(calls):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        results = [await same(n) for n in range(calls)]
        return time.perf_counter() - started, results == list(range(calls))

    return lambda calls: asyncio.run(awaits_in_a_row(calls))


def hundred(library: Any, name: str) -> Callable[[int], Seen]:
    """Return what runs a flow of one task many times, so that there is a list to show."""
    run_once = direct(library, name)
    return lambda calls: (0.0, all(run_once(1)[1] for _ in range(calls)))


def compute(stop: threading.Event) -> None:
    """Keep a core busy in Python."""
    x = 0
    while not stop.is_set():
        for _ in range(10_000):
            x += 1


ROWS = {"direct": direct, "beside": beside, "sequence": sequence, "hundred": hundred}


def main() -> None:
    """Warm up, measure, and print the figures."""
    library, row, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = ROWS[row](importlib.import_module(library), f"bench-{row}")
    warm_up = 0 if row == "hundred" else WARM_UP
    right = run(warm_up)[1]
    seconds, right_too = run(calls)
    made = warm_up + calls
    print(
        json.dumps({"seconds": seconds, "calls": calls, "made": made, "right": right and right_too})
    )


if __name__ == "__main__":
    main()
