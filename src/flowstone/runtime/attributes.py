"""How a module of `flowstone.runtime` answers: from a variable if one is set, else from the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flowstone.core.context import FlowContext, RunContext, current, tags_of

_OUTSIDE: dict[str, Callable[[], Any]] = {
    "parameters": dict,
    "run_count": int,
    "scheduled_start_time": lambda: datetime.now(UTC),
    "tags": list,
    "upstream": dict,
}
"""What there is to tell outside of a run, where it is not None."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def reader(
    module: str,
    find: Callable[[], RunContext | None],
    attributes: Mapping[str, Callable[[Any], Any]],
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a runtime module.

    Each attribute is a function of the context that `find` gives.
    """
    prefix = f"FLOWSTONE__RUNTIME__{module.rpartition('.')[2]}__".upper()

    def read(name: str) -> Any:
        mock = None if name.startswith("__") else os.environ.get(f"{prefix}{name}".upper())
        if name in attributes:
            context = find()
            if context is not None:
                value = attributes[name](context)
            else:
                value = _OUTSIDE[name]() if name in _OUTSIDE else None
            return value if mock is None else _cast(f"{module}.{name}", value, mock)
        if mock is None:
            known = ", ".join(sorted(attributes))
            message = f"module {module!r} has no attribute {name!r}; it has {known}"
            raise AttributeError(message)
        return mock

    return read


def task_context() -> RunContext | None:
    """Return the context of the nearest task run around this code."""
    context = current.get()
    while isinstance(context, FlowContext):
        context = context.outer
    return context


def flow_context() -> FlowContext | None:
    """Return the context of the nearest flow run around this code."""
    context = current.get()
    return context.flow if context is not None else None


def task_parameters(context: RunContext) -> dict[str, Any]:
    """Return a task run's parameters, defaults included; none while its inputs are awaited."""
    call = getattr(context, "call", None)
    parameters: dict[str, Any] = context.spec.binding.bind(*call) if call is not None else {}
    return parameters


def tags_now(context: RunContext) -> list[str]:
    """Return a run's tags; those that it will have where it is not recorded yet."""
    run, outer = context.run, context.outer
    if run.sequence >= 0:
        return list(run.tags)
    return list(tags_of(context.spec.run_tags, outer.flow if outer is not None else None))


def unset(_context: object) -> None:
    """Return what an attribute is that no run has yet."""


def _cast(name: str, real: Any, mock: str) -> Any:
    """Return a mock as a value of the type that the attribute has now."""
    try:
        match real:
            case None | str():
                return mock
            case bool():
                return _BOOLEANS[mock.lower()]
            case int() | float():
                return type(real)(mock)
            case datetime():
                return datetime.fromisoformat(mock)
    except (KeyError, ValueError):
        message = f"{name} is of type {type(real).__name__}, and its variable says {mock!r}."
        raise ValueError(message) from None
    message = (
        f"{name} is of type {type(real).__name__}, which no variable can stand in for; "
        "monkeypatch the attribute instead."
    )
    raise ValueError(message)
