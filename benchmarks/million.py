"""One million task calls in one flow: memory, time, log, and what collecting them costs.

    python benchmarks/million.py --n 1000000 --json build/million.json

The calls are made by a process of its own, so that its memory is that of the calls alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flowstone import flow, task
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

import memory

SAMPLES = 20
BUILD = Path(__file__).parent.parent / "build"


@task
def same(n):  # type: ignore[no-untyped-def]
    return n


@flow(name="million")
def many_calls(calls):  # type: ignore[no-untyped-def]
    """Call a task many times; return the bytes of memory as they were from time to time."""
    samples = []
    for n in range(calls):
        if same(n) != n:
            raise AssertionError(f"call {n} returned something else")
        if n % (calls // SAMPLES) == 0:
            samples.append(memory.resident())
    return [*samples, memory.resident()]


def make_calls(calls: int) -> None:
    """Make the calls, and print the figures as JSON."""
    started = time.perf_counter()
    samples = many_calls(calls)
    seconds = time.perf_counter() - started
    print(json.dumps({"memory": samples, "seconds": seconds}))


def measure(calls: int, folder: Path) -> dict[str, Any]:
    """Make the calls in a process of their own, collect them, and return all figures."""
    home = folder / "home"
    with (folder / "errors.txt").open("wb") as errors:
        ended = subprocess.run(
            [sys.executable, __file__, "--calls", str(calls)],
            env=os.environ | {"FLOWSTONE_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=errors,
            check=True,
        )
    seen = json.loads(ended.stdout.splitlines()[-1])
    segments = list((home / "logs").iterdir())
    log_bytes = sum(path.stat().st_size for path in segments)
    started = time.perf_counter()
    open_store(home).close()
    collecting = time.perf_counter() - started
    database = sum(path.stat().st_size for path in home.glob("flowstone.db*"))
    with open_store(home) as store:
        run = store.flow_runs(RunFilter(flow="million"))[0]
        counts = store.task_counts(run.id)
    samples = seen["memory"]
    return {
        "calls": calls,
        "in_store": counts,
        "seconds": seen["seconds"],
        "microseconds_a_call": seen["seconds"] / calls * 1e6,
        "memory_after_a_tenth": samples[2],
        "memory_at_the_end": samples[-1],
        "memory_samples": samples,
        "segments": len(segments),
        "log_bytes": log_bytes,
        "log_bytes_a_call": log_bytes / calls,
        "collect_seconds": collecting,
        "collected_a_second": calls / collecting,
        "database_bytes_a_call": database / calls,
    }


def main() -> int:
    """Measure and print; 1 where the store has not what was called."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--calls", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.calls:
        make_calls(options.calls)
        return 0
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="million-", dir=BUILD) as folder:
        found = measure(options.n, Path(folder))
    grown = found["memory_at_the_end"] - found["memory_after_a_tenth"]
    print(f"calls {found['calls']:,} in {found['seconds']:.1f} s", end="")
    print(f" ({found['microseconds_a_call']:.1f} µs each)")
    print(f"memory {found['memory_after_a_tenth'] / 2**20:.1f} MiB after a tenth of them,", end="")
    print(f" {found['memory_at_the_end'] / 2**20:.1f} MiB at the end ({grown / 2**10:+.0f} KiB)")
    print(f"log {found['log_bytes'] / 2**20:.1f} MiB in {found['segments']} segments", end="")
    print(f" ({found['log_bytes_a_call']:.0f} bytes a call)")
    print(f"collected in {found['collect_seconds']:.1f} s", end="")
    print(f" ({found['collected_a_second']:,.0f} a second)")
    print(f"database {found['database_bytes_a_call']:.0f} bytes a task run")
    print(f"in the store: {found['in_store']}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if found["in_store"] == {"Completed": options.n} else 1


if __name__ == "__main__":
    sys.exit(main())
