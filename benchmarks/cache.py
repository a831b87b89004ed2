"""What a cache hit and a miss cost: Flowstone, joblib.Memory and Prefect, in one run.

    python benchmarks/cache.py --json build/cache.json
    python benchmarks/cache.py --quick --without-prefect

Each side calls a cached function in a process of its own: once with each of many arguments (miss),
then in the next process with the same ones (hit), then with one argument many times (again). Every
run checks that the function ran, or did not. Then the hash of a large array beside the bare hash,
and the census of `examples/` twice: the second time every file is a hit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

from prefect_side import PrefectServer, clean_environ, make_environment
from sides import HERE, report
from table import fraction, seconds_text, verdict

BUILD = HERE.parent / "build"
SMALL, LARGE = 1024, 100_000_000
MOST_OF_JOBLIB = 1 / 3
"""What a hit of a small result may cost of joblib's."""
LEAST_SPEED, LEAST_OF_BARE = 1e9, 0.9
"""Bytes a second that a large array is hashed with at least, or else this part of the bare hash."""
Seconds = dict[str, dict[str, list[float]]]


class Side:
    """A library: how its runs are started, and in which folder it keeps its results."""

    def __init__(self, library: str, python: Path, environ: dict[str, str], folder: Path) -> None:
        self.library, self.python, self.environ, self.folder = library, python, environ, folder
        folder.mkdir(parents=True)

    def measure(self, row: str, size: int, calls: int, turn: int) -> float:
        """Return the seconds of one call; what it kept in other turns are no hits."""
        report(f"{row} of {size:,} bytes: {self.library}")
        folder = self.folder / str(size)
        seen = json.loads(self.run(self.library, row, size, calls, f"{size}-{turn}", folder))
        if not seen["right"]:
            raise RuntimeError(f"{self.library}: {row} of {size:,} bytes did not do what it should")
        return float(seen["seconds"])

    def run(self, *words: object) -> str:
        """Run the program of all sides, and return the last line that it printed."""
        errors = self.folder / "errors.txt"
        with errors.open("ab") as file:
            ended = subprocess.run(
                [self.python, HERE / "cache_side.py", *map(str, words)],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                check=False,
            )
        if ended.returncode:
            raise RuntimeError(f"{self.library}: {words}: {errors.read_text()[-3000:]}")
        return ended.stdout.decode().splitlines()[-1]


def measure_calls(sides: list[Side], options: argparse.Namespace) -> Seconds:
    """Return the seconds of one call, by row and library; the sides take turns."""
    seen: Seconds = defaultdict(lambda: defaultdict(list))
    for size in (SMALL, LARGE):
        for number in range(options.rounds):
            for side in sides:
                is_peer = side.library == "prefect"
                if is_peer and number:
                    continue
                calls = 3 if size == LARGE else 20 if is_peer else options.calls
                for row in ("miss", "hit", "again"):
                    seconds = side.measure(row, size, calls, number)
                    seen[f"{row} {size}"][side.library].append(seconds)
    return seen


def measure_census(environ: dict[str, str], folder: Path, limit: int) -> dict[str, Any]:
    """Return the seconds of both runs of the census, and how many of its files were hits."""
    environ = environ | {"FLOWSTONE_HOME": str(folder / "census-home")}
    program = [sys.executable, str(HERE.parent / "examples" / "census.py"), "--cache"]
    seconds = []
    for number in (1, 2):
        report(f"census, run {number}")
        started = time.perf_counter()
        subprocess.run(
            [*program, "--output", str(folder / "census"), "--limit", str(limit)],
            env=environ,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seconds.append(time.perf_counter() - started)
    with open_store(Path(environ["FLOWSTONE_HOME"])) as store:
        second = store.flow_runs(RunFilter())[0]
        runs = store.task_runs(RunFilter(flow_run=second.id, task="parse_module"), limit=0)
    names = [run.state_name for run in runs if run.state_type == "COMPLETED"]
    return {
        "first_seconds": seconds[0],
        "second_seconds": seconds[1],
        "files": len(names),
        "hits": names.count("Cached"),
    }


def array_bytes() -> int:
    """Return the size of the array to hash: 1 GB, or a quarter of what memory there is."""
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(1_000_000_000, pages // 4)


def figures(seen: Seconds) -> list[dict[str, Any]]:
    """Return the rows of the table of calls."""
    rows = []
    for row, sides in seen.items():
        medians = {library: statistics.median(each) for library, each in sides.items()}
        ours, joblib, prefect = (medians.get(n) for n in ("flowstone", "joblib", "prefect"))
        assert ours is not None
        assert joblib is not None
        is_judged = row == f"hit {SMALL}"
        rows.append(
            {
                "row": row,
                "ours_seconds": ours,
                "joblib_seconds": joblib,
                "prefect_seconds": prefect,
                "ratio_to_joblib": ours / joblib,
                "ratio_to_prefect": ours / prefect if prefect else None,
                "met": ours / joblib <= MOST_OF_JOBLIB if is_judged else None,
            }
        )
    return rows


def print_figures(known: dict[str, Any]) -> None:
    """Print all of it, with the budgets."""
    peer = f", Prefect {known['prefect']}" if known["prefect"] else ""
    print(f"Flowstone beside joblib {known['joblib']}{peer}; Python {known['python']}, medians\n")
    print(f"{'':18}{'ours':>10}{'joblib':>10}{'ratio':>8}{'Prefect':>10}{'ratio':>8}  budget")
    for row in known["calls"]:
        name, _, size = row["row"].partition(" ")
        title = f"{name}, {'1 KiB' if int(size) == SMALL else '100 MB'}"
        budget = f"{fraction(MOST_OF_JOBLIB)} of joblib: " if row["met"] is not None else ""
        print(
            f"{title:18}{seconds_text(row['ours_seconds']):>10}"
            f"{seconds_text(row['joblib_seconds']):>10}{row['ratio_to_joblib']:8.2f}"
            f"{seconds_text(row['prefect_seconds']):>10}{fraction(row['ratio_to_prefect']):>8}"
            f"  {budget}{verdict(row['met'])}"
        )
    array, census = known["array"], known["census"]
    print(
        f"\nHash of an array of {array['bytes'] / 1e9:.2g} GB: {array['ours'] / 1e9:.1f} GB/s, "
        f"the bare hash {array['bare'] / 1e9:.1f} GB/s (budget {LEAST_SPEED / 1e9:g} GB/s, or "
        f"{LEAST_OF_BARE:.0%} of the bare one): {verdict(array['met'])}"
    )
    print(
        f"Census of {census['files']:,} files: {seconds_text(census['first_seconds'])}, the second "
        f"time {seconds_text(census['second_seconds'])} with {census['hits']:,} hits (budget: all "
        f"of them): {verdict(census['met'])}"
    )


def measure_all(stack: ExitStack, options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that is asked for."""
    name = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD))
    folder, python = Path(name), Path(sys.executable)
    environ = clean_environ(FLOWSTONE_HOME=str(folder / "home"))
    ours = Side("flowstone", python, environ, folder / "ours")
    sides = [Side("joblib", python, environ, folder / "joblib"), ours]
    server = None
    if not options.without_prefect:
        python = make_environment(options.prefect_venv.absolute())
        server = stack.enter_context(PrefectServer(python, folder / "prefect-home"))
        sides.append(Side("prefect", python, server.environ, folder / "theirs"))
    calls = figures(measure_calls(sides, options))
    size = array_bytes()
    report(f"hash of {size:,} bytes")
    array = json.loads(ours.run("hash", "numpy", size))
    is_fast = array["ours"] >= min(LEAST_SPEED, LEAST_OF_BARE * array["bare"])
    census = measure_census(environ, folder, options.limit)
    report("")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "joblib": version("joblib"),
        "prefect": server.version if server else None,
        "calls": calls,
        "array": array | {"bytes": size, "met": is_fast},
        "census": census | {"met": 0 < census["files"] == census["hits"]},
    }


def main() -> int:
    """Measure and print; 1 where a budget is not met."""
    options = parse_arguments()
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        known = measure_all(stack, options)
    print_figures(known)
    if options.json:
        options.json.write_text(json.dumps(known, indent=2) + "\n")
    judged = [known["census"]["met"]]
    if not options.quick:
        judged += [row["met"] for row in (*known["calls"], known["array"])]
    return 1 if False in judged else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    add("--quick", action="store_true", help="few calls, one round: a smoke test, no measurement")
    add("--without-prefect", action="store_true", help="measure only Flowstone and joblib")
    add("--prefect-venv", type=Path, default=BUILD / "prefect-venv", metavar="FOLDER")
    options = parser.parse_args()
    options.rounds = 1 if options.quick else 3
    options.calls = 200 if options.quick else 1000
    options.limit = 100 if options.quick else 0
    return options


if __name__ == "__main__":
    sys.exit(main())
