"""Locks among the processes that reach one Redis server."""

from __future__ import annotations

from flowstone.results.redis_locks import RedisLockManager

__all__ = ["RedisLockManager"]
