"""What is made of JSON and MessagePack, by decoders that are made one at a time.

msgspec (0.22) ends the process by a segmentation fault where two threads are the first to decode
into one struct type.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_LOCK = Lock()
_JSON: dict[Any, msgspec.json.Decoder[Any]] = {}
_MSGPACK: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def from_json(data: bytes | str, kind: type[_T]) -> _T:
    """Return what JSON says, as this kind. Raises `msgspec.MsgspecError` where it is none."""
    known = _JSON.get(kind)
    if known is None:
        with _LOCK:
            known = _JSON[kind] = msgspec.json.Decoder(kind)
    found: _T = known.decode(data)
    return found


def from_msgpack(data: bytes, kind: type[_T]) -> _T:
    """Return what MessagePack says, as this kind; raises as `from_json`."""
    known = _MSGPACK.get(kind)
    if known is None:
        with _LOCK:
            known = _MSGPACK[kind] = msgspec.msgpack.Decoder(kind)
    found: _T = known.decode(data)
    return found
