"""The syntax tree of a function or class that is loaded, found in its source and proved to be it.

A file may have changed since it was loaded. So what is found there counts only if it compiles to
the very code that the function has; where it does not, or there is no source, there is no tree.
"""

from __future__ import annotations
import __future__

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any
from zlib import crc32

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUTURES = 0
for _feature in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _feature).compiler_flag
_NOT_MEANT = frozenset({"ctx", "decorator_list", "kind", "type_comment", "type_ignores"})
_BLOCKS = ("body", "cases", "finalbody", "handlers", "orelse")


class Module:
    """A parsed source: its tree, and its functions and classes by their names."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.places: dict[str, list[Any]] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                self.places.setdefault(_name(node), []).append(node)
        self._compiled: dict[int, dict[tuple[str, int], list[CodeType]]] = {}

    def codes(self, node: Any, flags: int) -> list[CodeType]:
        """Return the code that a function compiles to, under these features of the future.

        The whole module is compiled: what it imports makes a difference to the code of functions.
        """
        if flags not in self._compiled:
            found: dict[tuple[str, int], list[CodeType]] = {}
            whole = compile(self.tree, "", "exec", flags=flags, dont_inherit=True)
            for code in codes_in(whole):
                found.setdefault((code.co_name, code.co_firstlineno), []).append(code)
            self._compiled[flags] = found  # other threads look there, so it is whole by now
        codes = self._compiled[flags].get((_name(node), _line(node)), [])
        return [code for code in codes if _stands_at(code, node)]


def module_of(file: str, namespace: dict[str, Any] | None = None) -> Module | None:
    """Return what a source file, or a notebook's cell, has; None where it cannot be read."""
    linecache.checkcache(file)
    lines = linecache.getlines(file, namespace)
    if not lines:
        return None
    try:
        return _parsed("".join(lines))
    except (SyntaxError, ValueError):  # a cell with what only a notebook understands
        return None


def function_node(code: CodeType, namespace: dict[str, Any]) -> FunctionNode | None:
    """Return the syntax tree of a function's code."""
    module = module_of(code.co_filename, namespace)
    if module is None:
        return None
    nodes = module.places.get(code.co_name, [])
    for node in sorted(nodes, key=lambda node: abs(_line(node) - code.co_firstlineno)):
        for compiled in module.codes(node, code.co_flags & _FUTURES):
            if is_same_code(compiled, code):
                return node  # type: ignore[no-any-return]
    return None


def class_node(kind: type, file: str, methods: list[Any]) -> ast.ClassDef | None:
    """Return the syntax tree of a class whose own methods these are."""
    module = module_of(file)
    if module is None:
        return None
    found = [function_node(method.__code__, method.__globals__) for method in methods]
    for node in reversed(module.places.get(kind.__name__, [])):
        if isinstance(node, ast.ClassDef):
            within = set(map(id, ast.walk(node)))
            if all(id(each) in within for each in found):
                return node
    return None


def text_of(node: Any) -> str:
    """Return a syntax tree as a text that is the same on every Python.

    Left out are docstrings of functions, decorators of the root, and those that make tasks.
    Classes keep their docstrings: libraries make schemas and prompts of them.
    """
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return _node_text(node, _NOT_MEANT)
    return _text(node)


def names_of(node: ast.AST) -> list[tuple[str, ...]]:
    """Return the names that a syntax tree reads, each also with an attribute read of it."""
    chains: set[tuple[str, ...]] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            chains.add((each.id,))
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            chains.add((each.value.id, each.attr))
    return sorted(chains)


def marks_of(node: Any) -> list[tuple[int, int]]:
    """Return the line and a short hash of each statement, by which a change can be found."""
    statements = [each for each in ast.walk(node) if isinstance(each, ast.stmt)]
    if isinstance(node, ast.Lambda):
        statements = [node]  # type: ignore[list-item]
    statements.sort(key=lambda each: (each.lineno, each.col_offset))
    return [(each.lineno, crc32(_header(each).encode()) & 0xFFFF) for each in statements]


def line_of_name(file: str, namespace: dict[str, Any], name: str) -> int:
    """Return the line where a module binds a name last, 0 where that cannot be told."""
    module = module_of(file, namespace)
    lines = [0] if module is None else [0, *_bindings(module.tree, name)]
    return lines[-1]


def is_same_code(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same, wherever they stand."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and one.co_flags == other.co_flags
        and one.co_argcount == other.co_argcount
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_is_same_constant, one.co_consts, other.co_consts))
    )


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Give a code object, and those of the functions that it makes."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def _is_same_constant(one: Any, other: Any) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return is_same_code(one, other)
    return type(one) is type(other) and ascii(one) == ascii(other)


@lru_cache(maxsize=64)
def _parsed(text: str) -> Module:
    return Module(ast.parse(text))


def _stands_at(code: CodeType, node: Any) -> bool:
    """Whether code is that of a node in its line: of lambdas the columns tell."""
    if not isinstance(node, ast.Lambda):
        return True
    start = (node.lineno, node.col_offset)
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    spots = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    return all(start <= spot <= end for spot in spots)


def _name(node: Any) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else str(node.name)


def _line(node: Any) -> int:
    """Return the line where the code of a node begins: that of its first decorator."""
    decorators = getattr(node, "decorator_list", None) or [node]
    return min(int(each.lineno) for each in (node, *decorators))


def _text(node: Any) -> str:
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    return _node_text(node, _NOT_MEANT - {"decorator_list"})


def _node_text(node: ast.AST, left_out: frozenset[str]) -> str:
    if isinstance(node, ast.Constant):  # its value may be None, which elsewhere means nothing
        return ascii(node.value)
    fields = []
    for name, value in ast.iter_fields(node):
        if name in left_out or value is None or value == []:
            continue
        if meant := _meant(node, name, value):
            fields.append(f"{name}={_text(meant)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _meant(node: ast.AST, name: str, value: Any) -> Any:
    """Return the part of a field that means something."""
    if name == "body" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return value[ast.get_docstring(node, clean=False) is not None :]
    if name == "decorator_list":
        return [each for each in value if not _declares(each)]
    if isinstance(node, ast.JoinedStr):  # Python 3.12 puts empty texts into some
        return [each for each in value if getattr(each, "value", None) != ""]
    return value


def _declares(decorator: ast.expr) -> bool:
    """Whether a decorator makes a task or a flow, whose options do not change what it returns."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = getattr(called, "id", None) or getattr(called, "attr", None)
    return name in ("flow", "task")


def _header(statement: Any) -> str:
    """Return the text of a statement without the statements in it."""
    blocks = [name for name in _BLOCKS if isinstance(getattr(statement, name, None), list)]
    return _node_text(statement, _NOT_MEANT | frozenset(blocks))


def _bindings(tree: ast.Module, name: str) -> list[int]:
    """Return the lines in which statements of a module bind a name."""
    lines = []
    for statement in tree.body:
        for node in ast.walk(statement):
            is_import = isinstance(node, ast.alias) and (node.asname or node.name) == name
            is_target = isinstance(node, ast.Name) and node.id == name
            if is_import or (is_target and isinstance(node.ctx, ast.Store)):  # type: ignore[attr-defined]
                lines.append(statement.lineno)
    return lines
