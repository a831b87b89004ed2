"""Values on their way to another process: by reference where it can import them, else whole.

Tasks and flows go by the name of their module and their own, and so do the functions behind them,
which plain pickle finds replaced by the task. What a script or a function declares goes whole, by
cloudpickle, which knows its own classes again when they come back.
"""

from __future__ import annotations

import io
import pickle
import sys
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

from flowstone.results.buffers import Buffer, dumps_parts, is_joined, joined, loads_joined
from flowstone.results.script_pickles import names_a_script

_PROTOCOL = 5
_SCRIPTS = ("__main__", "__mp_main__")
_KINDS = ("Task", "Flow")
_VARIABLES: dict[str, ContextVar[Any]] = {}
"""By an id: context variables that no module has under a name of its own."""


def packed(value: Any) -> list[Buffer]:
    """Return a value as bytes, in pieces. Raises whatever pickling it raises."""
    try:
        plain, aside = dumps_parts(value, _PROTOCOL)
    except Exception:  # noqa: BLE001  cloudpickle says what is wrong, or can do it
        return _whole(value)
    if names_a_script(plain):
        return _whole(value)
    return joined([plain, *aside]) if aside else [plain]


def unpacked(blob: Buffer) -> Any:
    """Return the value of bytes that `packed` made. Raises whatever unpickling it raises."""
    if is_joined(blob):
        return loads_joined(blob)
    return pickle.loads(blob)  # noqa: S301  what the other process of this program sent


def _whole(value: Any) -> list[Buffer]:
    file = io.BytesIO()
    _pickler()(file, _PROTOCOL).dump(value)
    return [file.getbuffer()]


@cache
def _pickler() -> Callable[..., Any]:
    import cloudpickle  # type: ignore[import-untyped]  # it has none

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def reducer_override(self, obj: Any) -> Any:
            kind = type(obj)
            if kind is FunctionType or getattr(kind, "kind", None) in _KINDS:
                place = _place_of(obj)
                if place is not None:
                    return find, place
            elif kind is ContextVar:
                return _variable, _place_of_variable(obj)
            return super().reducer_override(obj)

    return Pickler


def find(module: str, qualname: str, attribute: str | None) -> Any:
    """Return what a module has under a name, or its attribute: the function behind a task."""
    found = import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found if attribute is None else getattr(found, attribute)


def _place_of(obj: Any) -> tuple[str, str, str | None] | None:
    """Return where another process finds a task, a flow or the function of one."""
    module, qualname = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if module in _SCRIPTS or module not in sys.modules or qualname is None:
        return None
    found: Any = sys.modules[module]
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is obj:  # a function itself goes by reference anyway
        return None if type(obj) is FunctionType else (module, qualname, None)
    if getattr(type(found), "kind", None) in _KINDS and found.fn is obj:
        return module, qualname, "fn"
    return None


@cache
def _place_of_variable(variable: ContextVar[Any]) -> tuple[str | None, str]:
    """Return the module and name of a context variable; no module, and an id, for others."""
    for module in [*sys.modules.values()]:
        name = getattr(module, "__name__", None)
        if name is None or name in _SCRIPTS:
            continue
        for attribute, value in [*getattr(module, "__dict__", {}).items()]:
            if value is variable:
                return name, attribute
    key = f"{variable.name} {uuid.uuid4()}"
    _VARIABLES[key] = variable
    return None, key


def _variable(module: str | None, name: str) -> ContextVar[Any]:
    if module is not None:
        variable: ContextVar[Any] = find(module, name, None)
        return variable
    return _VARIABLES.setdefault(name, ContextVar(name.rpartition(" ")[0]))
