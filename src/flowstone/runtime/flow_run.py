"""The flow run that this code belongs to: `flow_run.id`, `flow_run.parameters`, …"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flowstone.core.context import FlowContext
from flowstone.runtime.attributes import flow_context, reader, tags_now, unset


def _parent(context: FlowContext) -> str | None:
    outer = context.outer
    return str(outer.flow.run.id) if outer is not None and outer.flow is not None else None


def _root(context: FlowContext) -> str:
    while context.outer is not None and context.outer.flow is not None:
        context = context.outer.flow
    return str(context.run.id)


_ATTRIBUTES: dict[str, Callable[[FlowContext], Any]] = {
    "api_url": unset,
    "flow_name": lambda context: context.spec.name,
    "flow_version": lambda context: context.spec.definition.version,
    "id": lambda context: str(context.run.id),
    "job_variables": unset,
    "name": lambda context: context.run.name,
    "parameters": lambda context: dict(context.run.parameters),
    "parent_deployment_id": unset,
    "parent_flow_run_id": _parent,
    "root_flow_run_id": _root,
    "run_count": lambda context: context.run.run_count,
    "scheduled_start_time": lambda context: context.run.created or datetime.now(UTC),
    "tags": tags_now,
    "ui_url": unset,
}

if TYPE_CHECKING:
    id: str | None  # noqa: A001  users know it by this name
    name: str | None
    tags: list[str]
    scheduled_start_time: datetime
    flow_name: str | None
    flow_version: str | None
    parameters: dict[str, Any]
    parent_flow_run_id: str | None
    parent_deployment_id: str | None
    root_flow_run_id: str | None
    run_count: int
    api_url: str | None
    ui_url: str | None
    job_variables: dict[str, Any] | None
else:
    __getattr__ = reader(__name__, flow_context, _ATTRIBUTES)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)


__all__ = [
    "api_url",
    "flow_name",
    "flow_version",
    "id",
    "job_variables",
    "name",
    "parameters",
    "parent_deployment_id",
    "parent_flow_run_id",
    "root_flow_run_id",
    "run_count",
    "scheduled_start_time",
    "tags",
    "ui_url",
]
