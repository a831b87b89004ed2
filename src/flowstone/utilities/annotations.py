"""The annotations, by the name of module that users know."""

from __future__ import annotations

from flowstone.annotations import Annotation, allow_failure, opaque, quote, unmapped

__all__ = ["Annotation", "allow_failure", "opaque", "quote", "unmapped"]
