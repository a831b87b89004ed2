"""What a name of Prefect is here: looked up in what is imported here, so that it is always true."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec

from flowstone.client.asynchronous import AsyncClient
from flowstone.client.client import Client
from flowstone.face.old_names import ABSENT, RENAMED, Absent
from flowstone.flows import FlowOptions
from flowstone.tasks import TaskOptions

PACKAGES = {
    "prefect": "flowstone",
    "prefect_dask": "flowstone.dask",
    "prefect_ray": "flowstone.ray",
}
"""By the top name of an import: where its names are here."""
_FLAT = {
    "prefect_dask": {"client", "task_runners", "utils"},
    "prefect_ray": {"client", "context", "task_runners"},
}
"""By a package that is one module here: its modules."""
_MISSING = object()
_INSTEAD = {
    "flowstone.deployments": "Call the flow, from a script that a scheduler runs where need be.",
    "flowstone.filesystems.S3": "Name the place by its URL: s3://…",
    "flowstone.filesystems.GCS": "Name the place by its URL: gs://…",
    "flowstone.filesystems.RemoteFileSystem": "Name the place by its URL.",
    "flowstone.input": "Take what is needed as parameters of the flow.",
    "flowstone.workers": "Let a scheduler that you have run a script that calls the flow.",
}
"""What to do instead of what cannot even be imported."""
OPTIONS = {
    "flow": frozenset(FlowOptions.__annotations__),
    "task": frozenset(TaskOptions.__annotations__),
}
"""The options of the two decorators."""
METHODS = {kind: ABSENT[f"flowstone.{kind.lower()}s.{kind}"] for kind in ("Flow", "Task")}
"""By a class: the methods that are not here, and what to do instead."""
CLIENT = frozenset(dir(AsyncClient)) | frozenset(dir(Client))
"""What a client has here, an awaited one or not."""


class Counterpart(msgspec.Struct, frozen=True):
    """What a dotted name of Prefect is here: a dotted name, or why there is none.

    `awaited` is what it is called where it is awaited, if that is another name.
    """

    name: str
    problem: str | None = None
    awaited: str | None = None


def is_theirs(name: str) -> bool:
    """Whether a dotted name is one of Prefect's."""
    return name.partition(".")[0] in PACKAGES


def counterpart(name: str) -> Counterpart:
    """Return what a dotted name of Prefect, from an import on, is here."""
    top, *rest = name.split(".")
    inner = [part for part in rest if part not in _FLAT.get(top, ())]
    ours = [*PACKAGES[top].split("."), *inner]
    module, length = _module_of(ours)
    owner: Any = None
    value: Any = import_module(module)
    found = module
    for part in ours[length:]:
        renamed = RENAMED.get(found, {}).get(part, part)
        owner, value = value, getattr(value, renamed, _MISSING)
        found = f"{found}.{renamed}"
        # `prefect.flow.serve` is looked up on the decorator `flow`, and means the class `Flow`.
        kind = str(getattr(owner, "__name__", "")).capitalize()
        if part in METHODS.get(kind, {}):
            return Counterpart(found, METHODS[kind][part])
        if isinstance(value, Absent):
            return Counterpart(found, value.instead)
        if value is _MISSING:
            return Counterpart(found, _INSTEAD.get(found, "There is nothing like it here."))
    return Counterpart(found, awaited=_awaited(owner, value, found))


def _module_of(parts: list[str]) -> tuple[str, int]:
    """Return the longest module that a dotted name begins with, and how many parts that is."""
    length = 1
    while length < len(parts) and _is_module(".".join(parts[: length + 1])):
        length += 1
    return ".".join(parts[:length]), length


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ModuleNotFoundError, AttributeError):  # what should hold it is no package
        return False


def _awaited(owner: Any, value: Any, name: str) -> str | None:
    """Return the name of the async twin of what is called here without `await`."""
    if not callable(value) or inspect.iscoroutinefunction(value) or owner is None:
        return None
    place, _, last = name.rpartition(".")
    return f"{place}.a{last}" if hasattr(owner, f"a{last}") else None
