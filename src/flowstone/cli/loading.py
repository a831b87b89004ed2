"""Finds the flow that `FILE.py:flow` or `package.module:flow` names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any

from flowstone.cli.command import CommandError
from flowstone.core.suggestion import suggestion
from flowstone.flows import Flow


def load_flow(target: str) -> Flow[Any, Any]:
    """Return the flow that the target names; without `:name` the only one there is."""
    place, _, name = target.rpartition(":") if _has_name(target) else (target, "", "")
    module = _load_file(place) if _is_file(place) else _load_module(place)
    return _named(module, name, place) if name else _only(module, place)


def _has_name(target: str) -> bool:
    head, colon, tail = target.rpartition(":")
    return bool(colon and head and tail) and os.sep not in tail


def _is_file(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


def _load_file(path: str) -> ModuleType:
    """Import a file the way `python FILE.py` sees it: its directory first on the path."""
    full = os.path.realpath(path)
    if not os.path.isfile(full):
        message = f"there is no file {path!r} (looked for {full})."
        raise CommandError(message)
    directory, name = os.path.dirname(full), os.path.basename(full).removesuffix(".py")
    sys.path.insert(0, directory)
    present = sys.modules.get(name)
    if present is not None and getattr(present, "__file__", None) != full:
        message = (
            f"{path!r} cannot be loaded as the module {name!r}: one of that name is already "
            "there. Rename the file."
        )
        raise CommandError(message)
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        message = f"{path!r} is no Python file; its name must end in .py."
        raise CommandError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _load_module(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; something that it imports is not
        message = f"there is no module {name!r}. For a file, write its path: FILE.py:flow"
        raise CommandError(message) from error


def _named(module: ModuleType, name: str, place: str) -> Flow[Any, Any]:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Flow):
        return found
    flows = _flows_in(module)
    what = f"has no {name!r}" if found is None else f"has {name!r}, but it is not a flow"
    hint = suggestion(name, flows)
    message = f"{place} {what}.{hint} Its flows: {', '.join(flows) or 'none'}."
    raise CommandError(message)


def _only(module: ModuleType, place: str) -> Flow[Any, Any]:
    flows = _flows_in(module)
    own = {k: v for k, v in flows.items() if v.fn.__module__ == module.__name__} or flows
    if len(own) == 1:
        return next(iter(own.values()))
    if not own:
        message = f"{place} has no flow. Put @flow on a function in it."
        raise CommandError(message)
    message = f"{place} has {len(own)} flows; say which: " + ", ".join(f"{place}:{k}" for k in own)
    raise CommandError(message)


def _flows_in(module: ModuleType) -> dict[str, Flow[Any, Any]]:
    return {name: value for name, value in inspect.getmembers(module) if isinstance(value, Flow)}
