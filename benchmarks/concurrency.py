"""No deadlock and the right time: what runs at once, how many threads it takes, how long.

    python benchmarks/concurrency.py
    python benchmarks/concurrency.py --only 'cpu*' --rounds 3
    python benchmarks/concurrency.py --part 10

Each row is a flow in a process and a home of its own. Its answer and the runs in its store are
checked; 1 where something is wrong, or over its limit. The limits are for a machine with nothing
else to do; the time of the processor is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import filter as matching
from pathlib import Path
from typing import Any, NamedTuple

from flowstone import flow, task
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from flowstone.task_runners import ThreadPoolTaskRunner

WORK = 0.01
"""Seconds of pure computing in one run of `compute`."""
LONGEST = 280.0
"""Seconds after which a row is taken to have locked up."""
BARRIER: list[threading.Barrier] = []
INSIDE: list[None] = []


@task
def nap(seconds: float) -> None:
    time.sleep(seconds)


@task
def meet() -> int:
    BARRIER[0].wait()
    return 1


@task
def compute(turns: int) -> int:
    return turn(turns)


@task
def answered(until: float, turns: int) -> int:
    time.sleep(max(0.0, until - time.monotonic()))
    return turn(turns)


@task
def nested(n: int) -> int:
    return 0 if n == 0 else nested.submit(n - 1).result() + 1


@task
async def anested(n: int) -> int:
    return 0 if n == 0 else anested.submit(n - 1).result() + 1


@task
async def blocks() -> int:
    time.sleep(0.2)  # noqa: ASYNC251  what is measured
    return 1


@task
async def ameet(number: int) -> int:
    INSIDE.append(None)
    while len(INSIDE) < number:  # noqa: ASYNC110  an event would belong to one loop
        await asyncio.sleep(0.25)
    return 1


@flow(name="row")
def sleeps(number: int, _turns: int) -> int:
    return len([nap.submit(1) for _ in range(number)])


@flow(name="row")
def barrier(number: int, _turns: int) -> int:
    BARRIER.append(threading.Barrier(number))
    return sum(future.result() for future in [meet.submit() for _ in range(number)])


@flow(name="row")
def cpu(number: int, turns: int) -> int:
    return len([compute.submit(turns) for _ in range(number)])


@flow(name="row")
def burst(number: int, turns: int) -> int:
    until = time.monotonic() + 0.5
    return len([answered.submit(until, turns // 3) for _ in range(number)])


@flow(name="row")
def nests(number: int, _turns: int) -> int:
    return nested.submit(number).result()


@flow(name="row", task_runner=ThreadPoolTaskRunner(max_workers=1))
def nests_bounded(number: int, _turns: int) -> int:
    return nested.submit(number).result()


@flow(name="row")
def async_blocks(number: int, _turns: int) -> int:
    return sum(future.result() for future in [blocks.submit() for _ in range(number)])


@flow(name="row")
def async_nests(number: int, _turns: int) -> int:
    return anested.submit(number).result()


@flow(name="row")
async def asks(number: int, _turns: int) -> int:
    return sum(anested.submit(0).result() + nested.submit(1).result() for _ in range(number))


@flow(name="row")
def async_meeting(number: int, _turns: int) -> int:
    return sum(future.result() for future in [ameet.submit(number) for _ in range(number)])


@flow(name="row")
async def gathers(number: int, _turns: int) -> int:
    return sum(await asyncio.gather(*[ameet(number) for _ in range(number)]))


def executor(number: int, turns: int) -> int:
    """Compute in the standard library's pool of 8 threads: nothing is tracked."""
    with ThreadPoolExecutor(8) as pool:
        return len(list(pool.map(turn, [turns] * number)))


class Row(NamedTuple):
    """What is done, how often, and how many task runs a unit of it is (and one more, or none)."""

    what: str
    run: Callable[[int, int], Any]
    number: int
    runs: tuple[int, int] = (1, 0)
    seconds: float | None = None
    threads: int | None = None


ROWS = {
    "sleeps": Row("submitted sleeps of 1 s", sleeps, 2000, seconds=4),
    "barrier": Row("submitted, and each waits for all", barrier, 300),
    "cpu": Row("submitted, 10 ms of pure CPU each", cpu, 5000, threads=64),
    "cpu-8": Row("the same in a bare pool of 8", executor, 5000, (0, 0)),
    "burst": Row("wait 0.5 s at once, then 3 ms of CPU", burst, 2000, seconds=20),
    "nested": Row("submits, each inside the last", nests, 5000, (1, 1)),
    "bounded": Row("the same, max_workers=1", nests_bounded, 1000, (1, 1)),
    "blocking": Row("async, time.sleep(0.2) each", async_blocks, 50, seconds=1.5),
    "async-nested": Row("async, each inside the last", async_nests, 20, (1, 1)),
    "async-flow": Row(".result() twice in an async flow", asks, 1000, (3, 0)),
    "async-many": Row("async submitted, all at once", async_meeting, 10_000),
    "gather": Row("async awaited, all at once", gathers, 10_000),
}
CPU_RATIO = 1.15
"""The most that `cpu` may take, as a multiple of `cpu-8`."""


class Seen(NamedTuple):
    """What one process of a row came to."""

    answer: int
    seconds: float
    cpu: float
    threads: int
    mebibytes: float


def turn(turns: int) -> int:
    """Compute; the interpreter's lock is held all the time."""
    total = 0
    for number in range(turns):
        total += number
    return total


def turns_of(seconds: float) -> int:
    """Return how many turns take this much of the processor."""
    turns, samples = 100_000, []
    for _ in range(15):
        began = time.thread_time()
        turn(turns)
        samples.append(time.thread_time() - began)
    return int(turns * seconds / statistics.median(samples))


def do(name: str, number: int, turns: int) -> None:
    """Do a row in this process, and print what was seen."""
    row = ROWS[name]
    peak = [threading.active_count()]
    done = threading.Event()
    counting = threading.Thread(target=count_threads, args=(peak, done))
    counting.start()
    began, used = time.perf_counter(), time.process_time()
    answer = row.run(number, turns)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    seconds, used = time.perf_counter() - began, time.process_time() - used
    done.set()
    counting.join()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(Seen(answer, seconds, used, max(peak) - 2, memory)))


def count_threads(peak: list[int], done: threading.Event) -> None:
    """Look now and then how many threads there are, until it is done."""
    while not done.wait(0.02):
        peak[0] = max(peak[0], threading.active_count())


def measure(name: str, number: int, turns: int) -> tuple[Seen | None, str]:
    """Do a row in a process of its own; return what was seen, and what is wrong with it."""
    words = [sys.executable, __file__, "--do", name, str(number), str(turns)]
    with tempfile.TemporaryDirectory(prefix="flowstone-concurrency-") as folder:
        home = Path(folder) / "home"
        environ = os.environ | {"FLOWSTONE_HOME": str(home)}
        try:
            ended = subprocess.run(
                words, env=environ, capture_output=True, check=False, timeout=LONGEST
            )
        except subprocess.TimeoutExpired:
            return None, f"locked up: no end after {LONGEST:.0f} s"
        if ended.returncode:
            return None, ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        seen = Seen(*json.loads(ended.stdout.splitlines()[-1]))
        each, more = ROWS[name].runs
        if not each:
            return seen, ""
        with open_store(home) as store:
            counts = store.task_counts(store.flow_runs(RunFilter(flow="row"))[0].id)
    expected = {"Completed": each * number + more}
    if counts != expected:
        return seen, f"the store has {counts}, not {expected}"
    return seen, "" if seen.answer == number else f"the answer is {seen.answer}"


def judged(row: Row, seen: Seen) -> list[str]:
    """Return which limits were not kept."""
    over = []
    if row.seconds is not None and seen.seconds > row.seconds:
        over.append(f"over {row.seconds:g} s")
    if row.threads is not None and seen.threads > row.threads:
        over.append(f"over {row.threads} threads")
    return over


def print_row(name: str, number: int, seen: Seen, problems: list[str]) -> None:
    row = ROWS[name]
    limit = f"≤ {row.seconds:g} s" if row.seconds else ""
    limit += f"≤ {row.threads} threads" if row.threads else ""
    print(
        f"{name:<13}{number:>7,} {row.what:<35}{seen.seconds:>8.2f} s{seen.cpu:>8.2f} s"
        f"{seen.threads:>8,}{seen.mebibytes:>6.0f} MiB  {limit:<14}{', '.join(problems) or 'ok'}",
        flush=True,
    )


def print_ratio(found: dict[str, list[Seen]]) -> bool:
    """Compare the computing rows; return whether the limit is kept."""
    if not (found.get("cpu") and found.get("cpu-8")):
        return True
    pairs = list(zip(found["cpu"], found["cpu-8"], strict=True))
    wall = statistics.median(ours.seconds / base.seconds for ours, base in pairs)
    used = statistics.median(ours.cpu / base.cpu for ours, base in pairs)
    print(f"cpu / cpu-8: time {wall:.2f}, processor {used:.2f} (limit {CPU_RATIO})")
    return wall <= CPU_RATIO


def main() -> int:
    """Do all rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="*", metavar="PATTERN", help="rows by name")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--part", type=int, default=1, help="divide all numbers by this")
    parser.add_argument("--do", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        do(options.do[0], int(options.do[1]), int(options.do[2]))
        return 0
    turns, is_well = turns_of(WORK), True
    found: dict[str, list[Seen]] = {}
    print(f"{'row':<13}{'':>7} {'what':<35}{'time':>10}{'processor':>10}{'threads':>8}{'most':>10}")
    for _ in range(options.rounds):
        for name in matching(ROWS, options.only):
            number = max(1, ROWS[name].number // options.part)
            seen, wrong = measure(name, number, turns)
            is_well = is_well and not wrong
            if seen is None:
                print(f"{name:<13}{number:>7,} {ROWS[name].what:<35}{wrong}", flush=True)
                continue
            over = judged(ROWS[name], seen)
            is_well = is_well and not over
            print_row(name, number, seen, [wrong, *over] if wrong else over)
            found.setdefault(name, []).append(seen)
    return 0 if print_ratio(found) and is_well else 1


if __name__ == "__main__":
    sys.exit(main())
