"""Tasks in worker processes beside the standard library's bare pool, which records nothing.

    python benchmarks/runners.py
    python benchmarks/runners.py --rounds 7

Each row is measured in turns, ours and the other, in one process; medians and their ratio. 1 where
a ratio is over its budget. Two workers each; the ratio of two workers to one needs two processors
that have nothing else to do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from flowstone import flow, task
from flowstone.task_runners import ProcessPoolTaskRunner

WORKERS = 2
LARGE = 8 << 20


def nothing(value: Any) -> Any:
    return value


def nap(_: int) -> None:
    time.sleep(0.01)


def compute(_: int) -> int:
    """Compute for some 20 ms."""
    total = 0
    for number in range(400_000):
        total += number
    return total


def turn(value: bytearray) -> bytearray:
    value.reverse()
    return value


class Row(NamedTuple):
    """What is run, how often, and how much longer than the other it may take."""

    title: str
    fn: Callable[[Any], Any]
    calls: int
    budget: float | None
    in_turn: bool = False


ROWS = (
    Row("no-op, all submitted at once", nothing, 2000, 1.5),
    Row("no-op, submit and result in turn", nothing, 500, 1.5, in_turn=True),
    Row("10 ms of sleep", nap, 100, 1.5),
    Row("8 MiB there and back", turn, 10, None, in_turn=True),
)
TASKS = {row.fn: task(row.fn) for row in ROWS} | {compute: task(compute)}


def measure(submit: Callable[..., Any], row: Row) -> float:
    """Return the seconds of one call."""
    values = [bytearray(LARGE)] * row.calls if row.fn is turn else range(row.calls)
    began = time.perf_counter()
    if row.in_turn:
        for value in values:
            submit(value).result()
    else:
        for future in [submit(value) for value in values]:
            future.result()
    return (time.perf_counter() - began) / row.calls


def ours(row: Row) -> float:
    """Measure a row in a flow run, its workers warm."""

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=WORKERS))
    def measures() -> float:
        submit = TASKS[row.fn].submit
        measure(submit, row._replace(calls=20))
        return measure(submit, row)

    return measures()


def bare(row: Row) -> float:
    """Measure a row in the standard library's pool, its workers warm."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, spawn) as executor:

        def submit(value: Any) -> Any:
            return executor.submit(row.fn, value)

        measure(submit, row._replace(calls=20))
        return measure(submit, row)


def bare_computing(workers: int) -> float:
    """Return the seconds of the same as `computing` in the standard library's pool."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor:
        list(executor.map(compute, range(4 * workers)))
        began = time.perf_counter()
        list(executor.map(compute, range(100)))
        return time.perf_counter() - began


def computing(workers: int) -> float:
    """Return the seconds of a map over what computes, its workers warm."""

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=workers))
    def measures() -> float:
        computes = TASKS[compute]
        computes.map(range(4 * workers)).result()
        began = time.perf_counter()
        computes.map(range(100)).result()
        return time.perf_counter() - began

    return measures()


def first_result() -> float:
    """Return the seconds to the first result of a flow run."""

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def measures() -> float:
        began = time.perf_counter()
        TASKS[nothing].submit(1).result()
        return time.perf_counter() - began

    return measures()


def main() -> int:
    """Print the table; return 1 where something is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = range(parser.parse_args().rounds)
    over = False
    cold = first_result()
    print(f"{'':<36}{'ours':>10}{'bare pool':>12}{'ratio':>8}")
    for row in ROWS:
        pairs = [(ours(row), bare(row)) for _ in rounds]
        mine, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
        ratio = mine / theirs
        over = over or (row.budget is not None and ratio > row.budget)
        budget = f"  (at most {row.budget})" if row.budget is not None else ""
        print(f"{row.title:<36}{mine:>7,.0f} µs{theirs:>9,.0f} µs{ratio:>8.2f}{budget}")
    pairs = [(computing(1) / computing(2), bare_computing(1) / bare_computing(2)) for _ in rounds]
    mine, theirs = map(statistics.median, zip(*pairs, strict=True))
    print(f"{'computing, two workers to one':<36}{mine:>10.2f}{theirs:>12.2f}  (at least 1.9)")
    print(
        f"first result: {cold * 1e3:.0f} ms with a new worker, {first_result() * 1e3:.1f} ms warm"
    )
    return int(over)


if __name__ == "__main__":
    if "FLOWSTONE_HOME" in os.environ:
        sys.exit(main())
    # The settings are read when a task is declared, so they must be there before this file runs.
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "FLOWSTONE_HOME": home, "FLOWSTONE_LOGGING_LEVEL": "ERROR"}
        ended = subprocess.run([sys.executable, *sys.argv], env=environ, check=False)
    sys.exit(ended.returncode)
