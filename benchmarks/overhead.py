"""What a task costs: Flowstone against Prefect, in one run on one machine.

    python benchmarks/overhead.py --json build/overhead.json
    python benchmarks/overhead.py --quick --without-prefect

Prefect is installed into an environment of its own, its server runs, both sides are warmed and
write their output into files. The two alternate; figures are medians. At the end the rows in both
stores are counted: where they are not the calls that were made, no ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

from prefect_side import PrefectServer, clean_environ, make_environment

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
HELLO = """from {library} import flow, task

@task
def greet(name):
    return f"Hello, {{name}}!"

@flow(name="bench-hello")
def hello():
    print(greet("world"))

hello()
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """A row of the table: what it is called, and what it may cost."""

    title: str
    of_prefect: float | None = None
    of_base: float | None = None


IN_PROCESS = {
    "direct": Budget("direct call of a no-op task", of_prefect=1 / 250),
    "beside": Budget("the same beside a computing thread", of_prefect=1 / 250),
    "sequence": Budget("awaited call of an async one", of_prefect=1 / 250),
}
WHOLE = {
    "hello": Budget("python hello.py", of_base=1.6),
    "import": Budget("import flow, task", of_prefect=1 / 25, of_base=1.25),
    "version": Budget("flowstone version", of_base=1.25),
    "ls": Budget("flow-run ls, 100 runs", of_base=3),
}
ALONE = Budget("the same where no server runs", of_prefect=1 / 60)
"""As people meet it: Prefect then starts a temporary server in each process."""
BASE = "import msgspec, logging, dataclasses"


@dataclass(slots=True)
class Side:
    """A library: how its programs are run, and what was seen of them."""

    library: str
    python: Path
    environ: dict[str, str]
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: set[str] = field(default_factory=set)

    def measure(self, row: str, calls: int) -> None:
        """Make calls in a process that measures itself, and keep the seconds of one."""
        program = [HERE / "workload.py", self.library, row, str(calls)]
        seen = json.loads(self._run(program).splitlines()[-1])
        self.seconds[row].append(seen["seconds"] / seen["calls"])
        self.made[row] += seen["made"]
        if not seen["right"]:
            self.wrong.add(row)

    def measure_process(self, row: str, *, counted: bool = True) -> None:
        """Run a program, from start to end, and keep its seconds."""
        program, expected = self._program(row)
        started = time.perf_counter()
        output = self._run(program)
        if counted:
            self.seconds[row].append(time.perf_counter() - started)
        self.made[row] += row == "hello"
        if expected not in output:
            self.wrong.add(row)

    def _program(self, row: str) -> tuple[list[Any], str]:
        cli = self.python.with_name(self.library)
        programs: dict[str, tuple[list[Any], str]] = {
            "base": (["-c", BASE], ""),
            "import": (["-c", f"from {self.library} import flow, task"], ""),
            "version": ([cli, "version"], "."),
            "ls": ([cli, "flow-run", "ls", "--limit", "100"], "bench-hundred"[:5]),
            "hello": ([self.folder / "hello.py"], "Hello, world!"),
        }
        return programs[row]

    def _run(self, program: list[Any]) -> str:
        with (self.folder / "errors.txt").open("ab") as errors:
            ended = subprocess.run(
                [self.python, *program],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                check=False,
            )
        if ended.returncode:
            said = (self.folder / "errors.txt").read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.library}: {program} ended with {ended.returncode}: {said}")
        return ended.stdout.decode()


def prepare(library: str, python: Path, environ: dict[str, str], folder: Path) -> Side:
    """Return a side whose folder holds the program that it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hello.py").write_text(HELLO.format(library=library))
    return Side(library, python, environ, folder)


@dataclass(frozen=True, slots=True)
class Peer:
    """Prefect, with its server and without one."""

    served: Side
    alone: Side

    @property
    def sides(self) -> list[Side]:
        """Both ways to run it."""
        return [self.served, self.alone]


def measure(ours: Side, peer: Peer | None, options: argparse.Namespace) -> None:
    """Measure all rows, the two sides in turn."""
    sides = [ours] if peer is None else [ours, peer.served]
    for row in IN_PROCESS:
        for _ in range(options.rounds):
            for side in sides:
                report(f"{row}: {side.library}")
                side.measure(row, options.calls if side is ours else options.prefect_calls)
    for side in sides:
        report(f"a hundred runs: {side.library}")
        side.measure("hundred", 100)
    measure_processes(ours, peer, options)


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


def measure_processes(ours: Side, peer: Peer | None, options: argparse.Namespace) -> None:
    """Measure the rows that are whole processes: base and ours in turn, Prefect now and then."""
    ours.measure_process("base", counted=False)
    for row in WHOLE:
        for side in [ours, peer.served] if peer else [ours]:
            side.measure_process(row, counted=False)
    if peer:
        warm_alone(peer.alone)
    every = max(1, options.processes // options.prefect_processes)
    for number in range(options.processes):
        report(f"whole processes: round {number + 1} of {options.processes}")
        for row in WHOLE:
            ours.measure_process("base")
            ours.measure_process(row)
            if peer and number % every == 0:
                peer.served.measure_process(row)
        if peer and number % every == 0:
            peer.alone.measure_process("hello")


def report(text: str) -> None:
    """Say on the terminal what is being done."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


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


def count_theirs(peer: Peer, server: PrefectServer, home: Path) -> dict[str, str]:
    """Return what is wrong with Prefect's rows; a server is started on the home that had none."""
    counts = {row: server.count_completed(f"bench-{row}", n) for row, n in peer.served.made.items()}
    wrong = differences(peer.served, counts)
    with PrefectServer(server.python, home) as later:
        found = later.count_completed("bench-hello", peer.alone.made["hello"], patience=5)
    if problem := differences(peer.alone, {"hello": found}).get("hello"):
        wrong["alone"] = problem
    return wrong


def figures(ours: Side, peer: Peer | None, wrong: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    base = statistics.median(ours.seconds["base"])
    rows = []
    for row, budget in (IN_PROCESS | WHOLE).items():
        own = statistics.median(ours.seconds[row])
        theirs = statistics.median(peer.served.seconds[row]) if peer else None
        of_base = own / base if row in WHOLE else None
        rows.append(figure(row, budget, own, theirs, of_base, wrong.get(row)))
        if row == "hello" and peer:
            theirs = statistics.median(peer.alone.seconds["hello"])
            problem = wrong.get("hello") or wrong.get("alone")
            rows.append(figure("alone", ALONE, own, theirs, None, problem))
    return rows


def figure(
    row: str,
    budget: Budget,
    own: float,
    theirs: float | None,
    of_base: float | None,
    wrong: str | None,
) -> dict[str, Any]:
    """Return one row of the table; without ratios where something was wrong."""
    of_prefect = own / theirs if theirs and not wrong else None
    of_base = None if wrong else of_base
    return {
        "row": row,
        **asdict(budget),
        "ours_seconds": own,
        "prefect_seconds": theirs,
        "ratio_to_prefect": of_prefect,
        "ratio_to_base": of_base,
        "met": is_met(budget, of_prefect, of_base),
        "wrong": wrong,
    }


def is_met(budget: Budget, of_prefect: float | None, of_base: float | None) -> bool | None:
    """Return whether the ratios that are known keep the budget; None if none is known."""
    pairs = [(budget.of_prefect, of_prefect), (budget.of_base, of_base)]
    known = [(limit, ratio) for limit, ratio in pairs if limit is not None and ratio is not None]
    return all(ratio <= limit for limit, ratio in known) if known else None


def print_table(rows: list[dict[str, Any]], base: float) -> None:
    """Print the rows as a table."""
    print(f"{'':35}{'ours':>9}{'Prefect':>10}{'ratio':>8}{'x base':>8}  budget")
    for row in rows:
        theirs = seconds_text(row["prefect_seconds"])
        ratio = fraction(row["ratio_to_prefect"])
        of_base = f"{row['ratio_to_base']:.2f}" if row["ratio_to_base"] else ""
        allowed = [fraction(row["of_prefect"])] if row["of_prefect"] else []
        allowed += [f"{row['of_base']:g} x base"] if row["of_base"] else []
        verdict = {True: "met", False: "NOT MET", None: "not judged"}[row["met"]]
        print(
            f"{row['title']:35}{seconds_text(row['ours_seconds']):>9}{theirs:>10}{ratio:>8}"
            f"{of_base:>8}  {', '.join(allowed)}: {verdict}"
        )
        if row["wrong"]:
            print(f"{'':35}no ratio: {row['wrong']}")
    print(f"base = {seconds_text(base)}: python -c {BASE!r}")


def fraction(ratio: float | None) -> str:
    """Write a ratio below one as 1/n."""
    return f"1/{1 / ratio:.0f}" if ratio else ""


def seconds_text(seconds: float | None) -> str:
    """Write a time in the unit that suits it."""
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> int:
    """Measure, count, print; 1 where a result or a count was wrong."""
    options = parse_arguments()
    BUILD.mkdir(exist_ok=True)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD))
        folder = Path(name)
        environ = clean_environ(FLOWSTONE_HOME=str(folder / "home"))
        ours = prepare("flowstone", Path(sys.executable), environ, folder / "ours")
        peer = server = None
        if not options.without_prefect:
            python = make_environment(options.prefect_venv.absolute())
            server = stack.enter_context(PrefectServer(python, folder / "prefect-home"))
            served = prepare("prefect", python, server.environ, folder / "theirs")
            alone = server.environ_without_server(folder / "alone-home")
            peer = Peer(served, prepare("prefect", python, alone, folder / "alone"))
        measure(ours, peer, options)
        report("")
        wrong = differences(ours, count_ours(ours))
        if peer and server:
            wrong = count_theirs(peer, server, folder / "alone-home") | wrong
    rows = figures(ours, peer, wrong)
    base = statistics.median(ours.seconds["base"])
    made = {"ours": sum(ours.made.values())}
    if peer:
        made["prefect"] = sum(sum(side.made.values()) for side in peer.sides)
    known = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "prefect": server.version if server else None,
        "calls_made": made,
        "base_seconds": base,
        "rows": rows,
    }
    print_figures(known)
    if options.json:
        options.json.write_text(json.dumps(known, indent=2) + "\n")
    return 1 if wrong else 0


def print_figures(known: dict[str, Any]) -> None:
    """Print what was measured, and whether all calls were found in the stores."""
    peer = f" against Prefect {known['prefect']}" if known["prefect"] else ""
    print(f"Flowstone{peer}, Python {known['python']}, medians; {known['platform']}\n")
    print_table(known["rows"], known["base_seconds"])
    made = ", ".join(f"{count:,} ({side})" for side, count in known["calls_made"].items())
    differing = [row["row"] for row in known["rows"] if row["wrong"]]
    answer = f"NOT in {', '.join(differing)}" if differing else "all of them, all results right"
    print(f"\nCalls made: {made}; found in the stores: {answer}")


def parse_arguments() -> argparse.Namespace:
    """Return what was asked for; `--quick` lowers what was not given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    add("--quick", action="store_true", help="few rounds: a smoke test, not a measurement")
    add("--without-prefect", action="store_true", help="measure only Flowstone, against base")
    add("--prefect-venv", type=Path, default=BUILD / "prefect-venv", metavar="FOLDER")
    add("--rounds", type=int, help="processes a row for calls within a flow (5)")
    add("--calls", type=int, help="calls each makes of ours (5000)")
    add("--prefect-calls", type=int, help="calls each makes of Prefect's (100)")
    add("--processes", type=int, help="runs of each whole process (30)")
    add("--prefect-processes", type=int, help="runs of each of Prefect's (5)")
    options = parser.parse_args()
    usual = {"rounds": 5, "calls": 5000, "prefect_calls": 100}
    usual |= {"processes": 30, "prefect_processes": 5}
    quick = {"rounds": 2, "calls": 500, "prefect_calls": 20}
    quick |= {"processes": 5, "prefect_processes": 1}
    for option, value in (quick if options.quick else usual).items():
        if getattr(options, option) is None:
            setattr(options, option, value)
    return options


if __name__ == "__main__":
    sys.exit(main())
