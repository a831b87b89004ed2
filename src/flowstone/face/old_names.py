"""Names that users of Prefect know: what they are called here, and what is not here.

Modules that have such names ask `find` for what they do not have themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Never

from flowstone.exceptions import NotInFlowstoneError

RENAMED = {
    "flowstone.exceptions": {"PrefectException": "FlowstoneError"},
    "flowstone.futures": {"PrefectFuture": "TaskFuture", "PrefectFutureList": "FutureList"},
    "flowstone.logging.formatters": {"PrefectFormatter": "ConsoleFormatter"},
    "flowstone.logging.handlers": {"PrefectConsoleHandler": "ConsoleHandler"},
    "flowstone.task_runners": {"ConcurrentTaskRunner": "ThreadPoolTaskRunner"},
    "flowstone.testing.utilities": {"prefect_test_harness": "flowstone_test_harness"},
}
"""By module: the old name and ours."""

_AGAIN = "Let a scheduler that you have (cron, a systemd timer) run a script that calls the flow."
_QUEUE = "Call the task, or `.submit` it in a flow."
_PAUSE = "Let the flow end, and begin another one when its input is there."
ABSENT = {
    "flowstone": {
        "apause_flow_run": _PAUSE,
        "aresume_flow_run": _PAUSE,
        "aserve": _AGAIN,
        "asuspend_flow_run": _PAUSE,
        "deploy": _AGAIN,
        "pause_flow_run": _PAUSE,
        "resume_flow_run": _PAUSE,
        "serve": _AGAIN,
        "suspend_flow_run": _PAUSE,
    },
    "flowstone.flows.Flow": {
        "deploy": _AGAIN,
        "from_source": "Import the flow from where it is.",
        "serve": _AGAIN,
        "to_deployment": _AGAIN,
    },
    "flowstone.logging.handlers": {
        "APILogHandler": "Leave it out: what runs log is recorded without a handler."
    },
    "flowstone.task_runners": {"PrefectTaskRunner": "Use `ThreadPoolTaskRunner`."},
    "flowstone.tasks.Task": {"apply_async": _QUEUE, "delay": _QUEUE, "serve": _QUEUE},
    "flowstone.testing.utilities": {
        "assert_does_not_warn": "Have pytest make errors of warnings: `filterwarnings = error`.",
        "get_most_recent_flow_run": "Ask `flowstone.testing.recorded_runs()`.",
    },
    "flowstone.variables": dict.fromkeys(("get", "set", "unset"), "Call it on `Variable`."),
}
"""By module or class: the names that cannot be called, and what to do instead."""

WHOLLY_ABSENT = {
    "flowstone.automations": "Use the hooks of flows: `on_failure`, `on_completion`.",
    "flowstone.blocks": "Read settings and secrets from environment variables.",
    "flowstone.events": "Use the hooks of tasks and flows, or the log of the run.",
}
"""Modules of which any name can be imported, and none be called."""


class Absent:
    """Stands for what is not here: it can be imported, and says so when it is used."""

    def __init__(self, name: str, instead: str) -> None:
        self._name = name
        self.instead = instead

    def __call__(self, *_args: Any, **_options: Any) -> Never:
        message = f"{self._name} is not in Flowstone. {self.instead}"
        raise NotInFlowstoneError(message)

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> Never:
        self()

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("_"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}", self.instead)

    def __repr__(self) -> str:
        return f"<{self._name}, which is not in Flowstone>"


def find(module: str, name: str) -> Any:
    """Return what a module has under an old name. Raises `AttributeError` where that is nothing."""
    ours = RENAMED.get(module, {}).get(name)
    if ours is not None:
        return getattr(import_module(module), ours)
    instead = ABSENT.get(module, {}).get(name)
    if instead is None:
        message = f"module {module!r} has no attribute {name!r}"
        raise AttributeError(message)
    return Absent(f"{module}.{name}", instead)


def stand_ins(module: str) -> Callable[[str], Absent]:
    """Return the `__getattr__` of a module that is wholly absent."""
    top = ".".join(module.split(".")[:2])

    def stand_in(name: str) -> Absent:
        if name.startswith("_"):
            message = f"module {module!r} has no attribute {name!r}"
            raise AttributeError(message)
        return Absent(f"{module}.{name}", WHOLLY_ABSENT[top])

    return stand_in
