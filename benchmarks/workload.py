"""One measured run, the same source for all sides; prints what it saw as JSON.

    python benchmarks/workload.py flowstone direct 2000

Started by `overhead.py` in the environment of the library that it names.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import memory

WARM_UP = 20


class Seen(NamedTuple):
    """What one run of many calls saw."""

    seconds: float
    right: bool
    """Whether all calls returned what they should."""
    figures: dict[str, float] = {}  # noqa: RUF012  never changed
    """What else was measured: bytes of memory, by name."""


Run = Callable[[int], Seen]


def timed(calls: int, make: Callable[[], list[Any]]) -> Seen:
    """Return how long it takes to make the results, and whether they are the numbers."""
    started = time.perf_counter()
    results = make()
    return Seen(time.perf_counter() - started, results == list(range(calls)))


def direct(library: Any, name: str) -> Run:
    """Return what calls a task directly, many times, in a flow."""

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    def calls_in_a_row(calls):  # type: ignore[no-untyped-def]
        return timed(calls, lambda: [same(n) for n in range(calls)])

    return calls_in_a_row  # type: ignore[no-any-return]


def beside(library: Any, name: str) -> Run:
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


def sequence(library: Any, name: str) -> Run:
    """Return what awaits an async task many times, one after another, in an async flow."""

    @library.task
    async def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    async def awaits_in_a_row(calls):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        results = [await same(n) for n in range(calls)]
        return Seen(time.perf_counter() - started, results == list(range(calls)))

    return lambda calls: asyncio.run(awaits_in_a_row(calls))


def gather(library: Any, name: str) -> Run:
    """Return what awaits many runs of an async task at once, in an async flow."""

    @library.task
    async def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    async def gathers(calls):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        results = await asyncio.gather(*[same(n) for n in range(calls)])
        return Seen(time.perf_counter() - started, results == list(range(calls)))

    return lambda calls: asyncio.run(gathers(calls))


def submit(library: Any, name: str) -> Run:
    """Return what submits a task many times, and then asks for all results."""

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    def submit_all(calls: int) -> list[Any]:
        futures = [same.submit(n) for n in range(calls)]
        return [future.result() for future in futures]

    @library.flow(name=name)
    def submits(calls):  # type: ignore[no-untyped-def]
        return timed(calls, lambda: submit_all(calls))

    return submits  # type: ignore[no-any-return]


def turns(library: Any, name: str) -> Run:
    """Return what submits a task and asks for its result, many times, one after another."""

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    def submits_in_turn(calls):  # type: ignore[no-untyped-def]
        return timed(calls, lambda: [same.submit(n).result() for n in range(calls)])

    return submits_in_turn  # type: ignore[no-any-return]


def maps(library: Any, name: str) -> Run:
    """Return what maps a task over many numbers."""

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    def maps_once(calls):  # type: ignore[no-untyped-def]
        return timed(calls, lambda: same.map(range(calls)).result())

    return maps_once  # type: ignore[no-any-return]


def twice(library: Any, name: str) -> Run:
    """Return what maps a task over many numbers, twice, and sees what memory that takes.

    `held` is what each run takes while all futures are held, before or after they have ended,
    whichever is more; `grown` by how much that peak is higher in the second flow run.
    """

    @library.task
    def same(n):  # type: ignore[no-untyped-def]
        return n

    @library.flow(name=name)
    def maps_and_holds(calls):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        futures = same.map(range(calls))
        submitted, peak = time.perf_counter(), memory.resident()
        looked = time.perf_counter() - submitted
        futures.wait()
        seconds = time.perf_counter() - started - looked
        peak = max(peak, memory.resident())
        right = [future.result() for future in futures] == list(range(calls))
        return Seen(seconds, right, {"peak": peak})

    def run(calls: int) -> Seen:
        before = memory.resident()
        first = maps_and_holds(calls)
        gc.collect()
        second = maps_and_holds(calls)
        peaks = [seen.figures["peak"] for seen in (first, second)]
        figures = {
            "held": (max(peaks) - before) / calls,
            "grown": (peaks[1] - peaks[0]) / calls,
        }
        seconds = (first.seconds + second.seconds) / 2
        return Seen(seconds, first.right and second.right, figures)

    return run


def hundred(library: Any, name: str) -> Run:
    """Return what runs a flow of one task many times, so that there is a list to show."""
    run_once = direct(library, name)
    return lambda calls: Seen(0.0, all(run_once(1).right for _ in range(calls)))


def compute(stop: threading.Event) -> None:
    """Keep a core busy in Python."""
    x = 0
    while not stop.is_set():
        for _ in range(10_000):
            x += 1


ROWS = {
    "direct": direct,
    "beside": beside,
    "sequence": sequence,
    "gather": gather,
    "submit": submit,
    "turns": turns,
    "map": maps,
    "twice": twice,
    "hundred": hundred,
}


def main() -> None:
    """Warm up, measure, and print the figures."""
    library, row, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = ROWS[row](importlib.import_module(library), f"bench-{row}")
    warm_up = 0 if row == "hundred" else WARM_UP
    right = run(warm_up).right if warm_up else True
    seen = run(calls)
    made = (warm_up + calls) * (2 if row == "twice" else 1)
    print(
        json.dumps(
            {
                "seconds": seen.seconds / calls,
                "made": made,
                "right": right and seen.right,
                "figures": seen.figures,
            }
        )
    )


if __name__ == "__main__":
    main()
