"""The annotations, by the name of module that users know."""

from __future__ import annotations

from flowstone.annotations import Annotation, NotSet, allow_failure, freeze, opaque, quote, unmapped

__all__ = ["Annotation", "NotSet", "allow_failure", "freeze", "opaque", "quote", "unmapped"]
