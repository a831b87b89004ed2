"""What a lock manager must do."""

from __future__ import annotations

from flowstone.results.locks import LockManager

__all__ = ["LockManager"]
