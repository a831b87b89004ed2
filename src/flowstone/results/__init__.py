"""Keeps the values of runs: where they lie, how they are written, and by whom they are locked."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.result_store import (
        ResultRecord,
        ResultRecordMetadata,
        ResultStore,
        get_default_result_serializer,
        get_default_result_storage,
    )

_FACE = "flowstone.result_store"
"""By its name, because it lies above: it knows the settings, and this layer does not."""

__all__ = [
    "ResultRecord",
    "ResultRecordMetadata",
    "ResultStore",
    "get_default_result_serializer",
    "get_default_result_storage",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = globals()[name] = getattr(import_module(_FACE), name)
        return value
