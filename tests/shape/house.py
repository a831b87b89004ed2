"""The rules of the house, checked by reading the source: who may import whom, and how long is long.

Each check takes the folder to look at and gives what it found, one sentence a violation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = "flowstone"
ROWS = {
    "exceptions": 0,
    "annotations": 0,
    "version": 0,
    "core": 1,
    "log": 2,
    "results": 3,
    "engine": 4,
    "drive": 5,
    "runners": 6,
    "settings": 7,
    "wiring": 7,
    "store": 8,
    "server": 10,
    "migrating": 10,
    "cli": 11,
    "testing": 11,
}
PUBLIC = frozenset(
    "__init__ annotations artifacts automations cache_policies context dask events exceptions "
    "filesystems flows futures ray serializers states task_runners tasks tracking transactions "
    "variables version".split()
)
"""The modules at the top of the package: what users import, and nothing else."""
PUBLIC_FACE = 9
"""The row of every module that has none of its own."""
LAZY = frozenset(
    {
        "asyncio",
        "cloudpickle",
        "ctypes",
        "dask",
        "distributed",
        "fsspec",
        "httpx",
        "numpy",
        "pydantic",
        "ray",
        "redis",
        "rich",
        "tomllib",
    },
)
"""What may be imported inside a function: heavy, and not every run uses it."""
PURE = frozenset({"core", "engine"})
WAITING = frozenset(
    {"asyncio", "random", "socket", "sqlite3", "subprocess", "threading", "time"},
)
"""What a pure layer must not know: its times and its chances are handed to it."""
DRAWERS = frozenset({"base", "common", "helper", "helpers", "misc", "util", "utils"})
LONGEST_FILE = 500
LONGEST_FUNCTION = 60


class Import(NamedTuple):
    """One import of one module, and where it stands."""

    module: str
    line: int
    inside_function: bool
    relative: bool


def violations(source: Path) -> list[str]:
    """Return what the package in `source` (the folder that holds `flowstone/`) does wrong."""
    found: list[str] = []
    for path in sorted((source / PACKAGE).rglob("*.py")):
        where = str(path.relative_to(source))
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError as error:
            found.append(f"{where}:{error.lineno}: {error.msg}")
            continue
        name = module_name(path, source)
        found += layer_violations(name, where, list(imports_of(tree, source)))
        found += list_violations(tree, where)
        found += length_violations(path, where)
        if path.stem in DRAWERS or path.parent.name in DRAWERS:
            found.append(f"{where}: a module is named for its noun, not {path.stem!r}")
    return found


def module_name(path: Path, source: Path) -> str:
    """Return the dotted name of the module in a file; a package's is its `__init__`'s."""
    parts = list(path.relative_to(source).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def row_of(module: str) -> int | None:
    """Return a module's row in the house, or None for what is no module of ours."""
    head, _, rest = module.partition(".")
    if head != PACKAGE:
        return None
    return ROWS.get(rest.partition(".")[0], PUBLIC_FACE)


def imports_of(tree: ast.Module, source: Path) -> Iterator[Import]:
    """Give the imports that run: all but those for the type checker."""
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, inside, relative=False)
        elif isinstance(node, ast.ImportFrom):
            yield from _imports_from(node, source, inside=inside)
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        children: list[ast.AST] = list(_blocks(node))
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            children = list(node.orelse)
        todo += [(child, inside) for child in reversed(children)]


def layer_violations(name: str, where: str, imports: list[Import]) -> list[str]:
    """Return the imports that the layers, the pure layers or the lazy list do not allow."""
    own = row_of(name)
    layer = name.partition(".")[2].partition(".")[0]
    found = []
    for module, line, inside, relative in imports:
        head = module.partition(".")[0]
        row = row_of(module)
        if relative:
            found.append(f"{where}:{line}: imports {module} by a relative name")
        elif module == PACKAGE and name != PACKAGE:
            found.append(f"{where}:{line}: imports from the face, not from a module of its own")
        elif row is not None and own is not None and row > own:
            found.append(f"{where}:{line}: row {own} imports {module} of row {row}")
        if layer in PURE and head in WAITING:
            found.append(f"{where}:{line}: the pure layer {layer} imports {module}")
        if inside and head not in LAZY:
            found.append(f"{where}:{line}: imports {module} inside a function")
        if not inside and head in LAZY and (own or 0) < ROWS["server"]:
            found.append(f"{where}:{line}: imports {module}, which is lazy, at the top")
    return found


def list_violations(tree: ast.Module, where: str) -> list[str]:
    """Return what is wrong with a module's `__all__`: no plain list, or not sorted."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        if not (isinstance(target, ast.Name) and target.id == "__all__"):
            continue
        assert isinstance(node, ast.Assign | ast.AnnAssign)
        try:
            names = ast.literal_eval(node.value) if node.value else []
        except ValueError:
            return [f"{where}:{node.lineno}: __all__ is not a plain list of names"]
        if list(names) != sorted(set(names)):
            return [f"{where}:{node.lineno}: __all__ is not sorted, or names something twice"]
    return []


def length_violations(path: Path, where: str) -> list[str]:
    """Return whether a file, or a function in it, is too long to be read at once."""
    data = path.read_bytes()
    lines = data.count(b"\n")
    found = []
    if lines > LONGEST_FILE:
        found.append(f"{where}: {lines} lines, of at most {LONGEST_FILE}")
    todo: list[ast.AST] = [ast.parse(data)]
    while todo:
        node = todo.pop()
        todo += _blocks(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                found.append(
                    f"{where}:{node.lineno}: {node.name} has {length} lines, "
                    f"of at most {LONGEST_FUNCTION}"
                )
    return found


def _blocks(node: ast.AST) -> Iterator[ast.AST]:
    """Give the statements in a statement: no expression holds an import or a function's body."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child


def _imports_from(node: ast.ImportFrom, source: Path, *, inside: bool) -> Iterator[Import]:
    module = "." * node.level + (node.module or "")
    if node.level or module == "__future__":
        if node.level:
            yield Import(module, node.lineno, inside, relative=True)
        return
    folder = source.joinpath(*module.split("."))
    for alias in node.names:
        # `from flowstone.log import frames` imports the module flowstone.log.frames.
        is_module = (folder / f"{alias.name}.py").exists() or (folder / alias.name).is_dir()
        full = f"{module}.{alias.name}" if is_module else module
        yield Import(full, node.lineno, inside, relative=False)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
