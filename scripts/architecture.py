"""The page of the documentation that is made of the source: what lies where, how much, and what
imports what.

    .venv/bin/python scripts/architecture.py
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
sys.path.insert(0, str(ROOT))

from tests.shape.house import ROWS, imports_of, module_name, row_of  # noqa: E402  found by the line above

FACE, GROUND = "the public face", "exceptions"
ABOUT = {
    GROUND: "the tree of errors; annotations of arguments; the version",
    "core": "values and decisions: states, facts, policies, keys; nothing here waits",
    "log": "the file that a process appends to: format, writer, reader, shipper",
    "results": "what is kept: storages, serializers, locks",
    "engine": "the life of a run, told once; waits only through the verbs of `ops.py`",
    "drive": "the verbs on threads and loops; limits, timeouts, logging, the live display",
    "runners": "where bodies run: threads, processes, Dask, Ray",
    "settings": "every setting, and where its value comes from",
    "wiring": "what a process uses, put together: home, log, results, limits; worker processes",
    "store": "SQLite and Postgres: collects logs, answers questions",
    FACE: "what users import: `task`, `flow`, futures, the client …; `face` is its inside",
    "migrating": "rewrites programs that were written for Prefect",
    "server": "the HTTP API, the stream of changes, the page's files",
    "cli": "a family of commands a file",
    "testing": "what users' tests use: a harness, a pytest plugin, a clock",
}
LONGEST = 8
TEXT = """\
# Architecture

A module imports only from its own row of this table or from rows above it, which a test checks. How a run goes through them, and how to add to each, is told in `CONTRIBUTING.md`.

{table}

Together {size}. {cycles}

## Who imports whom

How many imports a part (left) has of another (above):

{matrix}

## The longest

{files}

{functions}

Counted when this page was built; `.venv/bin/python scripts/architecture.py` prints it.
"""  # noqa: E501  a paragraph is a line


class Module(NamedTuple):
    """A module: its name, its row in the house, its lines, its functions by length, its imports."""

    name: str
    row: int
    lines: int
    functions: list[tuple[int, str]]
    imports: set[str]

    @property
    def part(self) -> str:
        """The package that it belongs to; modules of the public face belong to that."""
        special = {0: GROUND, ROWS["store"] + 1: FACE}
        second = self.name.partition(".")[2].partition(".")[0]
        return special.get(self.row, second)


@cache
def modules() -> list[Module]:
    """Return every module of the package."""
    return [_module(path) for path in sorted(SOURCE.rglob("*.py"))]


def _module(path: Path) -> Module:
    text = path.read_text()
    tree = ast.parse(text)
    name = module_name(path, SOURCE)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [
        ((one.end_lineno or one.lineno) - one.lineno + 1, f"{path.relative_to(SOURCE)}: {one.name}")
        for one in ast.walk(tree)
        if isinstance(one, kinds)
    ]
    ours = {one.module for one in imports_of(tree, SOURCE) if row_of(one.module) is not None}
    return Module(name, row_of(name) or 0, text.count("\n"), functions, ours)


def page() -> str:
    """Return the page."""
    found = modules()
    files = sorted(((one.lines, one.name) for one in found), reverse=True)[:LONGEST]
    functions = sorted((each for one in found for each in one.functions), reverse=True)[:LONGEST]
    return TEXT.format(
        table=_table(found),
        size=f"{len(found)} files and {sum(one.lines for one in found):,} lines",
        cycles=_cycles(found),
        matrix=_matrix(found),
        files=_longest("file", files),
        functions=_longest("function", functions),
    )


def _parts(found: Iterable[Module]) -> dict[str, list[Module]]:
    parts: dict[str, list[Module]] = defaultdict(list)
    for one in sorted(found, key=lambda module: module.row):
        parts[one.part].append(one)
    return {name: those for name, those in parts.items() if name in ABOUT}


def _table(found: list[Module]) -> str:
    head = ["| row | part | what | files | lines |", "|--:|---|---|--:|--:|"]
    rows = [
        f"| {max(one.row for one in those)} | {_name(part)} | {ABOUT[part]} | {len(those)} | "
        f"{sum(one.lines for one in those):,} |"
        for part, those in _parts(found).items()
    ]
    return "\n".join([*head, *rows])


def _name(part: str) -> str:
    return part if part == FACE else f"`{part}`"


def _matrix(found: list[Module]) -> str:
    parts = _parts(found)
    part_of = {one.name: one.part for one in found}
    head = ["| | " + " | ".join(map(_name, parts)) + " |", "|---|" + "--:|" * len(parts)]
    rows = []
    for part, those in parts.items():
        targets = [part_of.get(target) for one in those for target in one.imports]
        counts = [str(targets.count(other) or "") for other in parts]
        rows.append(f"| {_name(part)} | {' | '.join(counts)} |")
    return "\n".join([*head, *rows])


def _cycles(found: list[Module]) -> str:
    graph = {one.name: one.imports - {one.name} for one in found}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return f"There is a cycle of imports: {' → '.join(error.args[1])}."
    return "No cycle of imports."


def _longest(what: str, those: list[tuple[int, str]]) -> str:
    rows = [f"| `{name}` | {size} |" for size, name in those]
    return "\n".join([f"| {what} | lines |", "|---|--:|", *rows])


if __name__ == "__main__":
    sys.stdout.write(page())
