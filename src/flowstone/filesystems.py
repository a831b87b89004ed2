"""Places where results can lie: a local directory, and any URL that fsspec knows."""

from __future__ import annotations

from flowstone.results.filesystems import LocalFileSystem, RemoteFileSystem

__all__ = ["LocalFileSystem", "RemoteFileSystem"]
