"""How fast logs come into the store, and how much room a task run takes there.

Makes a log of N bare task runs of one flow run (two records each), collects it in this process on
one core, and prints runs a second and bytes of database a run. `--lines` adds a log line to each.
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
from pathlib import Path

import msgspec

from flowstone.core.facts import (
    FlowDefined,
    FlowRunChanged,
    FlowRunCreated,
    LineLogged,
    TaskDefined,
    TaskRunCompleted,
    TaskRunCreated,
    Written,
)
from flowstone.core.ids import IdSource
from flowstone.core.states import COMPLETED
from flowstone.log.files import segment_name
from flowstone.log.frames import frame, seed_of
from flowstone.log.machine import boot_id
from flowstone.log.records import Header
from flowstone.store.collector import collect
from flowstone.store.database import database_path
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

_encode = msgspec.msgpack.Encoder().encode
_NO_PID = 2**22 + 7


def make_log(home: Path, runs: int, *, lines: bool) -> int:
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
        for index in range(runs):
            at += 20_000
            run = ids.new(at)
            put(TaskRunCreated(run, 0, at, True, flow_run, None, f"noop-{index}"))
            if lines:
                put(LineLogged(flow_run, run, at, 20, "flowstone.task_runs", "Half of it is done"))
            put(TaskRunCompleted(run, 2, at + 5_000))
        put(FlowRunChanged(flow_run, 2, COMPLETED, None, at))
    return path.stat().st_size


def measure(runs: int, *, lines: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="flowstone-bench-") as name:
        home = Path(name)
        log_bytes = make_log(home, runs, lines=lines)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", action="store_true", help="a log line in each task run")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    args = parser.parse_args()
    rounds = [measure(args.runs, lines=args.lines) for _ in range(args.rounds)]
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    budgets = {
        "runs per second": "≥ 25 000" if args.lines else "≥ 40 000",
        "database bytes per run": "" if args.lines else "≤ 400",
    }
    print(f"{args.runs} task runs, medians of {args.rounds}")
    for name, figure in figures.items():
        print(f"{name:28} {figure:12,.1f}   {budgets.get(name, '')}".rstrip())
    if args.json:
        args.json.write_text(json.dumps({"runs": args.runs, "lines": args.lines} | figures))


if __name__ == "__main__":
    main()
