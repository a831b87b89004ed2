"""Flowstone runs ordinary Python functions as tracked tasks and flows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.core.states import State
    from flowstone.flows import Flow, flow
    from flowstone.logging import get_run_logger
    from flowstone.tasks import Task, task
    from flowstone.version import __version__

_WHERE = {
    "Flow": "flowstone.flows",
    "State": "flowstone.core.states",
    "Task": "flowstone.tasks",
    "__version__": "flowstone.version",
    "flow": "flowstone.flows",
    "get_run_logger": "flowstone.logging",
    "task": "flowstone.tasks",
}

__all__ = ["Flow", "State", "Task", "__version__", "flow", "get_run_logger", "task"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _WHERE:
        message = f"module 'flowstone' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
