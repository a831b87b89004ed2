"""What runs and hooks are called; and by which name a function is known, a script's too."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

_FIRST = (
    "amber ancient ashen autumn balmy basalt bold brave bright brisk calm cedar chalk clear coral "
    "cosmic crimson dapper deep drifting dusky eager early fabled fallow fern fervent flint gentle "
    "gilded glacial golden granite hazel hidden hushed icy indigo ivory jade jolly keen lively "
    "lunar mellow misty mossy nimble noble opal pebbled quartz quiet rapid rustic sandy silent "
    "silver slate solar steady sunlit tidal"
).split()
_SECOND = (
    "bank basin bay beacon bend boulder bridge brook canyon cascade cave channel cliff cove creek "
    "current dale delta dune eddy estuary falls fen fjord ford geyser glade glen gorge gully "
    "harbor inlet islet lagoon lake ledge marsh meadow mesa mill moor narrows oasis pass pebble "
    "pond pool quarry rapids ravine reef ridge ripple river shoal shore spring stream summit "
    "thicket torrent valley weir"
).split()
_MAIN = ("__main__", "__mp_main__")
"""The module of a script, in its own process and in those that it spawns."""


def two_words(number: int) -> str:
    """Return a name of two words for a random number."""
    return f"{_FIRST[number % len(_FIRST)]}-{_SECOND[number // len(_FIRST) % len(_SECOND)]}"


def fill_template(template: str, parameters: dict[str, Any]) -> str:
    """Return a run's name from its template, e.g. `"load {date:%A}"`.

    Raises `KeyError` naming the field and the parameters where the template asks for another.
    """
    try:
        return template.format(**parameters)
    except KeyError as error:
        known = ", ".join(parameters) or "none"
        message = f"{error.args[0]!r} in the run name {template!r}; the parameters are: {known}"
        raise KeyError(message) from None


def check_source(option: str, source: object) -> Any:
    """Return what a run's name is made of. Raises `TypeError` where it is no text or function."""
    if source is not None and not isinstance(source, str) and not callable(source):
        found = type(source).__name__
        message = f"Expected string or callable for '{option}'; got {found} instead."
        raise TypeError(message)
    return source


def check_name(name: object, source: object, option: str) -> str:
    """Return the name that a user's function made. Raises `TypeError` where it is no text."""
    if not isinstance(name, str):
        message = (
            f"Callable {source!r} for {option!r} returned type {type(name).__name__} but a string "
            "is required."
        )
        raise TypeError(message)
    return name


def hook_name(hook: Any) -> str:
    """Return what messages call a hook: its function's name, that of a `partial` too."""
    while isinstance(hook, functools.partial):
        hook = hook.func
    return getattr(hook, "__name__", None) or type(hook).__name__


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
