"""Flowstone runs ordinary Python functions as tracked tasks and flows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.annotations import allow_failure, unmapped
    from flowstone.client.opening import get_client
    from flowstone.context import tags
    from flowstone.core.states import State
    from flowstone.flows import Flow, flow
    from flowstone.logging import get_run_logger
    from flowstone.results.files import File
    from flowstone.tasks import Task, task
    from flowstone.tracking import track
    from flowstone.transactions import Transaction
    from flowstone.version import __version__
    from flowstone.wiring.shipping import aflush, flush

_WHERE = {
    "File": "flowstone.results.files",
    "Flow": "flowstone.flows",
    "State": "flowstone.core.states",
    "Task": "flowstone.tasks",
    "Transaction": "flowstone.transactions",
    "__version__": "flowstone.version",
    "aflush": "flowstone.wiring.shipping",
    "allow_failure": "flowstone.annotations",
    "flow": "flowstone.flows",
    "flush": "flowstone.wiring.shipping",
    "get_client": "flowstone.client.opening",
    "get_run_logger": "flowstone.logging",
    "tags": "flowstone.context",
    "task": "flowstone.tasks",
    "track": "flowstone.tracking",
    "unmapped": "flowstone.annotations",
}

__all__ = [
    "File",
    "Flow",
    "State",
    "Task",
    "Transaction",
    "__version__",
    "aflush",
    "allow_failure",
    "flow",
    "flush",
    "get_client",
    "get_run_logger",
    "tags",
    "task",
    "track",
    "unmapped",
]


def _load(name: str) -> Any:
    """Import a public name or a module when it is first asked for."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name.startswith("_"):
        message = f"module 'flowstone' has no attribute {name!r}"
        raise AttributeError(message)
    try:
        return import_module(f"flowstone.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"flowstone.{name}":
            raise
    return import_module("flowstone.face.old_names").find("flowstone", name)


if not TYPE_CHECKING:  # so that a type checker knows which names there are

    def __getattr__(name: str) -> Any:
        value = globals()[name] = _load(name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
