"""Pickles whose large buffers (arrays) stand beside them, and are never copied on the way.

Layout: magic (8 bytes), the number of parts (u64), the length of each (u64), then the parts: the
pickle and its buffers. Each begins at a multiple of 64 bytes, because arrays compute slowly, or not
at all, on memory that is not aligned. A record's payload begins at such a multiple too.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import Any

Buffer = bytes | bytearray | memoryview
ALIGNMENT = 64
_MAGIC = b"\0FLWBUF\1"
"""No pickle begins with a zero."""
_SMALLEST = 1 << 16
"""Bytes from which on a buffer stands beside its pickle."""
_count = struct.Struct("<Q")


def dumps_parts(value: Any, protocol: int) -> tuple[bytes, list[memoryview]]:
    """Return the pickle of a value, and the buffers that stand beside it."""
    aside: list[memoryview] = []

    def stays_inside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= _SMALLEST:
            aside.append(raw)
        return raw.nbytes < _SMALLEST

    return pickle.dumps(value, protocol, buffer_callback=stays_inside), aside


def joined(parts: Sequence[Buffer]) -> list[Buffer]:
    """Return what to write for a pickle and its buffers, in order."""
    lengths = [len(part) for part in parts]
    head = _MAGIC + struct.pack(f"<{len(parts) + 1}Q", len(parts), *lengths)
    written: list[Buffer] = []
    for part in (head, *parts):
        written += [part, bytes(padding(len(part)))]
    return written


def loads_joined(blob: Buffer) -> Any:
    """Return the value of what was joined; its arrays lie in `blob` where that can be written."""
    view = memoryview(blob)
    if view.readonly:
        view = memoryview(bytearray(view))
    (count,) = _count.unpack_from(view, len(_MAGIC))
    lengths = struct.unpack_from(f"<{count}Q", view, len(_MAGIC) + _count.size)
    at = len(_MAGIC) + _count.size * (count + 1)
    parts = []
    for length in lengths:
        at += padding(at)
        parts.append(view[at : at + length])
        at += length
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  see `serializers`


def is_joined(blob: Buffer) -> bool:
    """Whether this is a pickle with buffers beside it."""
    return blob[: len(_MAGIC)] == _MAGIC


def padding(length: int) -> int:
    """Return how many bytes follow, so that the next part is aligned."""
    return -length % ALIGNMENT
