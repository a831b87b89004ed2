"""Fingerprints of code: a function, and what of the project it reaches.

Comments, formatting, type comments, docstrings of functions, and the decorators of a function that
is there as an object do not count. What a function reaches are the functions, classes and constants
of the project that its code names, directly or through modules, closures, defaults and decorators,
and so on from there. Libraries count by their names only. A module that is imported within a
function counts as a whole. A constant counts by its value when the fingerprint is first needed;
objects that are no data (a client, a logger) count by their class, and what a function assigns
itself (`global`, `nonlocal`) does not count for it.

Where the source of a function is not at hand, or is not what was loaded, its bytecode counts, which
differs between versions of Python.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from importlib.util import find_spec, resolve_name
from struct import iter_unpack
from struct import pack as pack_struct
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from flowstone.core import sources
from flowstone.core.code_names import assigned_in, imports_in, names_in
from flowstone.core.codes import digest, pack, tagged
from flowstone.core.hashing import Encoder, class_code
from flowstone.core.naming import entry_name, importable
from flowstone.core.sources import codes_in

Watch = tuple[Callable[[], Any], Any]
"""How to look at what a fingerprint was made of, and what was there."""
_MISSING = object()
_MOST_MARKS = 400
"""Statements of a function, or of a module, by which the line of a change is found."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One function, class, module or constant that a fingerprint covers, and where it stands.

    `marks` has for each statement its line behind `line` and a hash of two bytes.
    """

    kind: str
    digest: str
    file: str
    line: int
    marks: str = ""


class Fingerprint(msgspec.Struct, frozen=True):
    """What a function's code comes to: one digest, and the parts it is made of, by name."""

    digest: str
    parts: dict[str, Part]


def fingerprint(value: Any) -> Fingerprint:
    """Return the fingerprint of a function, a class, or anything that can be called.

    It is kept as long as what it was made of is still there: a helper that is defined again, in a
    notebook say, changes it.
    """
    try:
        known = _KNOWN.get(value)
    except TypeError:  # no weak reference can be made, or no hash
        return _Walk().result(value)
    if known is None or not _is_fresh(known[1]):
        walk = _Walk()
        made = walk.result(value), walk.watches
        if known is not None and _KNOWN.get(value) is known:
            _KNOWN[value] = made
        # Of threads that make it at once the first one's counts: a body that runs meanwhile may
        # change what the others see.
        known = _KNOWN.setdefault(value, made)
    return known[0]


def _is_fresh(watches: list[Watch]) -> bool:
    for look, seen in watches:  # noqa: SIM110  a generator costs as much as the looks, at each call
        if look() is not seen:
            return False
    return True


def explain(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Return what changed from one fingerprint to another, one sentence a change."""
    told = []
    for name, part in new.parts.items():
        before = old.parts.get(name)
        if before is None:
            told.append(f"The {part.kind} {name} is reached now ({_place(part, part.line)}).")
        elif before.digest != part.digest:
            line = _changed_line(before, part)
            told.append(f"The {part.kind} {name} changed ({_place(part, line)}).")
    gone = old.parts.keys() - new.parts.keys()
    told += [f"The {old.parts[name].kind} {name} is not reached any more." for name in sorted(gone)]
    if not told and old.digest != new.digest:
        told.append("What is called is another function or object.")
    return told


class _Codes(Encoder):
    """Codes of what code refers to: functions and classes by name, noted to be looked at next."""

    __slots__ = ("noted",)

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Any] = []

    def of_function(self, value: Any) -> bytes:
        self.noted.append(value)
        return tagged("f", pack(entry_name(value)))

    def of_class(self, value: type) -> bytes:
        self.noted.append(value)
        return tagged("C", class_code(value))

    def of_declared(self, value: Any) -> bytes:
        return self.encode(value.fn)

    def of_object(self, value: Any) -> bytes:
        self.noted.append(type(value))
        if isinstance(value, functools.partial) or _is_plain_data(value):
            return super().of_object(value)
        return tagged("x", class_code(type(value)))

    def fields(self, letter: str, kind: type, fields: Any) -> bytes:
        self.noted.append(kind)
        return super().fields(letter, kind, fields)


class _Walk:
    """Goes from a function to all that it reaches."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.watches: list[Watch] = []
        self._seen: dict[int, Any] = {}
        self._queue: list[Any] = []

    def result(self, value: Any) -> Fingerprint:
        code = self._code(value)
        while self._queue:
            self._look_at(self._queue.pop(0))
        parts = {name: self.parts[name] for name in sorted(self.parts)}
        whole = [pack((name, part.digest)) for name, part in parts.items()]
        return Fingerprint(digest(code + b"".join(whole)).hex(), parts)

    def _look_at(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, type):
            if _is_ours(_file_of_module(value.__module__), value.__module__):
                self._add_class(value)
        else:
            if _is_ours(_file_of_function(value), value.__module__ or ""):
                self._add_function(value)
            wrapped = getattr(value, "__wrapped__", None)
            if wrapped is not None:
                self._code(wrapped)

    def _code(self, value: Any) -> bytes:
        """Return the code of something that is referred to, and look at what is in it later."""
        codes = _Codes()
        try:
            code = codes.encode(value)
        except Exception:  # noqa: BLE001  it has no code, or it is a user's and raises anything
            code = class_code(type(value))
        self._queue += codes.noted
        return code

    def _add_function(self, function: FunctionType) -> None:
        code = function.__code__
        self.watches.append((functools.partial(getattr, function, "__code__"), code))
        name = entry_name(function)
        if (owner := _owner(function)) is not None:  # other methods are called through `self`
            self._queue.append(owner)
        node = sources.function_node(code, function.__globals__)
        text = sources.text_of(node) if node is not None else _bytecode(code)
        refers = self._reach(function, name)
        defaults = self._code((function.__defaults__, function.__kwdefaults__))
        whole = digest(pack(text) + defaults + b"".join(refers))
        line = node.lineno if node is not None else code.co_firstlineno
        self._add(name, "function", whole, code.co_filename, line, node)

    def _reach(self, function: Any, name: str) -> list[bytes]:
        """Go on to what a function's code names; return codes of what its names stand for."""
        refers = []
        code, space = function.__code__, function.__globals__
        chains = [chain for each in codes_in(code) for chain in names_in(each)]
        assigned = {name for each in codes_in(code) for name in assigned_in(each)}
        chains = [chain for chain in chains if chain[0] not in assigned]
        for chain in sorted(set(chains)):  # where a comprehension stands depends on the Python
            refers += self._follow(space, chain, code.co_filename)
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            if variable in assigned:
                continue
            held = _held(cell)
            self.watches.append((functools.partial(_held, cell), held))
            if variable != "__class__" and held is not _MISSING:
                refers += self._refer(held, f"{name}.{variable}", code.co_filename, 0, "variable")
        for imported in (one for each in codes_in(code) for one in imports_in(each)):
            self._add_imported(imported.module, imported.names, imported.level, space)
        return refers

    def _follow(self, space: dict[str, Any], chain: tuple[str, ...], file: str) -> list[bytes]:
        """Go on to what a name stands for, through modules of the project."""
        first, *attributes = chain
        value = self._look_up(space, first)
        path, spaces = first, space
        for attribute in attributes:
            if not isinstance(value, ModuleType) or not _is_our_module(value):
                break
            spaces, path = vars(value), f"{value.__name__}.{attribute}"
            file = getattr(value, "__file__", None) or file
            value = self._look_up(spaces, attribute)
        if value is _MISSING:
            return []
        owner = importable(str(spaces.get("__name__", "")))
        name = path.rpartition(".")[2]
        line = 0 if callable(value) else sources.line_of_name(file, spaces, name)
        return self._refer(value, f"{owner}.{name}", file, line, "constant")

    def _look_up(self, space: dict[str, Any], name: str) -> Any:
        value = space.get(name, _MISSING)
        self.watches.append((functools.partial(space.get, name, _MISSING), value))
        return value

    def _refer(self, value: Any, name: str, file: str, line: int, kind: str) -> list[bytes]:
        """Note what a name stands for: functions and the like by name, the rest as a constant."""
        code = self._code(value)
        if callable(value) or isinstance(value, ModuleType):
            return [code]
        self._add(name, kind, digest(code), file, line, None)
        return []

    def _add_class(self, kind: type) -> None:
        methods = list(_methods_of(kind))
        written = [method for method in methods if _is_written(method)]
        own = [m for m in written if m.__qualname__.startswith(f"{kind.__qualname__}.")]
        file = own[0].__code__.co_filename if own else _file_of_module(kind.__module__)
        node = sources.class_node(kind, file, own)
        if node is not None:
            is_local = "<locals>" in kind.__qualname__  # its body may name what no module has
            text, names = sources.text_of(node), _assigned(node) if is_local else []
            self._queue += [method for method in written if method not in own]
        elif issubclass(kind, tuple) and hasattr(kind, "_field_defaults"):
            text, names = ascii(kind._fields), ["_field_defaults"]  # type: ignore[attr-defined]
        else:
            text, names = "", [name for name in vars(kind) if not name.startswith("_")]
            self._queue += methods
        name = entry_name(kind)
        codes = [self._code(getattr(kind, each, None)) for each in sorted(names)]
        codes += [self._code(base) for base in (type(kind), *kind.__bases__)]
        if node is not None:
            space = own[0].__globals__ if own else vars(sys.modules[kind.__module__])
            for chain in sources.names_of(node):
                codes += self._follow(space, chain, file)
            codes += [code for method in own for code in self._reach(method, name)]
        whole = digest(pack(text) + b"".join(codes))
        self._add(name, "class", whole, file, node.lineno if node is not None else 0, node)

    def _add_imported(
        self, module: str, names: tuple[str, ...], level: int, space: dict[str, Any]
    ) -> None:
        """Add a module of the project that a function imports, and submodules that it names."""
        package = space.get("__package__") or ""
        try:
            full = resolve_name("." * level + module, package) if level else module
        except ImportError:
            return
        for each in (full, *(f"{full}.{name}" for name in names)):
            file = _source_of(each)
            found = sources.module_of(file) if file else None
            if file and found is not None and _is_ours(file, each):
                whole = digest(sources.text_of(found.tree).encode())
                self._add(importable(each), "module", whole, file, 1, found.tree)

    def _add(self, name: str, kind: str, whole: bytes, file: str, line: int, node: Any) -> None:
        marks = sources.marks_of(node)[:_MOST_MARKS] if node is not None else []
        short = b"".join(pack_struct(">HH", (at - line) & 0xFFFF, mark) for at, mark in marks)
        part = Part(kind, whole[:8].hex(), file, line, b64encode(short).decode())
        number, first = 1, name
        while self.parts.get(name, part).digest != part.digest:  # two lambdas of one name
            number += 1
            name = f"{first}#{number}"
        self.parts[name] = part


_KNOWN: WeakKeyDictionary[Any, tuple[Fingerprint, list[Watch]]] = WeakKeyDictionary()


def _is_plain_data(value: Any) -> bool:
    """Whether an object of a library is data, so that its state tells what it is."""
    return type(value).__module__ in _DATA or isinstance(
        value, (list, tuple, dict, str, int, float)
    )


_DATA = frozenset(
    {"_decimal", "collections", "datetime", "decimal", "re", "types", "uuid", "zoneinfo"}
)


def _held(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _MISSING


def _owner(function: FunctionType) -> type | None:
    """Return the class that a function is a method of, where it can be found by its name."""
    first, *rest = function.__qualname__.split(".")[:-1] or [""]
    value = function.__globals__.get(first)
    for name in rest:
        value = getattr(value, name, None)
    return value if isinstance(value, type) else None


def _bytecode(code: CodeType) -> str:
    """Return a text of what code does, where there is no source to tell."""
    texts = []
    for each in codes_in(code):
        constants = [one for one in each.co_consts if not isinstance(one, CodeType)]
        shape = (each.co_name, each.co_argcount, each.co_names, each.co_varnames)
        texts.append(ascii((each.co_code, list(map(_constant_text, constants)), shape)))
    return "".join(texts)


def _constant_text(constant: Any) -> str:
    if isinstance(constant, frozenset):
        return f"frozenset({sorted(map(ascii, constant))})"
    return ascii(constant)


def _is_written(method: FunctionType) -> bool:
    """Whether a method is from a source of the project, not made by `dataclasses` or the like."""
    file = method.__code__.co_filename
    if not _is_ours(file, method.__module__ or ""):
        return False
    if not file.startswith("<"):
        return True
    return sources.function_node(method.__code__, method.__globals__) is not None


def _methods_of(kind: type) -> Iterator[Any]:
    """Give the functions of a class's own methods, properties and tasks."""
    for value in list(vars(kind).values()):
        accessors = (getattr(value, name, None) for name in ("fget", "fset", "fdel", "func", "fn"))
        for each in (value, getattr(value, "__func__", None), *accessors):
            if isinstance(each, FunctionType):
                yield each
            elif isinstance(wrapped := getattr(each, "__wrapped__", None), FunctionType):
                yield wrapped


def _assigned(node: Any) -> list[str]:
    """Return the names that the body of a class gives values to."""
    names = []
    for statement in node.body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        names += [target.id for target in targets if hasattr(target, "id")]
    return names


def _file_of_function(function: FunctionType) -> str:
    """Return the file that a function is from; of what was made by `exec`, that of its module."""
    file = function.__code__.co_filename
    return function.__globals__.get("__file__") or "" if file.startswith("<") else file


def _file_of_module(name: str) -> str:
    module = sys.modules.get("__main__" if name == "__mp_main__" else name)
    return getattr(module, "__file__", None) or ""


def _is_our_module(module: ModuleType) -> bool:
    return _is_ours(getattr(module, "__file__", None) or "", module.__name__)


def _source_of(module: str) -> str | None:
    """Return the source file of a module of the project, without loading the module."""
    root = module.partition(".")[0]
    try:
        spec = find_spec(root)
        where = spec and (spec.origin or next(iter(spec.submodule_search_locations or ()), None))
        if not where or not _is_ours(where, root):
            return None
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return spec.origin if spec is not None else None


@functools.lru_cache(maxsize=1024)
def _is_ours(file: str, module: str) -> bool:
    """Whether code belongs to the project: not to Python, an installed package, or Flowstone."""
    if module.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return False
    if not file:
        return module not in sys.builtin_module_names
    path = os.path.abspath(file)
    if any(part in ("site-packages", "dist-packages") for part in path.split(os.sep)):
        return False
    return not path.startswith(_FOREIGN)


_FOREIGN = tuple(
    f"{folder}{os.sep}"
    for folder in (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    )
)


def _place(part: Part, line: int) -> str:
    return f"{part.file}, line {line}" if line else part.file


def _changed_line(old: Part, new: Part) -> int:
    """Return the line of the first statement that is another one, as far as is known."""
    before, after = (list(iter_unpack(">HH", b64decode(part.marks))) for part in (old, new))
    if not after:
        return new.line
    for number, (line, mark) in enumerate(after):
        if number >= len(before) or before[number][1] != mark:
            return new.line + _signed(line)
    return new.line + _signed(after[-1][0]) if len(before) > len(after) else new.line


def _signed(number: int) -> int:
    return number - 0x10000 if number > 0x7FFF else number
