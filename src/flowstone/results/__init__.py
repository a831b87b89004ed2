"""Keeps the values of runs: where they lie, how they are written, and by whom they are locked."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.face.result_store import (
        ResultRecord,
        ResultRecordMetadata,
        ResultStore,
        get_default_result_serializer,
        get_default_result_storage,
    )
    from flowstone.face.run_results import (
        get_result_store,
        result_of,
        should_persist_result,
        state_of,
    )

_STORE, _RUNS = "flowstone.face.result_store", "flowstone.face.run_results"
"""By their names, because they lie above: they know the settings, and this layer does not."""
_OF_RUNS = frozenset({"get_result_store", "result_of", "should_persist_result", "state_of"})

__all__ = [
    "ResultRecord",
    "ResultRecordMetadata",
    "ResultStore",
    "get_default_result_serializer",
    "get_default_result_storage",
    "get_result_store",
    "result_of",
    "should_persist_result",
    "state_of",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        module = import_module(_RUNS if name in _OF_RUNS else _STORE)
        value = globals()[name] = getattr(module, name)
        return value
