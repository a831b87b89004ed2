"""Where results lie, as bytes under names: what a storage must do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
import xxhash

from flowstone.exceptions import OutsideStorage
from flowstone.results.buffers import Buffer

Stamp = tuple[int, ...]
"""What tells one writing of a name from the next; empty where a storage cannot say cheaply."""
_LONGEST = 200
"""Bytes of one part of a name: file systems end at 255, and a payload's name is longer."""


class Entry(msgspec.Struct, frozen=True):
    """One name in a storage, the bytes it takes, and when it was written (ns since 1970)."""

    name: str
    size: int
    written: int


class Storage(Protocol):
    """Bytes under names. What fails raises `StorageError`; a name that is not there is None.

    A name may have parts, divided by `/`. One that leads out of the storage is refused with
    `OutsideStorage`.
    """

    place: str
    """Where it is, for messages: a directory or a URL."""

    def read(
        self, name: str, most: int | None = None, *, stamped: bool = False
    ) -> tuple[Buffer, Stamp] | None:
        """Return what is under a name (its first `most` bytes), and the stamp of that writing.

        The stamp is empty where it is not asked for by `stamped`.
        """

    def write(self, name: str, parts: Sequence[Buffer]) -> Stamp:
        """Put the joined parts under a name, whole or not at all."""

    def stamp(self, name: str) -> Stamp | None:
        """Return the stamp of what is under a name."""

    def delete(self, name: str) -> bool:
        """Remove a name; return whether it was there."""

    def entries(self) -> Iterator[Entry]:
        """Give every name."""


def name_of(key: str) -> str:
    """Return the name for a key: the key itself, or a hash of it where that can be no file's name.

    Keys that lead out of a storage stay as they are: the storage refuses them.
    """
    if len(key) <= _LONGEST and key.isascii() and key.replace("-", "").isalnum():
        return key
    parts = key.split("/")
    if ".." in parts or key.startswith("/"):
        return key
    if key.isprintable() and all(_is_plain(part) for part in parts):
        return key
    return f"key-{xxhash.xxh3_128_hexdigest(key.encode('utf-8', 'surrogatepass'))}"


def _is_plain(part: str) -> bool:
    return part[:1] not in {"", "."} and len(part.encode()) <= _LONGEST


def check_inside(name: str, place: str) -> None:
    """Raise `OutsideStorage` for a name that does not stay below the place it is joined to."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise OutsideStorage(
            f"{name!r} leads out of {place}; give a key without '..' that does not begin with '/'"
        )
