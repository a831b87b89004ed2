"""Which names the code of a function looks up outside of itself."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any

import msgspec

_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_STORE = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})
_SILENT = frozenset({"CACHE", "EXTENDED_ARG"})


class Imported(msgspec.Struct, frozen=True):
    """An `import` within a function: `from ..module import names`, two levels up."""

    module: str
    names: tuple[str, ...]
    level: int


def names_in(code: CodeType) -> list[tuple[str, ...]]:
    """Return the global names that code loads, each with the attributes it takes of it at once.

    Each stands once, in the order of the code: `("helpers", "clean")` for `helpers.clean(x)`.
    """
    chains: dict[tuple[str, ...], None] = {}
    chain: tuple[str, ...] = ()
    for step in _steps(code):
        if step.opname in _ATTRIBUTE and chain:
            chain = (*chain, step.argval)
            continue
        if chain:
            chains[chain] = None
        chain = (step.argval,) if step.opname in _GLOBAL else ()
    return list(chains)


def assigned_in(code: CodeType) -> set[str]:
    """Return the names outside of itself that code assigns: what they hold is no constant."""
    return {step.argval for step in _steps(code) if step.opname in _STORE}


def imports_in(code: CodeType) -> list[Imported]:
    """Return what code imports when it runs."""
    found = []
    before: list[Any] = [None, None]
    for step in _steps(code):
        if step.opname == "IMPORT_NAME":
            level, names = before
            found.append(Imported(step.argval, tuple(names or ()), level or 0))
        before = [before[1], step.argval]
    return found


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    return (step for step in dis.get_instructions(code) if step.opname not in _SILENT)
