"""The hash of any arguments, by the name of module that users know."""

from __future__ import annotations

from flowstone.core.hashing import hash_objects

__all__ = ["hash_objects"]
