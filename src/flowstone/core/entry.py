"""By which name a function or class is known everywhere: also where its script is imported."""

from __future__ import annotations

import os
import sys
from typing import Any

_MAIN = ("__main__", "__mp_main__")
"""The module of a script, in its own process and in those that it spawns."""


def entry_name(value: Any) -> str:
    """Return `module.qualified name` of a function or class; a script's module is its file."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    return f"{entry_module(value)}.{name or type(value).__qualname__}"


def entry_module(value: Any) -> str:
    """Return the module by which a function or class can be imported."""
    module = getattr(value, "__module__", None) or type(value).__module__
    return importable(str(module))


def importable(module: str) -> str:
    """Return the name by which others import a module; a notebook's is `interactive`."""
    if module not in _MAIN:
        return module
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return os.path.splitext(os.path.basename(file))[0] if file else "interactive"
