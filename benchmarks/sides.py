"""The sides of the comparison: how the programs of a library are run, and what was seen of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect_side import PrefectServer
from rows import BASE

HERE = Path(__file__).parent
HELLO = """from {library} import flow, task

@task
def greet(name):
    return f"Hello, {{name}}!"

@flow(name="bench-hello")
def hello():
    print(greet("world"))

hello()
"""


@dataclass(slots=True)
class Side:
    """A library: how its programs are run, and what was seen of them.

    `figures` are bytes of memory, by name.
    """

    library: str
    python: Path
    environ: dict[str, str]
    folder: Path
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    made: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrong: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Write the program that it runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hello.py").write_text(HELLO.format(library=self.library))

    def measure(self, row: str, calls: int) -> None:
        """Make calls in a process that measures itself, and keep the seconds of one."""
        report(f"{row}: {self.library}")
        program = [HERE / "workload.py", self.library, row, str(calls)]
        seen = json.loads(self._run(program).splitlines()[-1])
        self.seconds[row].append(seen["seconds"])
        self.made[row] += seen["made"]
        for name, figure in seen["figures"].items():
            self.figures[name].append(figure)
        if not seen["right"]:
            self.wrong.add(row)

    def measure_process(self, row: str, *, counted: bool = True) -> None:
        """Run a program, from start to end, and keep its seconds."""
        program, expected = self._program(row)
        started = time.perf_counter()
        output = self._run(program)
        if counted:
            self.seconds[row].append(time.perf_counter() - started)
        if row == "hello":
            self.made[row] += 1
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


@dataclass(frozen=True, slots=True)
class Peer:
    """Prefect, with its server and without one."""

    server: PrefectServer
    served: Side
    alone: Side


@dataclass(frozen=True, slots=True)
class Sides:
    """Ours, the standard library's executor, and Prefect where it is measured."""

    ours: Side
    executor: Side
    peer: Peer | None


def report(text: str) -> None:
    """Say on the terminal what is being done."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
