"""How fast logs come into the store, and how much room a task run takes there.

Makes a log of N bare task runs of one flow run (two records each), collects it in this process on
one core, and prints runs a second and bytes of database a run. `--submitted` makes them three
records each (Pending, Running, Completed); `--ahead N` lets their caller be N runs ahead of the
workers, as in a large map. `--lines` adds a log line to each, `--edges` an input. `--database
postgres` brings it into a Postgres instead, which is started for it; CPU seconds are then those of
this process and of the server's together.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from flowstone.core.facts import (
    FlowDefined,
    FlowRunChanged,
    FlowRunCreated,
    InputsFound,
    LineLogged,
    TaskDefined,
    TaskRunChanged,
    TaskRunCompleted,
    TaskRunCreated,
    Written,
)
from flowstone.core.ids import IdSource
from flowstone.core.states import COMPLETED, RUNNING
from flowstone.log.files import segment_name
from flowstone.log.frames import frame, seed_of
from flowstone.log.machine import boot_id
from flowstone.log.records import Header
from flowstone.store.applying import advance
from flowstone.store.collector import collect
from flowstone.store.database import database_path
from flowstone.store.databases import open_database
from flowstone.store.names import Names
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from flowstone.store.segments import survey

from throwaway import cpu_of, postgres

_encode = msgspec.msgpack.Encoder().encode
_SIZE_AND_PROCESS = "SELECT pg_database_size(current_database()), pg_backend_pid()"
_NO_PID = 2**22 + 7


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the log to collect looks like."""

    runs: int
    submitted: bool = False
    ahead: int = 0
    lines: bool = False
    edges: bool = False


def make_log(home: Path, shape: Shape) -> int:
    """Write the log of a dead process that ran so many tasks, and return its size."""
    at = time.time_ns()
    ids = IdSource(os.urandom(9))
    log = ids.new(at)
    seed = seed_of(log)
    directory = home / "logs"
    directory.mkdir(parents=True)
    path = directory / segment_name(log, 0)
    flow_run = ids.new(at)
    header = Header(
        1, log, 0, 0, at, boot_id(), _NO_PID, 1, "here", "3.11.0", "0.1.0", None, "lock"
    )
    with path.open("wb", buffering=1 << 20) as file:

        def put(record: Written) -> None:
            file.write(frame(_encode(record), seed))

        put(header)
        put(TaskDefined(0, "noop-12345678", "noop"))
        put(FlowDefined(0, "main"))
        put(FlowRunCreated(flow_run, 0, at, True, None, None, "quick-fox"))
        for record in task_runs(shape, ids, flow_run, at):
            put(record)
        put(FlowRunChanged(flow_run, 2, COMPLETED, None, time.time_ns()))
    return path.stat().st_size


def task_runs(shape: Shape, ids: IdSource, flow_run: bytes, at: int) -> Iterator[Written]:
    begun = [at + 20_000 * index for index in range(shape.runs)]
    runs = [ids.new(one) for one in begun]
    for new, old in zip_longest(range(shape.runs), range(-shape.ahead, shape.runs)):
        if new is not None:
            running = not shape.submitted
            yield TaskRunCreated(runs[new], 0, begun[new], running, flow_run, None, f"noop-{new}")
            if shape.edges and new:
                yield InputsFound(runs[new], (("value", runs[new - 1]),))
        if old >= 0:
            run, started = runs[old], begun[old] + 2_000
            if shape.submitted:
                yield TaskRunChanged(run, 1, RUNNING, None, started)
            if shape.lines:
                text = "Half of it is done"
                yield LineLogged(flow_run, run, started, 20, "flowstone.task_runs", text)
            yield TaskRunCompleted(run, 2, started + 3_000)


def measure(shape: Shape) -> dict[str, float]:
    runs = shape.runs
    with tempfile.TemporaryDirectory(prefix="flowstone-bench-") as name:
        home = Path(name)
        log_bytes = make_log(home, shape)
        begun, cpu = time.perf_counter(), time.process_time()
        collect(home)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        begun = time.perf_counter()
        with open_store(home) as store:
            up_to_date = time.perf_counter() - begun
            found = sum(store.task_counts(store.flow_runs(RunFilter())[0].id).values())
        if found != runs:
            sys.exit(f"the store has {found} task runs, the log had {runs}")
        with sqlite3.connect(database_path(home)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        size = os.stat(database_path(home)).st_size
    return {
        "runs per second": runs / took,
        "runs per CPU second": runs / cpu,
        "database bytes per run": size / runs,
        "log bytes per run": log_bytes / runs,
        "read when up to date, ms": up_to_date * 1000,
    }


def measure_postgres(shape: Shape) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="flowstone-bench-") as name, postgres() as url:
        home = Path(name)
        log_bytes = make_log(home, shape)
        seen = survey(home)
        database = open_database(home, url)
        with database.store() as store:
            empty, backend = store.connection.execute(_SIZE_AND_PROCESS).fetchone()
        begun, cpu = time.perf_counter(), time.process_time() + cpu_of(backend)
        is_done = False
        while not is_done:
            with database.transaction() as connection:
                until = time.monotonic() + 0.03
                names = Names(connection)
                step = advance(connection, seen.logs[0], names, seen.boot, until, None)
            is_done = step.is_done
        took = time.perf_counter() - begun
        cpu = time.process_time() + cpu_of(backend) - cpu
        with database.store() as store:
            found = sum(store.task_counts(store.flow_runs(RunFilter())[0].id).values())
            size, _ = store.connection.execute(_SIZE_AND_PROCESS).fetchone()
        if found != shape.runs:
            sys.exit(f"the store has {found} task runs, the log had {shape.runs}")
        database.close()
    return {
        "runs per second": shape.runs / took,
        "runs per CPU second": shape.runs / cpu,
        "database bytes per run": (size - empty) / shape.runs,
        "log bytes per run": log_bytes / shape.runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--submitted", action="store_true", help="three records each, not two")
    parser.add_argument("--ahead", type=int, default=0, help="runs created before one starts")
    parser.add_argument("--lines", action="store_true", help="a log line in each task run")
    parser.add_argument("--edges", action="store_true", help="an input of each task run")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    shape = Shape(
        runs=args.runs,
        submitted=args.submitted,
        ahead=args.ahead,
        lines=args.lines,
        edges=args.edges,
    )
    measured = measure if args.database == "sqlite" else measure_postgres
    rounds = [measured(shape) for _ in range(args.rounds)]
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    is_bare = not (shape.lines or shape.edges)
    budgets = {
        "runs per second": "≥ 40 000" if is_bare and measured is measure else "≥ 25 000",
        "database bytes per run": "≤ 400" if is_bare and measured is measure else "",
    }
    print(f"{args.runs} task runs, medians of {args.rounds}")
    for name, figure in figures.items():
        print(f"{name:28} {figure:12,.1f}   {budgets.get(name, '')}".rstrip())
    if args.json:
        args.json.write_text(json.dumps(msgspec.to_builtins(shape) | figures))


if __name__ == "__main__":
    main()
