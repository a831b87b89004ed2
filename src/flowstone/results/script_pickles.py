"""Pickles of what a script itself declares.

Plain pickle writes a class of `__main__` by name, which another program cannot find; cloudpickle
writes it whole, and the same script gets a twin of its class back, for which `isinstance` is false.
So both are written: the script that declares it gets its own class, all others the copy.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

_SCRIPTS = ("__main__", "__mp_main__")
"""A script's module; the second one is its name in a worker process that was spawned."""
_NAMED = tuple(pickle.SHORT_BINUNICODE + bytes([len(name)]) + name.encode() for name in _SCRIPTS)


def names_a_script(pickled: bytes) -> bool:
    """Whether a pickle refers to a script's module (or holds a text of that name)."""
    return any(name in pickled for name in _NAMED)


def script_dumps(value: Any) -> bytes:
    """Pickle a value with what it needs of a script, or of no module at all."""
    file = io.BytesIO()
    _pickler()(file, 5).dump(value)
    return file.getvalue()


def of_script(script: str, qualname: str, whole: bytes | None) -> Any:
    """Return what a script declares under a name: its own, where this process runs it."""
    own = _declared(qualname) if script == _script() else None
    if own is not None:
        return own
    if whole is None:
        raise AttributeError(f"{qualname} is declared in {script}, which is not this script")
    return pickle.loads(whole)  # noqa: S301  part of the pickle that is being read


@cache
def _pickler() -> Callable[..., Any]:
    import cloudpickle  # type: ignore[import-untyped]  # it has none

    class ScriptPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type | FunctionType) and obj.__module__ in _SCRIPTS:
                script = _script()
                if script and _declared(obj.__qualname__) is obj:
                    return of_script, (script, obj.__qualname__, _whole(obj))
            return super().reducer_override(obj)

    def _whole(obj: Any) -> bytes | None:
        try:
            whole: bytes = cloudpickle.dumps(obj, protocol=5)
        except Exception:  # noqa: BLE001  it holds a lock or the like: by name it works all the same
            return None
        return whole

    return ScriptPickler


def _script() -> str | None:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return None if file is None else os.path.abspath(file)


def _declared(qualname: str) -> Any:
    found: Any = sys.modules.get("__main__")
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found
