"""Tasks in worker processes, on Dask and on Ray beside the bare engines, which record nothing.

    python benchmarks/runners.py
    python benchmarks/runners.py --rounds 7 --only dask

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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from flowstone import flow, task
from flowstone.task_runners import (
    DaskTaskRunner,
    ProcessPoolTaskRunner,
    RayTaskRunner,
    TaskRunner,
)

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
    return value[::-1]


class Row(NamedTuple):
    """What is run, and how often in a pool and on a cluster."""

    title: str
    fn: Callable[[Any], Any]
    calls: int
    calls_far: int
    is_counted: bool = True
    in_turn: bool = False


ROWS = (
    Row("no-op, all submitted at once", nothing, 2000, 500),
    Row("no-op, submit and result in turn", nothing, 500, 100, in_turn=True),
    Row("10 ms of sleep", nap, 100, 100),
    Row("8 MiB there and back", turn, 10, 5, is_counted=False, in_turn=True),
)
BUDGETS = {"processes": 1.5, "dask": 1.3, "ray": 1.3}


class Sides(NamedTuple):
    """Our task runner, and what submits a function and a value to the bare engine."""

    runner: TaskRunner
    submit: Callable[[Callable[[Any], Any], Any], Any]


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


def ours(row: Row, runner: TaskRunner) -> float:
    """Measure a row in a flow run, its workers warm."""

    @flow(task_runner=runner)
    def measures() -> float:
        submit = TASKS[row.fn].submit
        measure(submit, row._replace(calls=20))
        return measure(submit, row)

    return measures()


def bare(row: Row, submit: Callable[..., Any]) -> float:
    """Measure a row in another engine, its workers warm."""
    measure(submit, row._replace(calls=20))
    return measure(submit, row)


@contextmanager
def processes() -> Iterator[Sides]:
    """Give our process pool and the standard library's."""
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as executor:
        yield Sides(ProcessPoolTaskRunner(max_workers=WORKERS), executor.submit)


@contextmanager
def dask() -> Iterator[Sides]:
    """Give ours and bare Dask, on one cluster."""
    distributed: Any = import_module("distributed")
    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield Sides(DaskTaskRunner(cluster=cluster), partial(client.submit, pure=False))


class RayResult(NamedTuple):
    """What Ray returns, as other engines do."""

    ref: Any

    def result(self) -> Any:
        """Wait for the value."""
        return import_module("ray").get(self.ref)


@contextmanager
def ray() -> Iterator[Sides]:
    """Give ours and bare Ray, on one cluster."""
    engine: Any = import_module("ray")
    engine.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    remote = {row.fn: engine.remote(row.fn) for row in ROWS}
    try:
        yield Sides(RayTaskRunner(), lambda fn, value: RayResult(remote[fn].remote(value)))
    finally:
        engine.shutdown()


ENGINES = {"processes": processes, "dask": dask, "ray": ray}


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


def compare(name: str, rounds: range) -> bool:
    """Print the rows of one engine; return whether one is over its budget."""
    over = False
    print(f"{name:<36}{'ours':>10}{'bare':>12}{'ratio':>8}")
    with ENGINES[name]() as sides:
        for row in ROWS:
            one = row if name == "processes" else row._replace(calls=row.calls_far)
            submit = partial(sides.submit, row.fn)
            pairs = [(ours(one, sides.runner.duplicate()), bare(one, submit)) for _ in rounds]
            mine, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
            ratio = mine / theirs
            over = over or (row.is_counted and ratio > BUDGETS[name])
            budget = f"  (at most {BUDGETS[name]})" if row.is_counted else ""
            print(f"{row.title:<36}{mine:>7,.0f} µs{theirs:>9,.0f} µs{ratio:>8.2f}{budget}")
    return over


def scale(rounds: range) -> None:
    """Print how much faster two workers are than one, and what the first result takes."""
    cold = first_result()
    pairs = [(computing(1) / computing(2), bare_computing(1) / bare_computing(2)) for _ in rounds]
    mine, theirs = map(statistics.median, zip(*pairs, strict=True))
    print(f"{'computing, two workers to one':<36}{mine:>10.2f}{theirs:>12.2f}  (at least 1.9)")
    print(
        f"first result: {cold * 1e3:.0f} ms with a new worker, {first_result() * 1e3:.1f} ms warm"
    )


def main() -> int:
    """Print the tables; return 1 where something is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=ENGINES, action="append")
    arguments = parser.parse_args()
    rounds, names = range(arguments.rounds), arguments.only or list(ENGINES)
    if "processes" in names:
        scale(rounds)
    over = [compare(name, rounds) for name in names]
    return int(any(over))


if __name__ == "__main__":
    if "FLOWSTONE_HOME" in os.environ:
        sys.exit(main())
    # The settings are read when a task is declared, so they must be there before this file runs.
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "FLOWSTONE_HOME": home, "FLOWSTONE_LOGGING_LEVEL": "ERROR"}
        ended = subprocess.run([sys.executable, *sys.argv], env=environ, check=False)
    sys.exit(ended.returncode)
