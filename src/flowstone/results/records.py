"""One file a result: a short header that says what it is, then the payload.

File = magic and version (8 bytes), length of the header (u32), where the payload begins (u32),
checksum of all between here and there (u64), the header (a MessagePack array), zeros up to a
multiple of 64 bytes, the payload. Where keys have a storage of their own the header is the
whole file, and names where the payload lies. Checksums are XXH3-64: they find what is cut or
rotten, not what somebody forged.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import xxhash

from flowstone.exceptions import UnreadableResult
from flowstone.results.buffers import Buffer, padding
from flowstone.results.files import FileFacts

FIRST_READ = 4096
"""Bytes that hold all of most headers."""
FOREIGN = "it is no result's file"
_SMALL = 16 << 10
_FAMILY = b"\x89FLWRES"
_MAGIC = _FAMILY + b"\x01"
_prefix = struct.Struct("<8sIIQ")
SHORTEST = _prefix.size
"""Bytes without which nothing can be a result's file."""


class Header(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """What is known of a result without its payload.

    Times are nanoseconds since 1970 (UTC). `seconds` is what the call took that made it;
    `fingerprint` is text of the cache's own; `options` are those of the serializer; `task` is the
    name of the task or flow; `files` are those that the value names, as they were.
    """

    key: str
    serializer: str
    options: dict[str, Any]
    created: int
    expires: int | None
    version: str
    fingerprint: str
    seconds: float
    size: int
    checksum: int
    payload: str | None = None
    task: str = ""
    files: tuple[FileFacts, ...] = ()

    def is_expired(self, now: int) -> bool:
        """Whether its time is over at `now`."""
        return self.expires is not None and self.expires <= now


checksum_of = xxhash.xxh3_64_intdigest
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Header).decode


def pack(header: Header) -> bytes:
    """Return what comes before the payload."""
    data = _encode(header)
    length = len(data)
    data += bytes(padding(_prefix.size + length))
    start = _prefix.size + len(data)
    return _prefix.pack(_MAGIC, length, start, checksum_of(data)) + data


def unpack(data: Buffer) -> tuple[Header, Buffer]:
    """Return the header and what follows it; raises `UnreadableResult` with the reason."""
    if len(data) < SHORTEST:
        raise UnreadableResult(
            _shown_as_foreign(bytes(data[:8])) or f"only {len(data)} bytes are left"
        )
    magic, length, start, checksum = _prefix.unpack_from(data)
    if magic != _MAGIC:
        raise UnreadableResult(_shown_as_foreign(magic) or "a newer Flowstone wrote it")
    if len(data) < start:
        raise UnreadableResult("the file is cut short")
    end = SHORTEST + length
    if start != end + padding(end) or checksum_of(data[SHORTEST:start]) != checksum:
        raise UnreadableResult("the checksum of its header is wrong")
    try:
        header = _decode(data[SHORTEST:end])
    except msgspec.DecodeError as error:
        raise UnreadableResult(f"its header cannot be read: {error}") from error
    # A few bytes are copied sooner than they are looked at from a distance.
    return header, data[start:] if len(data) <= _SMALL else memoryview(data)[start:]


def checksum_of_all(parts: Sequence[Buffer]) -> int:
    """Return the checksum of the joined parts."""
    if len(parts) == 1:
        return checksum_of(parts[0])
    whole = xxhash.xxh3_64()
    for part in parts:
        whole.update(part)
    return whole.intdigest()


def length_of_header(data: Buffer) -> int:
    """Return how many bytes come before the payload, for a file that begins with `data`.

    Of what is no result of this version only what is there: its length would be any number.
    """
    if len(data) < SHORTEST or bytes(data[: len(_MAGIC)]) != _MAGIC:
        return len(data)
    return int(_prefix.unpack_from(data)[2])


def verify(header: Header, payload: Buffer) -> None:
    """Raise `UnreadableResult` where the payload is not the one that the header describes."""
    if len(payload) != header.size:
        raise UnreadableResult(f"the payload has {len(payload)} of {header.size} bytes")
    if checksum_of(payload) != header.checksum:
        raise UnreadableResult("the checksum of its payload is wrong")


def _shown_as_foreign(magic: bytes) -> str | None:
    return None if _MAGIC.startswith(magic) or magic[:7] == _FAMILY else FOREIGN
