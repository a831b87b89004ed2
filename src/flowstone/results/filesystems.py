"""Places for results as users name them, and the storage that each of them is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flowstone.exceptions import ResultNotFound
from flowstone.results.directory import Directory
from flowstone.results.remote import Remote
from flowstone.results.storage import Storage


class _Files:
    """Reads and writes whole files of a storage."""

    _storage: Storage

    def read_path(self, path: str) -> bytes:
        """Return a file's bytes. Raises `ResultNotFound`, a `ValueError`, where there is none."""
        found = self._storage.read(path)
        if found is None:
            raise ResultNotFound(f"there is no {path!r} in {self._storage.place}")
        return bytes(found[0])

    def write_path(self, path: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        self._storage.write(path, (content,))

    async def aread_path(self, path: str) -> bytes:
        """Return a file's bytes, without holding up the loop."""
        import asyncio

        return await asyncio.to_thread(self.read_path, path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        """Write a file, without holding up the loop."""
        import asyncio

        await asyncio.to_thread(self.write_path, path, content)


class LocalFileSystem(_Files):
    """A local directory (`~` is the home of its user)."""

    def __init__(self, basepath: str | os.PathLike[str]) -> None:
        self.basepath = os.path.abspath(os.path.expanduser(os.fspath(basepath)))
        self._storage = Directory(self.basepath)

    def __repr__(self) -> str:
        return f"LocalFileSystem(basepath={self.basepath!r})"


class RemoteFileSystem(_Files):
    """A URL that fsspec knows; `settings` are what its file system is made with."""

    def __init__(self, basepath: str, settings: Mapping[str, Any] | None = None) -> None:
        if "://" not in basepath:
            raise ValueError(
                f"basepath is {basepath!r}; it must be a URL, like s3://bucket/folder. "
                "For a local directory use LocalFileSystem"
            )
        self.basepath = basepath
        self.settings = dict(settings or {})
        self._storage = Remote(basepath, settings)

    def __repr__(self) -> str:  # without the settings, in which there may be a secret
        return f"RemoteFileSystem(basepath={self.basepath!r})"


Place = os.PathLike[str] | str | LocalFileSystem | RemoteFileSystem


def storage_at(place: Place, *, sync: bool = False) -> Storage:
    """Return the storage at a path, a URL or a file system; `sync` is for local directories.

    Raises `ValueError` for a text that is no URL, `TypeError` for what is no place.
    """
    if isinstance(place, RemoteFileSystem):
        return Remote(place.basepath, place.settings)
    if isinstance(place, LocalFileSystem):
        return Directory(place.basepath, sync=sync)
    if isinstance(place, str):
        scheme, separator, path = place.partition("://")
        if not separator:
            raise ValueError(
                f"result storage is {place!r}, which is no URL; give pathlib.Path({place!r}) for a "
                "directory, a URL like s3://bucket/folder, or one of flowstone.filesystems"
            )
        return Directory(path, sync=sync) if scheme in {"file", "local"} else Remote(place)
    if isinstance(place, os.PathLike):
        return Directory(os.fspath(place), sync=sync)
    raise TypeError(
        f"result storage is {place!r}; give a pathlib.Path, a URL like s3://bucket/folder, or a "
        "file system of flowstone.filesystems"
    )
