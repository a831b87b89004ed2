"""The deployment that the flow run was made from; there are none yet, so most is None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowstone.core.context import FlowContext
from flowstone.runtime.attributes import flow_context, reader, unset

_ATTRIBUTES: dict[str, Callable[[FlowContext], Any]] = {
    "flow_run_id": lambda context: str(context.run.id),
    "id": unset,
    "name": unset,
    "parameters": lambda context: dict(context.run.parameters),
    "version": unset,
}

if TYPE_CHECKING:
    id: str | None  # noqa: A001  users know it by this name
    name: str | None
    version: str | None
    flow_run_id: str | None
    parameters: dict[str, Any]
else:
    __getattr__ = reader(__name__, flow_context, _ATTRIBUTES)


def __dir__() -> list[str]:
    return sorted(_ATTRIBUTES)


__all__ = ["flow_run_id", "id", "name", "parameters", "version"]
