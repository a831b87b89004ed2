"""Columns of values as Postgres takes them: one array each, in its binary form."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

_NULL = b"\xff\xff\xff\xff"
_LENGTH = struct.Struct(">i").pack


class ArrayType(msgspec.Struct, frozen=True):
    """A type whose values may come as an array: its number, and how its values are packed."""

    oid: int
    name: str
    pack: Callable[[Sequence[Any]], bytes]

    def array(self, values: Sequence[Any]) -> bytes:
        """Return values, some of which may be None, as an array."""
        has_nulls = None in values
        body = _with_nulls(values, self.pack) if has_nulls else self.pack(values)
        return struct.pack(">iiIii", 1, has_nulls, self.oid, len(values), 1) + body


def _with_nulls(values: Iterable[Any], pack: Callable[[Sequence[Any]], bytes]) -> bytes:
    return b"".join([_NULL if value is None else pack((value,)) for value in values])


def _numbers(code: str, length: int) -> Callable[[Sequence[Any]], bytes]:
    def pack(values: Sequence[Any]) -> bytes:
        parts = chain.from_iterable(zip(repeat(length), values, strict=False))
        try:
            return struct.pack(">" + f"i{code}" * len(values), *parts)
        except struct.error as error:
            raise OverflowError(f"a number is not one of {length} bytes: {error}") from error

    return pack


def _bytes(values: Sequence[bytes]) -> bytes:
    return b"".join([part for value in values for part in (_LENGTH(len(value)), value)])


def _texts(values: Sequence[str]) -> bytes:
    return _bytes([value.encode() for value in values])


ARRAY_TYPES = {
    one.oid: one
    for one in (
        ArrayType(17, "bytea", _bytes),
        ArrayType(20, "int8", _numbers("q", 8)),
        ArrayType(21, "int2", _numbers("h", 2)),
        ArrayType(23, "int4", _numbers("i", 4)),
        ArrayType(25, "text", _texts),
        ArrayType(701, "float8", _numbers("d", 8)),
    )
}
"""By the numbers of types."""
