"""The task run that this code belongs to: `task_run.id`, `task_run.run_count`, …

Within a flow that a task called it is that task's run. `task_run.upstream` has the runs whose
results it takes, by parameter.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from flowstone.core.context import RunContext
from flowstone.runtime.attributes import reader, tags_now, task_context, task_parameters, unset


class UpstreamRun(msgspec.Struct, frozen=True):
    """A run whose result the task run takes, with the name of its state as that one began.

    `name` and `task` are None where only the id is at hand.
    """

    id: str
    name: str | None
    task: str | None
    state: str


def _upstream(context: RunContext) -> dict[str, list[UpstreamRun]]:
    return {
        parameter: [
            UpstreamRun(str(uuid.UUID(bytes=one.run)), one.name, one.task, one.state)
            for one in inputs
        ]
        for parameter, inputs in context.inputs.items()
    }


_ATTRIBUTES: dict[str, Callable[[RunContext], Any]] = {
    "api_url": unset,
    "id": lambda context: str(context.run.id),
    "name": lambda context: context.run.name,
    "parameters": task_parameters,
    "run_count": lambda context: context.run.run_count,
    "tags": tags_now,
    "task_name": lambda context: context.spec.name,
    "ui_url": unset,
    "upstream": _upstream,
}

if TYPE_CHECKING:
    id: str | None  # noqa: A001  users know it by this name
    name: str | None
    tags: list[str]
    parameters: dict[str, Any]
    run_count: int
    task_name: str | None
    api_url: str | None
    ui_url: str | None
    upstream: dict[str, list[UpstreamRun]]
else:
    __getattr__ = reader(__name__, task_context, _ATTRIBUTES)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)


__all__ = [
    "api_url",
    "id",
    "name",
    "parameters",
    "run_count",
    "tags",
    "task_name",
    "ui_url",
    "upstream",
]
