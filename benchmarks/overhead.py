"""What a task costs: Flowstone against Prefect, in one run on one machine.

    python benchmarks/overhead.py --json build/overhead.json
    python benchmarks/overhead.py --quick --without-prefect
    python benchmarks/overhead.py --only 'map' --rounds 3

Prefect is installed into an environment of its own, its server runs, both sides are warmed and
write their output into files. The two alternate; figures are medians. At the end the rows in both
stores are counted: where they are not the calls that were made, no ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from contextlib import ExitStack
from fnmatch import filter as matching
from pathlib import Path

from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

from prefect_side import PrefectServer, clean_environ, make_environment
from rows import IN_PROCESS, ROWS, WHOLE
from sides import HERE, Peer, Side, Sides, report
from table import figures, memory_figures, print_figures

BUILD = HERE.parent / "build"


def measure(sides: Sides, options: argparse.Namespace) -> None:
    """Measure the rows that are asked for, the sides in turn."""
    for row in filter(IN_PROCESS.get, options.rows):
        measure_calls(sides, row, options)
    whole = [row for row in options.rows if row in WHOLE]
    if "ls" in whole:
        for side in [sides.ours, sides.peer.served] if sides.peer else [sides.ours]:
            side.measure("hundred", 100)
    if whole:
        measure_processes(sides, whole, options)


def measure_calls(sides: Sides, name: str, options: argparse.Namespace) -> None:
    """Measure a row of calls: base and ours in turn, Prefect in every second round."""
    row = IN_PROCESS[name]
    for number in range(min(options.rounds, 2) if row.is_long else options.rounds):
        for side in [sides.executor, sides.ours] if row.base == "executor" else [sides.ours]:
            side.measure(name, row.calls // options.part)
        calls = row.prefect_calls // options.part
        if sides.peer and calls and number % 2 == 0:
            side = sides.peer.served
            side.measure(name, calls)
            # Its server goes on for a while: it is to disturb nobody, nor to refuse the next.
            sides.peer.server.count_completed(f"bench-{name}", side.made[name])


def warm_alone(alone: Side, tries: int = 5) -> None:
    """Run Prefect without a server until it works: on a slow machine its first runs time out."""
    for left in range(tries - 1, -1, -1):
        try:
            alone.measure_process("hello", counted=False)
        except RuntimeError:
            report(f"hello.py of Prefect with no server up failed; {left} tries are left")
            if not left:
                raise
        else:
            return


def measure_processes(sides: Sides, rows: list[str], options: argparse.Namespace) -> None:
    """Measure the rows that are whole processes: base and ours in turn, Prefect now and then."""
    ours, peer = sides.ours, sides.peer
    ours.measure_process("base", counted=False)
    for row in rows:
        for side in [ours, peer.served] if peer else [ours]:
            side.measure_process(row, counted=False)
    if peer and "hello" in rows:
        warm_alone(peer.alone)
    every = max(1, options.processes // options.prefect_processes)
    for number in range(options.processes):
        report(f"whole processes: round {number + 1} of {options.processes}")
        for row in rows:
            ours.measure_process("base")
            ours.measure_process(row)
            if peer and number % every == 0:
                peer.served.measure_process(row)
        if peer and number % every == 0 and "hello" in rows:
            peer.alone.measure_process("hello")


def count_ours(ours: Side) -> dict[str, int]:
    """Return the completed task runs in our store, by row."""
    counts = {}
    with open_store(Path(ours.environ["FLOWSTONE_HOME"])) as store:
        for row in ours.made:
            asked = RunFilter(flow=f"bench-{row}", states=("COMPLETED",))
            counts[row] = len(store.task_runs(asked, limit=0))
    return counts


def differences(side: Side, counts: dict[str, int]) -> dict[str, str]:
    """Return what is wrong with a side's rows: results, or calls that are not in the store."""
    found = dict.fromkeys(side.wrong, f"{side.library}: a wrong result")
    for row, made in side.made.items():
        if made != counts[row]:
            found[row] = f"{side.library}: {made} calls made, {counts[row]} in the store"
    return found


def count_theirs(peer: Peer) -> dict[str, str]:
    """Return what is wrong with Prefect's rows; a server is started on the home that had none."""
    server, made = peer.server, peer.served.made
    counts = {row: server.count_completed(f"bench-{row}", n) for row, n in made.items()}
    wrong = differences(peer.served, counts)
    if not peer.alone.made:
        return wrong
    home = Path(peer.alone.environ["PREFECT_HOME"])
    with PrefectServer(server.python, home) as later:
        found = later.count_completed("bench-hello", peer.alone.made["hello"], patience=5)
    if problem := differences(peer.alone, {"hello": found}).get("hello"):
        wrong["alone"] = problem
    return wrong


def find_wrong(sides: Sides) -> dict[str, str]:
    """Return what is wrong, by row: results, or calls that a store has not."""
    report("counting")
    wrong = dict.fromkeys(sides.executor.wrong, "executor: a wrong result")
    wrong |= differences(sides.ours, count_ours(sides.ours))
    if sides.peer:
        wrong = count_theirs(sides.peer) | wrong
    report("")
    return wrong


def main() -> int:
    """Measure, count, print; 1 where a result or a count was wrong."""
    options = parse_arguments()
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD))
        folder, python = Path(name), Path(sys.executable)
        environ = clean_environ(FLOWSTONE_HOME=str(folder / "home"))
        ours = Side("flowstone", python, environ, folder / "ours")
        executor = Side("executor_side", python, environ, folder / "executor")
        peer = None
        if not options.without_prefect:
            python = make_environment(options.prefect_venv.absolute())
            server = stack.enter_context(PrefectServer(python, folder / "prefect-home"))
            served = Side("prefect", python, server.environ, folder / "theirs")
            alone = server.environ_without_server(folder / "alone-home")
            peer = Peer(server, served, Side("prefect", python, alone, folder / "alone"))
        sides = Sides(ours, executor, peer)
        measure(sides, options)
        wrong = find_wrong(sides)
    made = {"ours": sum(ours.made.values())}
    if peer:
        made["prefect"] = sum(sum(side.made.values()) for side in (peer.served, peer.alone))
    known = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "prefect": peer.server.version if peer else None,
        "is_quick": options.quick,
        "calls_made": made,
        "rows": figures(sides, options.rows, wrong),
        "memory": memory_figures(sides),
    }
    print_figures(known)
    if options.json:
        options.json.write_text(json.dumps(known, indent=2) + "\n")
    return 1 if wrong else 0


def parse_arguments() -> argparse.Namespace:
    """Return what was asked for; `--quick` lowers what was not given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    add("--quick", action="store_true", help="a tenth, in few rounds: a smoke test, no measurement")
    add("--only", default="*", metavar="PATTERN", help=f"only these rows: {', '.join(ROWS)}")
    add("--without-prefect", action="store_true", help="measure only Flowstone, against base")
    add("--prefect-venv", type=Path, default=BUILD / "prefect-venv", metavar="FOLDER")
    add("--rounds", type=int, help="processes a row for calls within a flow (11)")
    add("--processes", type=int, help="runs of each whole process (30)")
    add("--prefect-processes", type=int, help="runs of each of Prefect's (5)")
    options = parser.parse_args()
    options.rows = matching(ROWS, options.only)
    if not options.rows:
        parser.error(f"no row is called {options.only}; there are {', '.join(ROWS)}")
    usual = {"rounds": 11, "processes": 30, "prefect_processes": 5}
    quick = {"rounds": 2, "processes": 5, "prefect_processes": 1}
    for option, value in (quick if options.quick else usual).items():
        if getattr(options, option) is None:
            setattr(options, option, value)
    options.part = 10 if options.quick else 1  # of the calls of a row
    return options


if __name__ == "__main__":
    sys.exit(main())
