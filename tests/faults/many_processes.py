"""Runs flows in many processes at once on one home while a reader polls.

    python tests/faults/many_processes.py --processes 20

No process and no read may fail, each read must answer within 2 s, and in the end no run may be
missing. Ends with 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

MEMBER = Path(__file__).with_name("crowd.py")


@dataclass(slots=True)
class Seen:
    """What the crowd and its reader came to."""

    flow_runs: int = 0
    task_runs: int = 0
    read_seconds: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many processes, flow runs of each, task runs of each of those, and their seconds."""

    processes: int
    flows: int
    tasks: int
    seconds: float


def run_crowd(home: Path, asked: Crowd, slowest: float = 2.0) -> Seen:
    """Run the crowd to its end, reading all the while; return what was seen."""
    seen = Seen()
    work = [str(asked.flows), str(asked.tasks), str(asked.seconds)]
    with (home.parent / "said.txt").open("wb") as said:
        crowd = [
            subprocess.Popen(
                [sys.executable, MEMBER, f"member-{n}", *work],
                env=os.environ | {"FLOWSTONE_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            for n in range(asked.processes)
        ]
        while any(member.poll() is None for member in crowd):
            read(home, seen)
        codes = [member.wait() for member in crowd]
    if any(codes):
        text = (home.parent / "said.txt").read_text(errors="replace")
        seen.violations.append(f"exit codes {codes}: {text[-3000:]}")
    count(home, asked.processes * asked.flows, asked.tasks, seen)
    slow = [seconds for seconds in seen.read_seconds if seconds > slowest]
    if slow:
        seen.violations.append(f"{len(slow)} reads over {slowest} s, the slowest {max(slow):.2f} s")
    return seen


def read(home: Path, seen: Seen) -> None:
    """Read as the command line does, and keep how long that took."""
    started = time.perf_counter()
    try:
        with open_store(home) as store:
            rows = store.flow_runs(RunFilter())
            if rows:
                store.task_runs(RunFilter(flow_run=rows[0].id))
    except Exception as error:
        seen.violations.append(f"a read failed: {error!r}")
    seen.read_seconds.append(time.perf_counter() - started)


def count(home: Path, flows: int, tasks: int, seen: Seen) -> None:
    """Compare what is in the store with what was run."""
    with open_store(home) as store:
        runs = store.flow_runs(RunFilter(), limit=0)
        calls = store.task_runs(RunFilter(), limit=0)
    seen.flow_runs, seen.task_runs = len(runs), len(calls)
    states = Counter(run.state_name for run in runs) + Counter(call.state_name for call in calls)
    if set(states) != {"Completed"}:
        seen.violations.append(f"states: {dict(states)}")
    if len({run.name for run in runs}) != flows or len(runs) != flows:
        seen.violations.append(f"{flows} flow runs made, {len(runs)} in the store")
    by_run = Counter(call.flow_run for call in calls)
    wrong = [run.name for run in runs if by_run[run.id] != tasks]
    if wrong:
        seen.violations.append(f"flow runs with task runs missing: {wrong[:5]}")


def main() -> int:
    """Run the crowd and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--flows", type=int, default=100, help="flow runs of each process")
    parser.add_argument("--tasks", type=int, default=50, help="task runs of each flow run")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.005,
        help="of each task run; with 0 the crowd outruns any reader that wants all of it",
    )
    asked = Crowd(**vars(parser.parse_args()))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flowstone-crowd-") as folder:
        home = Path(folder) / "home"
        seen = run_crowd(home, asked)
    seconds = time.monotonic() - started
    reads = sorted(seen.read_seconds)
    print(f"{asked.processes} processes, {seen.flow_runs:,} flow runs, ", end="")
    print(f"{seen.task_runs:,} task runs, in {seconds:.1f} s")
    print(f"{len(reads):,} reads: median {reads[len(reads) // 2]:.3f} s, most {reads[-1]:.3f} s")
    print(f"violations {len(seen.violations)}")
    for violation in seen.violations[:20]:
        print(f"  {violation}")
    return 1 if seen.violations else 0


if __name__ == "__main__":
    sys.exit(main())
