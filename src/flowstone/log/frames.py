"""The frame: how one record lies in a segment, and how a reader finds the next one.

A frame is length (u32), CRC-32 (u32), payload; both numbers little-endian. The checksum covers the
log's id, the length and the payload, so that zeroed pages, and bytes of a log quoted inside a
payload, are never frames. A length of 0 is space that is not written yet. `docs/log-format.md`.
"""

from __future__ import annotations

import re
import struct
from zlib import crc32

import msgspec

HEADER = struct.Struct("<II")
MAX_PAYLOAD = 1 << 20
"""Longer records are written as `part` frames."""
# A length of at most 1 MiB, any checksum, and the first byte of a MessagePack array, which every
# payload is: few other places look like it, so few checksums are taken in vain.
_BEGINNING = re.compile(rb"(?s)(?=..[\x00-\x10]\x00....[\x91-\x9f\xdc\xdd])")
_USUAL = 4096
_NONZERO = re.compile(rb"[^\0]")
pack_length = struct.Struct("<I").pack
pack_header = HEADER.pack
_unpack_header = HEADER.unpack_from


def seed_of(log_id: bytes) -> int:
    """Return the checksum's start for a log, from its id of 16 bytes."""
    return crc32(log_id)


def frame(payload: bytes, seed: int) -> bytes:
    """Return the frame of a payload. Raises `ValueError` for one over 1 MiB."""
    length = len(payload)
    return pack_header(length, crc32(payload, Starts(seed)[length])) + payload


class Starts(dict[int, int]):
    """Where the checksum of a payload starts, by its length, in one log; usual ones are kept."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed

    def __missing__(self, length: int) -> int:
        """Return the start for a length. Raises `ValueError` for one over 1 MiB."""
        if length > MAX_PAYLOAD:
            raise ValueError(length)
        start = crc32(pack_length(length), self._seed)
        if length < _USUAL:
            self[length] = start
        return start


class Damage(msgspec.Struct, frozen=True):
    """Bytes of a segment that are no frame: where, how many, and what is wrong with them."""

    offset: int
    length: int
    reason: str


class Scan(msgspec.Struct):
    """What a stretch of bytes holds, up to `stop`.

    `stop` is the offset after the last whole frame or damage; `tail` says what lies there:
    nothing yet (`""`), or why the bytes are no frame and no frame follows them.
    """

    payloads: list[tuple[int, bytes]]
    damages: list[Damage]
    stop: int
    tail: str = ""


def scan(data: bytes, seed: int, base: int = 0) -> Scan:
    """Find the frames in `data`, whose first byte lies at offset `base` of its segment.

    Bytes that are no frame are damage where a whole frame follows them within `data`; without one
    the scan stops before them, and `tail` says why.
    """
    found: list[tuple[int, bytes]] = []
    damages: list[Damage] = []
    at, end = 0, len(data)
    starts: dict[int, int] = {}  # the checksum's start for a length: there are few lengths
    while end - at >= HEADER.size:
        length, checksum = _unpack_header(data, at)
        stop = at + 8 + length
        if length and stop <= end and length <= MAX_PAYLOAD:
            start = starts.get(length)
            if start is None:
                start = starts[length] = crc32(pack_length(length), seed)
            payload = data[at + 8 : stop]
            if crc32(payload, start) == checksum:
                found.append((base + at, payload))
                at = stop
                continue
        reason = _what_is_wrong(data, at, length, stop)
        following = next_frame(data, at + 1, seed) if reason else -1
        if following < 0:
            return Scan(found, damages, base + at, reason)
        damages.append(Damage(base + at, following - at, reason))
        at = following
    reason = "cut short" if _NONZERO.search(data, at) else ""
    return Scan(found, damages, base + at, reason)


def next_frame(data: bytes, at: int, seed: int) -> int:
    """Return where the first whole frame at or after `at` begins, or -1."""
    end = len(data)
    for match in _BEGINNING.finditer(data, at):
        begin = match.start()
        length, checksum = _unpack_header(data, begin)
        if 0 < length <= MAX_PAYLOAD and begin + 8 + length <= end:
            payload = data[begin + 8 : begin + 8 + length]
            if crc32(payload, crc32(data[begin : begin + 4], seed)) == checksum:
                return begin
    return -1


def _what_is_wrong(data: bytes, at: int, length: int, stop: int) -> str:
    if length == 0:
        return "zeros where a record was expected" if _NONZERO.search(data, at) else ""
    if length > MAX_PAYLOAD:
        return f"a length of {length} bytes"
    return "cut short" if stop > len(data) else "a wrong checksum"
