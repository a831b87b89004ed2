"""Run and log ids: UUID version 7 (RFC 9562), minted without a system call, ordered by time."""

from __future__ import annotations

import struct
import uuid
from itertools import count

_pack = struct.Struct(">QQ").pack
_VERSION = 7 << 12
_VARIANT = 1 << 63
_LOW_12 = (1 << 12) - 1
_LOW_61 = (1 << 61) - 1


class IdSource:
    """Mints ids for one process from a random start and a counter.

    Of the 74 bits beside the time 12 are random and stay, 62 are a counter with a random start in
    its lower half, so that it never runs over: two processes would have to draw the same 73 bits in
    the same millisecond to meet. A forked child needs a new source.
    """

    __slots__ = ("_high", "_next")

    def __init__(self, seed: bytes) -> None:
        self._high = _VERSION | int.from_bytes(seed[:2], "big") & _LOW_12
        self._next = count(_VARIANT | int.from_bytes(seed[2:10], "big") & _LOW_61)

    def new(self, now: int) -> bytes:
        """Return a new id of 16 bytes for the time `now` (nanoseconds since 1970)."""
        return _pack(now // 1_000_000 << 16 | self._high, next(self._next))


def id_text(raw: bytes) -> str:
    """Write an id the usual way: 8-4-4-4-12 hexadecimal digits."""
    return str(uuid.UUID(bytes=raw))
