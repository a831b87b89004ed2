"""The bytes that stand for values while they are hashed.

A code is MessagePack for what MessagePack has, else the byte that MessagePack never uses, a letter
for the kind, the number of parts, and their codes. No code begins another one, so codes in a row
can be read in one way only: values that differ in structure never have the same code.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec
import xxhash

pack = msgspec.msgpack.Encoder().encode
LONGEST = 128
"""The bytes of a code that stands as it is; of a longer one its hash stands instead."""
_MARK = b"\xc1"
digest: Callable[[Any], bytes] = xxhash.xxh3_128_digest
"""Gives the xxh3-128 of bytes, or of anything that lies in memory in one piece."""


def tagged(letter: str, *codes: bytes) -> bytes:
    """Return the code of a value of the kind `letter` with these parts."""
    return _MARK + letter.encode() + counted(codes)


def counted(codes: Any) -> bytes:
    """Return codes in a row behind their number: what MessagePack writes for a list."""
    number = len(codes)
    if number < 16:
        head = bytes([0x90 | number])
    elif number < 1 << 16:
        head = struct.pack(">BH", 0xDC, number)
    else:
        head = struct.pack(">BI", 0xDD, number)
    return head + b"".join(codes)


def short(code: bytes) -> bytes:
    """Return a code, or the code of its hash where it is long."""
    return code if len(code) <= LONGEST else _MARK + b"#" + digest(code)


def of_buffer(letter: str, data: Any, *facts: Any) -> bytes:
    """Return the code of what lies in memory: its hash and size, and facts that tell how."""
    size = memoryview(data).nbytes
    return tagged(letter, pack(size), pack(digest(data)), *(pack(fact) for fact in facts))
