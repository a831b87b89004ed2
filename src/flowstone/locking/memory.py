"""Locks among the threads and coroutines of one process."""

from __future__ import annotations

from flowstone.results.memory_locks import MemoryLockManager

__all__ = ["MemoryLockManager"]
