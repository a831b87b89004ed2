"""A census of the Python standard library on this machine, as a flow of small tasks.

Finds every module, maps a task over them that parses one, puts the counts in a table, and writes a
report. Three broken files beside this one (`broken/`) and those that the library brings for its own
tests do not parse: their tasks fail, are retried once, and are reported.

    python examples/census.py --output census-report
    python examples/census.py --cache    # parses no file a second time while it stays as it is
    flowstone run examples/census.py:census --param limit=100
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import csv
import hashlib
import sys
import sysconfig
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flowstone import flow, get_run_logger, task
from flowstone.cache_policies import TASK_SOURCE, CacheKeyFnPolicy
from flowstone.futures import as_completed

BROKEN = Path(__file__).parent / "broken"
BLOCKS = {
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
}
LEAVES = {ast.Constant, ast.Del, ast.Load, ast.Name, ast.Store, ast.alias, ast.arg}
BRANCHES = {
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.match_case,
    ast.BoolOp,
    ast.comprehension,
}


class Source(NamedTuple):
    """A file to read; `name` is its path within the library."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The package that the file belongs to; modules without one are a group of their own."""
        return Path(self.name).parts[0] if "/" in self.name else "(single modules)"


class Function(NamedTuple):
    """A function or method; its complexity is its branches and one."""

    module: str
    name: str
    line: int
    complexity: int


class Module(NamedTuple):
    """What was counted in one file."""

    source: Source
    lines: int
    functions: int
    classes: int
    branches: int
    depth: int
    most_complex: tuple[Function, ...]


class Failure(NamedTuple):
    """A file that could not be parsed."""

    module: str
    reason: str


class Package(NamedTuple):
    """The sums of a package's modules, and the deepest nesting in any."""

    name: str
    modules: int
    lines: int
    functions: int
    classes: int
    branches: int
    depth: int


class Table(NamedTuple):
    """The result of the census: packages by size, and the ten most complex functions."""

    packages: list[Package]
    most_complex: list[Function]

    @property
    def total(self) -> Package:
        """The whole library, as if it were one package."""
        return add_up("all", self.packages)


class Census(NamedTuple):
    """What the flow gives back."""

    table: Table
    failures: list[Failure]
    report: Path
    run: str


def content_of(context: object, parameters: dict[str, Any]) -> str:
    """Return the key of a file: its name and a hash of what is in it."""
    del context
    source = parameters["source"]
    return f"{source.name}-{hashlib.sha256(source.path.read_bytes()).hexdigest()}"


@task
def find_modules(limit: int) -> list[Source]:
    """Return the files of the standard library (the first `limit`; 0 for all) and the broken ones.

    Packages installed beside the library are not part of it.
    """
    root = Path(sysconfig.get_path("stdlib"))
    left_out = {"site-packages", "dist-packages", "__pycache__"}
    found = [
        Source(path.relative_to(root).as_posix(), path)
        for path in sorted(root.rglob("*.py"))
        if left_out.isdisjoint(path.relative_to(root).parts)
    ]
    broken = [Source(f"broken/{path.name}", path) for path in sorted(BROKEN.glob("*.py"))]
    return (found[:limit] if limit else found) + broken


@task(retries=1, task_run_name="parse {source.name}")
def parse_module(source: Source) -> Module:
    """Return what is in a file. One that Python cannot parse raises SyntaxError."""
    data = source.path.read_bytes()
    tree = ast.parse(data, filename=source.name)
    branches: defaultdict[ast.AST, int] = defaultdict(int)
    functions: list[tuple[str, ast.AST, int]] = []
    classes = deepest = 0
    for node, owner, qualname, depth in walk(tree):
        deepest = max(deepest, depth)
        if type(node) in BRANCHES:
            branches[owner] += count_branches(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append((qualname, node, node.lineno))
        elif isinstance(node, ast.ClassDef):
            classes += 1
    complex_first = sorted(
        (Function(source.name, name, line, branches[node] + 1) for name, node, line in functions),
        key=lambda function: -function.complexity,
    )
    return Module(
        source=source,
        lines=data.count(b"\n"),
        functions=len(functions),
        classes=classes,
        branches=sum(branches.values()),
        depth=deepest,
        most_complex=tuple(complex_first[:10]),
    )


parse_cached = parse_module.with_options(
    cache_policy=CacheKeyFnPolicy(cache_key_fn=content_of) + TASK_SOURCE
)


@task
def tabulate(modules: list[Module]) -> Table:
    """Return the packages, the largest first, and the ten most complex functions of them all."""
    groups = defaultdict(list)
    for module in modules:
        counts = Package("", 1, module.lines, module.functions, module.classes, module.branches, 0)
        groups[module.source.package].append(counts._replace(depth=module.depth))
    packages = [add_up(name, members) for name, members in groups.items()]
    functions = [function for module in modules for function in module.most_complex]
    return Table(
        sorted(packages, key=lambda package: -package.lines),
        sorted(functions, key=lambda function: -function.complexity)[:10],
    )


@task
async def write_report(table: Table, failures: list[Failure], folder: Path) -> Path:
    """Write the census as Markdown and as CSV, and return the path of the Markdown page."""
    page = folder / "census.md"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.gather(
        asyncio.to_thread(page.write_text, as_markdown(table, failures), encoding="utf-8"),
        asyncio.to_thread(write_csv, folder / "packages.csv", Package._fields, table.packages),
        asyncio.to_thread(
            write_csv, folder / "functions.csv", Function._fields, table.most_complex
        ),
        asyncio.to_thread(write_csv, folder / "failures.csv", Failure._fields, failures),
    )
    return page


@flow
def census(output: Path = Path("census-report"), limit: int = 0, *, cache: bool = False) -> Census:
    """Count what is in the standard library, and write a report of it into the folder `output`.

    With `cache` a file that is still as it was when it was counted is not parsed again.
    """
    logger = get_run_logger()
    sources = find_modules(limit)
    logger.info("Parsing %d files", len(sources))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library's tests write on purpose
        parsing = (parse_cached if cache else parse_module).map(sources)
        for number, _ in enumerate(as_completed(parsing), 1):
            if number % 500 == 0:
                logger.info("%d of %d files", number, len(sources))
    modules: list[Module] = []
    failures: list[Failure] = []
    for source, future in zip(sources, parsing, strict=True):
        if future.state.is_completed():
            modules.append(future.result())
        else:
            error = future.result(raise_on_failure=False)
            failures.append(Failure(source.name, str(error)))
    table = tabulate(modules)
    report = write_report.submit(table, failures, output).result()
    logger.info("Parsed %d files; %d could not be parsed", len(modules), len(failures))
    return Census(table, failures, report, run=str((logger.extra or {})["flow_run_name"]))


def walk(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST, str, int]]:
    """Give each node with the function it belongs to, its dotted name, and its depth in blocks.

    An `elif` is as deep as its `if`. Nodes without children are left out.
    """
    todo: list[tuple[ast.AST, ast.AST, str, int]] = [(tree, tree, "", 0)]
    while todo:
        node, owner, name, depth = todo.pop()
        yield node, owner, name, depth
        for child in ast.iter_child_nodes(node):
            kind = type(child)
            if kind in LEAVES:
                continue
            if kind not in BLOCKS:
                todo.append((child, owner, name, depth))
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}" if name else child.name
                mine = owner if kind is ast.ClassDef else child
                todo.append((child, mine, inner, depth + 1))
            else:
                todo.append((child, owner, name, depth + (not is_elif(child, node))))


def is_elif(node: ast.AST, parent: ast.AST) -> bool:
    """Whether a node is the `elif` of its parent, which looks like an `if` within its `else`."""
    return (
        isinstance(node, ast.If)
        and isinstance(parent, ast.If)
        and parent.orelse == [node]
        and parent.col_offset == node.col_offset
    )


def count_branches(node: ast.AST) -> int:
    """Return how many ways out of the straight line a node of `BRANCHES` adds."""
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return 1


def add_up(name: str, packages: list[Package]) -> Package:
    """Return the sums of several packages."""
    return Package(
        name,
        modules=sum(package.modules for package in packages),
        lines=sum(package.lines for package in packages),
        functions=sum(package.functions for package in packages),
        classes=sum(package.classes for package in packages),
        branches=sum(package.branches for package in packages),
        depth=max((package.depth for package in packages), default=0),
    )


def write_csv(
    path: Path, header: tuple[str, ...], rows: list[Package] | list[Function] | list[Failure]
) -> None:
    """Write rows into a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def as_markdown(table: Table, failures: list[Failure]) -> str:
    """Return the census as a page of Markdown."""
    parts = [
        f"# The standard library of Python {sys.version.split()[0]}",
        markdown_table(Package._fields, [*table.packages, table.total]),
        "## The most complex functions",
        markdown_table(Function._fields, table.most_complex),
        f"## Files that could not be parsed: {len(failures)}",
        markdown_table(Failure._fields, failures),
    ]
    return "\n\n".join(parts) + "\n"


def markdown_table(
    header: tuple[str, ...], rows: list[Package] | list[Function] | list[Failure]
) -> str:
    """Return rows as a Markdown table, numbers to the right."""
    kinds = [isinstance(cell, int) for cell in rows[0]] if rows else [False] * len(header)
    lines = [header, tuple("---:" if number else "---" for number in kinds)]
    lines += [
        tuple(f"{c:,}" if isinstance(c, int) else str(c).replace("|", r"\|") for c in row)
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def print_summary(result: Census, shown: int = 12) -> None:
    """Print what was found, in 80 columns, and where to read more of it."""
    table, failures = result.table, result.failures
    rest = table.packages[shown:]
    rows = table.packages[:shown]
    rows += [add_up(f"({len(rest)} more)", rest)] if rest else []
    print(f"\n{'package':18}{'modules':>9}{'lines':>11}{'functions':>11}{'classes':>9}", end="")
    print(f"{'branches':>11}{'deepest':>9}")
    for row in [*rows, table.total]:
        print(f"{row.name[:17]:18}{row.modules:9,}{row.lines:11,}{row.functions:11,}", end="")
        print(f"{row.classes:9,}{row.branches:11,}{row.depth:9,}")
    print("\nThe most complex functions")
    for function in table.most_complex:
        where = f"{function.module}:{function.line}"
        print(f"{function.complexity:6,}  {shorten(function.name, 34):35}{shorten(where, 36)}")
    print(f"\nCould not be parsed, tried twice: {len(failures)}")
    for failure in failures[-6:]:
        print(f"  {shorten(failure.module, 34):35}{shorten(failure.reason, 42)}")
    if len(failures) > 6:
        print(f"  and {len(failures) - 6} more")
    print(f"\nThe report: {result.report}")


def print_commands(run: str) -> None:
    """Print how to look at a run, by the command that belongs to this Python."""
    command = Path(sys.executable).with_name("flowstone")
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    print("\nLook at the run:")
    for words in (
        "flow-run ls",
        "task-run ls --task parse_module --state failed",
        f"flow-run inspect {run}",
        f"flow-run logs {run} --tail 10",
        f"open {run}",
    ):
        print(f"  {command} {words}")


def shorten(text: str, width: int) -> str:
    """Return a text that is at most `width` long, its end cut off where it must be."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def main() -> None:
    """Run the census from the command line."""
    parser = argparse.ArgumentParser(description="A census of the Python standard library.")
    parser.add_argument("--output", type=Path, default=Path("census-report"), metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="only the first N files")
    parser.add_argument("--cache", action="store_true", help="do not parse a file again")
    arguments = parser.parse_args()
    result = census(arguments.output, arguments.limit, cache=arguments.cache)
    print_summary(result)
    print_commands(result.run)


if __name__ == "__main__":
    main()
