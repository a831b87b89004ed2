"""Locks among the processes that see one directory."""

from __future__ import annotations

from flowstone.results.file_locks import FileSystemLockManager

__all__ = ["FileSystemLockManager"]
