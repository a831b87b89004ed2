"""Tasks in worker processes, on Dask and on Ray beside the bare engines, which record nothing.

    python benchmarks/runners.py
    python benchmarks/runners.py --rounds 9 --only dask --without-prefect

Each row is measured in turns, ours and the other, in one process; medians and their ratio. 1 where
a ratio is over its budget. Two workers each; the ratio of two workers to one needs two processors
that have nothing else to do. Prefect's runners are measured beside, with its server, in the
environment of its own that `overhead.py` makes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from flowstone import flow, task
from flowstone.task_runners import (
    DaskTaskRunner,
    ProcessPoolTaskRunner,
    RayTaskRunner,
    TaskRunner,
)

from prefect_side import PrefectServer, make_environment

HERE = Path(__file__).parent
VENV = HERE.parent / "build" / "prefect-venv"
WORKERS = 2
LARGE = 8 << 20
COMPUTED = 6
WARM = 20
FASTER = 1.9
"""How much faster two workers are to compute than one."""


def nothing(value: Any) -> Any:
    return value


def nap(_: int) -> None:
    time.sleep(0.01)


def compute(_: int) -> int:
    """Compute for about a second, as what is worth a cluster does."""
    total = 0
    for number in range(20_000_000):
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
    peer: str = ""
    """What Prefect's figure is called, where it has one."""


ROWS = (
    Row("no-op, all submitted at once", nothing, 2000, 500, peer="at once"),
    Row("no-op, submit and result in turn", nothing, 500, 100, in_turn=True, peer="in turn"),
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


def ours(row: Row, runner: TaskRunner, warm: int = WARM) -> float:
    """Measure a row in a flow run, its workers warm after so many calls."""

    @flow(task_runner=runner)
    def measures() -> float:
        submit = TASKS[row.fn].submit
        measure(submit, row._replace(calls=warm))
        return measure(submit, row)

    return measures()


def bare(row: Row, submit: Callable[..., Any], warm: int = WARM) -> float:
    """Measure a row in another engine, its workers warm after so many calls."""
    measure(submit, row._replace(calls=warm))
    return measure(submit, row)


@contextmanager
def processes(workers: int) -> Iterator[Sides]:
    """Give our process pool and the standard library's."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor:
        yield Sides(ProcessPoolTaskRunner(max_workers=workers), executor.submit)


@contextmanager
def dask(workers: int) -> Iterator[Sides]:
    """Give ours and bare Dask, on one cluster."""
    distributed: Any = import_module("distributed")
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield Sides(DaskTaskRunner(cluster=cluster), partial(client.submit, pure=False))


class RayResult(NamedTuple):
    """What Ray returns, as other engines do."""

    ref: Any

    def result(self) -> Any:
        """Wait for the value."""
        return import_module("ray").get(self.ref)


@contextmanager
def ray(workers: int) -> Iterator[Sides]:
    """Give ours and bare Ray, on one cluster."""
    engine: Any = import_module("ray")
    engine.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    remote = {fn: engine.remote(fn) for fn in TASKS}
    try:
        yield Sides(RayTaskRunner(), lambda fn, value: RayResult(remote[fn].remote(value)))
    finally:
        engine.shutdown()


ENGINES: dict[str, Callable[[int], AbstractContextManager[Sides]]] = {
    "processes": processes,
    "dask": dask,
    "ray": ray,
}


def computing(name: str, workers: int) -> tuple[float, float]:
    """Return the seconds of a call that computes, ours and the bare engine's."""
    row = Row("computing", compute, COMPUTED, COMPUTED)
    with ENGINES[name](workers) as sides:
        submit = partial(sides.submit, compute)
        return ours(row, sides.runner, WORKERS), bare(row, submit, WORKERS)


def first_result() -> float:
    """Return the seconds to the first result of a flow run."""

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def measures() -> float:
        began = time.perf_counter()
        TASKS[nothing].submit(1).result()
        return time.perf_counter() - began

    return measures()


def compare(name: str, rounds: range, peer: dict[str, float]) -> list[dict[str, Any]]:
    """Print the rows of one engine, and return them in microseconds, with what each may be."""
    rows = []
    print(f"{name:<36}{'ours':>10}{'bare':>12}{'ratio':>8}{'Prefect':>14}{'ours':>8}")
    with ENGINES[name](WORKERS) as sides:
        for row in ROWS:
            one = row if name == "processes" else row._replace(calls=row.calls_far)
            submit = partial(sides.submit, row.fn)
            turns = rounds if row.is_counted else rounds[: len(rounds) // 3 or 1]
            pairs = [(ours(one, sides.runner.duplicate()), bare(one, submit)) for _ in turns]
            mine, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
            ratio = mine / theirs
            most = BUDGETS[name] if row.is_counted else None
            found = {"engine": name, "title": row.title, "ours": mine, "bare": theirs}
            rows.append(found | {"prefect": peer.get(row.peer, 0.0) * 1e6, "budget": most})
            print(f"{row.title:<36}{mine:>7,.0f} µs{theirs:>9,.0f} µs{ratio:>8.2f}", end="")
            if row.peer in peer:
                its = peer[row.peer] * 1e6
                print(f"{its:>11,.0f} µs{f'1/{its / mine:.0f}':>8}", end="")
            print(f"  (at most {most})" if most else "", flush=True)
    return rows


def scale(name: str, rounds: range) -> dict[str, Any]:
    """Print how much faster two workers compute than one, and return it."""
    pairs = [(computing(name, 1), computing(name, WORKERS)) for _ in rounds]
    mine = statistics.median(one[0] / two[0] for one, two in pairs)
    theirs = statistics.median(one[1] / two[1] for one, two in pairs)
    title = f"computing, {WORKERS} workers to 1"
    print(f"{title:<36}{mine:>10.2f}{theirs:>12.2f}{'':>8}  (at least {FASTER})", flush=True)
    return {"engine": name, "faster": mine, "bare_faster": theirs, "least": FASTER}


def print_first() -> None:
    """Print what the first result of a process pool takes."""
    cold = first_result()
    print(
        f"first result: {cold * 1e3:.0f} ms with a new worker, {first_result() * 1e3:.1f} ms warm"
    )


def prefect_with_runners() -> Path:
    """Return the Python of Prefect's environment, with its runners for Dask and Ray in it."""
    python = make_environment(VENV)
    check = subprocess.run([python, "-c", "import prefect_dask, prefect_ray"], check=False)
    if check.returncode:
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "prefect-dask", "prefect-ray"], check=True)
    return python


def measure_prefect(server: PrefectServer, name: str, rounds: range) -> dict[str, float]:
    """Return the seconds of one of Prefect's calls, by what the figure is called."""
    script = str(HERE / "runners_prefect.py")
    program = [str(server.python), script, name, str(len(rounds))]
    environ = server.environ | {"PREFECT_LOGGING_LEVEL": "CRITICAL", "RAY_AUTH_MODE": "disabled"}
    ended = subprocess.run(program, env=environ, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = ended.stderr[-1000:]
        print(f"Prefect's runner for {name} ended with {ended.returncode}: {said}")
        return {}
    figures: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def main() -> int:
    """Print the tables; return 1 where something is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="a third of them for what is slow")
    parser.add_argument("--only", choices=ENGINES, action="append")
    parser.add_argument("--without-prefect", action="store_true")
    parser.add_argument("--without-computing", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    rounds, names = range(arguments.rounds), arguments.only or list(ENGINES)
    few = range(max(1, arguments.rounds // 3))
    peers: dict[str, dict[str, float]] = {}
    if not arguments.without_prefect:
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(PrefectServer(prefect_with_runners(), home / "prefect"))
            peers = {name: measure_prefect(server, name, few) for name in names}
    rows = [row for name in names for row in compare(name, rounds, peers.get(name, {}))]
    scales = [] if arguments.without_computing else [scale(name, few) for name in names]
    if "processes" in names:
        print_first()
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "scales": scales}, indent=2) + "\n")
    over = [row for row in rows if row["budget"] and row["ours"] > row["budget"] * row["bare"]]
    return int(bool(over) or any(one["faster"] < one["least"] for one in scales))


if __name__ == "__main__":
    if "FLOWSTONE_HOME" in os.environ:
        sys.exit(main())
    # The settings are read when a task is declared, so they must be there before this file runs.
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "FLOWSTONE_HOME": home, "FLOWSTONE_LOGGING_LEVEL": "ERROR"}
        environ |= {"RAY_AUTH_MODE": "disabled"}
        ended = subprocess.run([sys.executable, *sys.argv], env=environ, check=False)
    sys.exit(ended.returncode)
