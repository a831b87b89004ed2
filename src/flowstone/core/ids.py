"""Run and log ids: UUID version 7 (RFC 9562), minted without a system call, ordered by time."""

from __future__ import annotations

import uuid
from itertools import count

_VERSION_AND_VARIANT = (7 << 76) | (1 << 63)
_LOW_62 = (1 << 62) - 1


class IdSource:
    """Mints ids for one process from a random start and a counter.

    The 74 bits beside the time are a counter with a random start: two processes would have to
    draw the same 74-bit number in the same millisecond to meet. A forked child needs a new source.
    """

    __slots__ = ("_next",)

    def __init__(self, seed: bytes) -> None:
        self._next = count(int.from_bytes(seed[:9], "big"))

    def new(self, now: int) -> bytes:
        """Return a new id of 16 bytes for the time `now` (nanoseconds since 1970)."""
        n = next(self._next)
        return (
            now // 1_000_000 << 80 | _VERSION_AND_VARIANT | (n >> 62 & 0xFFF) << 64 | n & _LOW_62
        ).to_bytes(16, "big")


def id_text(raw: bytes) -> str:
    """Write an id the usual way: 8-4-4-4-12 hexadecimal digits."""
    return str(uuid.UUID(bytes=raw))
