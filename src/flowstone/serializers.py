"""How results are written down, as users import it."""

from __future__ import annotations

from flowstone.results.frames import ArrowSerializer, ParquetSerializer
from flowstone.results.json_serializer import CompressedJSONSerializer, JSONSerializer
from flowstone.results.serializers import (
    CompressedPickleSerializer,
    CompressedSerializer,
    PickleSerializer,
    Serializer,
)

__all__ = [
    "ArrowSerializer",
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "ParquetSerializer",
    "PickleSerializer",
    "Serializer",
]
