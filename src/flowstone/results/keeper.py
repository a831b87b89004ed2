"""Keeps values under keys, and gives them back as long as they are whole and not expired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol

import msgspec

from flowstone.exceptions import UnreadableResult
from flowstone.results.buffers import Buffer
from flowstone.results.files import FileFacts
from flowstone.results.kept import Kept
from flowstone.results.memory import Memory
from flowstone.results.records import (
    FIRST_READ,
    FOREIGN,
    SHORTEST,
    Header,
    checksum_of_all,
    length_of_header,
    pack,
    unpack,
    verify,
)
from flowstone.results.serializers import PickleSerializer, Serializer, restored, written
from flowstone.results.storage import Entry, Stamp, Storage, name_of
from flowstone.version import __version__

_NEVER = 1 << 63
"""Nanoseconds since 1970 in the year 2262: what lasts longer does not end."""
_FRAMES = frozenset({"pandas", "polars", "pyarrow"})


class Found(msgspec.Struct, frozen=True):
    """One record of a storage: its name, what it takes, and what it is or why that is not known.

    `size` is the bytes of all its files; `written` is in nanoseconds since 1970.
    """

    name: str
    size: int
    written: int
    header: Header | None
    problem: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is a result, if a damaged one: not a file of somebody else that lies there."""
        return self.header is not None or (self.size >= SHORTEST and self.problem != FOREIGN)


class Evicting(Protocol):
    """What removes old results where the user set a bound: an `Evictor`."""

    def kept(self, keeper: Keeper, size: int) -> None:
        """Take note that a result of `size` bytes was kept."""


class Keeper:
    """The results of one storage.

    `keys` is a storage of its own for what is known of each result; `storage` has the payloads
    then. Without a `serializer` frames go as Arrow and all else as pickles. `memory` keeps results
    at hand; what it has of a local directory is used only while the file is the same one. `evictor`
    removes old ones, where the user set a bound.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        keys: Storage | None = None,
        serializer: Serializer | None = None,
        memory: Memory | None = None,
        evictor: Evicting | None = None,
    ) -> None:
        self.storage = storage
        self.keys = storage if keys is None else keys
        self.serializer = PickleSerializer() if serializer is None else serializer
        self._is_chosen = serializer is not None
        self._is_split = keys is not None
        self._memory = memory
        self._evictor = evictor

    def load(self, key: str, now: int) -> Kept | None:
        """Return what is kept under a key, or None where nothing is or its time is over.

        `now` is in nanoseconds since 1970. Raises `UnreadableResult` for what is cut, damaged,
        foreign or cannot be read here, and `StorageError` where the storage does not answer.
        """
        name, memory = name_of(key), self._memory
        try:
            if memory is not None:
                held = self._remembered(key, name, memory)
                if held is not None:
                    return None if held.header.is_expired(now) else held
                if not memory.wants(self.keys.place, key):
                    memory = None
            found = self.keys.read(name, stamped=memory is not None)
            if found is None:
                return None
            header, payload = unpack(found[0])
            if header.is_expired(now):
                return None
            payload = self._payload(key, header, payload)
            kept = Kept(self._value(header, payload), header)
        except UnreadableResult as error:
            raise UnreadableResult(
                f"What is kept under {key!r} in {self.keys.place} cannot be used: {error}"
            ) from error.__cause__
        if memory is not None:
            self._remember(key, kept, [payload], found[1], memory)
        return kept

    def save(
        self,
        key: str,
        value: Any,
        *,
        created: int,
        expires: int | None = None,
        fingerprint: str = "",
        seconds: float = 0.0,
        task: str = "",
        files: tuple[FileFacts, ...] = (),
    ) -> int:
        """Keep a value under a key, whole or not at all; return the size of its payload in bytes.

        Times are nanoseconds since 1970; `seconds` is what it took to make the value, `task` the
        name of what made it, `files` what it names. Raises `SerializationError` and `StorageError`.
        """
        serializer = self._chosen_for(value)
        payload = written(serializer, value)
        checksum = checksum_of_all(payload)
        name = name_of(key)
        header = Header(
            key=key,
            serializer=serializer.type,
            options=serializer.options(),
            created=created,
            expires=None if expires is None or expires >= _NEVER else expires,
            version=__version__,
            fingerprint=fingerprint,
            seconds=seconds,
            size=sum(map(len, payload)),
            checksum=checksum,
            payload=f"{name}.{checksum:016x}" if self._is_split else None,
            task=task,
            files=files,
        )
        if self._memory is not None:
            self._memory.drop(self.keys.place, key)
        stamp = self._write(name, header, payload)
        if self._memory is not None and self._memory.wants(self.keys.place, key):
            self._remember(key, Kept(value, header), payload, stamp, self._memory)
        if self._evictor is not None:
            self._evictor.kept(self, header.size)
        return header.size

    def expired(self, key: str, now: int) -> int | None:
        """Return when the time of what is kept under a key ended, None where it has not."""
        header = self.header(key)
        return header.expires if header is not None and header.is_expired(now) else None

    def exists(self, key: str, now: int) -> bool:
        """Whether a whole header is kept under a key whose time is not over; reads no payload."""
        header = self.header(key)
        return header is not None and not header.is_expired(now)

    def header(self, key: str) -> Header | None:
        """Return what is known of the result under a key, None where nothing readable is there."""
        header = self._header_at(name_of(key))
        return None if header is None or header.key != key else header

    def delete(self, key: str) -> bool:
        """Remove what is kept under a key; return whether anything was."""
        return self.remove(name_of(key))

    def remove(self, name: str, only: Header | None = None) -> bool:
        """Remove one record by its name in the storage, as `entries` gives it.

        With `only` it stays where another one has taken its place meanwhile.
        """
        header = self._header_at(name)
        if only is not None and header != only:
            return False
        if header is not None and self._memory is not None:
            self._memory.drop(self.keys.place, header.key)
        was_there = self.keys.delete(name)
        if header is not None and header.payload is not None:
            self.storage.delete(header.payload)
        return was_there

    def entries(self, *, newest_first: bool = False) -> Iterator[Found]:
        """Give every record, also those that cannot be read; reads no payload.

        With `newest_first` all names are listed before the first record is read.
        """
        listed: Iterable[Entry] = self.keys.entries()
        if newest_first:
            listed = sorted(listed, key=lambda entry: -entry.written)
        for entry in listed:
            try:
                header = self._header(entry.name)
            except UnreadableResult as error:
                yield Found(entry.name, entry.size, entry.written, None, str(error))
                continue
            if header is not None:
                size = entry.size + (header.size if header.payload is not None else 0)
                problem = None
                if header.payload is None and entry.size < header.size:
                    problem = "the file is cut short"
                yield Found(entry.name, size, entry.written, header, problem)

    def serializer_of(self, header: Header) -> Serializer:
        """Return what reads this record. Raises `UnreadableResult` where it is not here."""
        return restored(header.serializer, header.options, self.serializer)

    def _remember(
        self, key: str, kept: Kept, payload: list[Buffer], stamp: Stamp, memory: Memory
    ) -> None:
        if memory.has_room(kept.header):
            held = b"".join(payload) if memory.as_payloads else kept.value
            memory.put(self.keys.place, key, (held, kept.header, stamp))

    def _remembered(self, key: str, name: str, memory: Memory) -> Kept | None:
        found = memory.get(self.keys.place, key)
        if found is None:
            return None
        held, header, stamp = found
        if stamp and self.keys.stamp(name) != stamp:
            memory.drop(self.keys.place, key)
            return None
        return Kept(self._value(header, held) if memory.as_payloads else held, header)

    def _payload(self, key: str, header: Header, payload: Buffer) -> Buffer:
        """Return the payload of a record, `payload` or another file, if it is whole."""
        if header.key != key:
            raise UnreadableResult(f"it is the result of another key, {header.key!r}")
        if header.payload is not None:
            found = self.storage.read(header.payload)
            if found is None:
                raise UnreadableResult(f"its payload {header.payload!r} is gone")
            payload = found[0]
        verify(header, payload)
        return payload

    def _value(self, header: Header, payload: Buffer) -> Any:
        serializer = self.serializer_of(header)
        try:
            blob: Any = payload if serializer.reads_views else bytes(payload)
            return serializer.loads(blob)
        except UnreadableResult:
            raise
        except Exception as error:  # whatever the bytes and the classes behind them make of it
            raise UnreadableResult(
                f"the serializer {serializer.type!r} cannot read it here: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _write(self, name: str, header: Header, payload: list[Buffer]) -> Stamp:
        if header.payload is None:
            return self.storage.write(name, (pack(header), *payload))
        before = self._header_at(name)
        self.storage.write(header.payload, payload)
        stamp = self.keys.write(name, (pack(header),))
        # A reader that has just read the old header finds nothing, which is a miss.
        if before is not None and before.payload not in {None, header.payload}:
            assert before.payload is not None
            self.storage.delete(before.payload)
        return stamp

    def _header_at(self, name: str) -> Header | None:
        """Return the header under a name, or None also where it cannot be read."""
        try:
            return self._header(name)
        except UnreadableResult:
            return None

    def _header(self, name: str) -> Header | None:
        found = self.keys.read(name, FIRST_READ)
        if found is not None and length_of_header(found[0]) > FIRST_READ:
            found = self.keys.read(name, length_of_header(found[0]))
        return None if found is None else unpack(found[0])[0]

    def _chosen_for(self, value: Any) -> Serializer:
        if not self._is_chosen and type(value).__module__.partition(".")[0] in _FRAMES:
            frames = import_module("flowstone.results.frames")
            chosen: Serializer | None = frames.chosen_for(value)
            return chosen or self.serializer
        return self.serializer
