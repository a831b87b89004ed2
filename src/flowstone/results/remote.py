"""Results behind any URL that `fsspec` knows: `s3://bucket/folder`, `memory://name`, ….

Object stores replace an object as a whole. Elsewhere (SFTP, SMB) a reader may meet half a file:
its checksum makes that a miss.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flowstone.exceptions import ConfigurationError, StorageError
from flowstone.results.buffers import Buffer
from flowstone.results.storage import Entry, Stamp, check_inside


class Remote:
    """The storage at a URL; `settings` are what its file system is made with."""

    def __init__(self, url: str, settings: Mapping[str, Any] | None = None) -> None:
        self.place = url.rstrip("/")
        self._settings = dict(settings or {})
        self._opened: tuple[int, Any, str] | None = None

    def read(
        self, name: str, most: int | None = None, *, stamped: bool = False
    ) -> tuple[Buffer, Stamp] | None:
        """Return what is under a name; a stamp would be another request."""
        del stamped
        system, path = self._find(name)
        try:
            data = _read(system, path, most)
        except FileNotFoundError:
            return None
        except Exception as error:  # each file system has errors of its own
            raise self._failed("read", name, error) from error
        return data, ()

    def write(self, name: str, parts: Sequence[Buffer]) -> Stamp:
        """Put the joined parts under a name."""
        system, path = self._find(name)
        try:
            system.pipe_file(path, b"".join(parts))
        except Exception as error:
            raise self._failed("write", name, error) from error
        return ()

    def stamp(self, name: str) -> Stamp | None:
        """Return an empty stamp where something is under the name."""
        system, path = self._find(name)
        try:
            system.invalidate_cache()  # others write here too
            return () if system.info(path)["type"] == "file" else None
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._failed("look for", name, error) from error

    def delete(self, name: str) -> bool:
        """Remove a name; return whether it was there."""
        if self.stamp(name) is None:
            return False
        system, path = self._find(name)
        try:
            system.rm_file(path)
        except FileNotFoundError:
            return False
        except Exception as error:
            raise self._failed("delete", name, error) from error
        return True

    def entries(self) -> Iterator[Entry]:
        """Give every name."""
        system, root = self._open()
        try:
            system.invalidate_cache()
            found: dict[str, dict[str, Any]] = system.find(root, detail=True)
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._failed("list", "everything", error) from error
        skip = len(root.rstrip("/")) + 1
        for path, facts in found.items():
            yield Entry(path[skip:], int(facts.get("size") or 0), _written(facts))

    def _find(self, name: str) -> tuple[Any, str]:
        check_inside(name, self.place)
        system, root = self._open()
        return system, f"{root.rstrip('/')}/{name}"

    def _open(self) -> tuple[Any, str]:
        """Return the file system and the root in it; a forked child makes its own."""
        if self._opened is None or self._opened[0] != os.getpid():
            import fsspec  # type: ignore[import-untyped]  # it has none

            try:
                system, root = fsspec.url_to_fs(self.place, **self._settings)
            except (ImportError, ValueError) as error:
                raise ConfigurationError(
                    f"No file system for {self.place}: {error}. Install the one that its URL "
                    "names (`pip install flowstone[s3]` for s3://)"
                ) from error
            self._opened = (os.getpid(), system, root)
        return self._opened[1:]

    def _failed(self, verb: str, name: str, error: Exception) -> StorageError:
        return StorageError(
            f"Could not {verb} {name!r} at {self.place}: {type(error).__name__}: {error}; "
            "see that it can be reached, and that the credentials allow it"
        )


def _read(system: Any, path: str, most: int | None) -> bytes:
    data: bytes
    if most is not None:
        try:
            data = system.cat_file(path, start=0, end=most)
        except OSError as error:
            if error.errno != errno.EINVAL:  # S3's word for a part of an empty object
                raise
        else:
            return data
    data = system.cat_file(path)
    return data


def _written(facts: dict[str, Any]) -> int:
    for name in ("LastModified", "mtime", "updated", "last_modified", "created"):
        moment = facts.get(name)
        if isinstance(moment, datetime):
            return int(moment.timestamp() * 1e9)
        if isinstance(moment, int | float):
            return int(moment * 1e9)
    return 0
