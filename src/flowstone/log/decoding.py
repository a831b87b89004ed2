"""Turns payloads back into records; only readers load it, because making a decoder takes 2 ms."""

from __future__ import annotations

from typing import get_args

import msgspec

from flowstone.log.records import SKIPPABLE, Record


class UnknownKind(msgspec.Struct, frozen=True):
    """A record of a kind that this version does not know."""

    kind: int

    @property
    def may_skip(self) -> bool:
        """Whether a reader may go on behind it."""
        return self.kind >= SKIPPABLE


class Malformed(msgspec.Struct, frozen=True):
    """A whole frame whose payload is no record."""

    reason: str


_decode = msgspec.msgpack.Decoder(Record).decode
_decode_array = msgspec.msgpack.Decoder(list[Record]).decode
_decode_any = msgspec.msgpack.Decoder().decode
_ARRAY = b"\xdd"  # of MessagePack, with a length of four bytes
_KNOWN = frozenset(kind.__struct_config__.tag for kind in get_args(Record))


def decode(payload: bytes) -> Record | UnknownKind | Malformed:
    """Return the record in a payload, or what stands in the way of reading it."""
    try:
        record: Record = _decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is one
        return _explain(payload, error)
    return record


def decode_all(payloads: list[bytes]) -> list[Record] | None:
    """Return the records in payloads, or None where one of them is not one that is known.

    Each is then to be looked at by itself; together they take half the time.
    """
    try:
        return _decode_array(_ARRAY + len(payloads).to_bytes(4, "big") + b"".join(payloads))
    except (msgspec.DecodeError, RecursionError):
        return None


def _explain(payload: bytes, error: Exception) -> UnknownKind | Malformed:
    try:
        raw = _decode_any(payload)
    except (msgspec.DecodeError, RecursionError) as broken:
        return Malformed(f"not MessagePack: {broken}")
    if isinstance(raw, list) and raw and isinstance(raw[0], int) and raw[0] not in _KNOWN:
        return UnknownKind(raw[0])
    return Malformed(str(error))
