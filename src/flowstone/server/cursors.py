"""Cursors: where a list goes on, as an opaque text of letters that a URL takes as they are."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from flowstone.drive.decoders import from_msgpack
from flowstone.server.errors import ApiError

_T = TypeVar("_T")
_encode = msgspec.msgpack.Encoder().encode


def cursor_of(place: object) -> str:
    """Return the cursor of a place in a list: bytes, texts, numbers or a struct of them."""
    return base64.urlsafe_b64encode(_encode(place)).decode().rstrip("=")


def place_of(cursor: str, kind: type[_T]) -> _T:
    """Return the place that a cursor stands for. Raises `ApiError` where it is none."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return from_msgpack(packed, kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise bad_cursor(cursor) from error


def id_place_of(cursor: str | None) -> bytes | None:
    """Return the id that a cursor stands for, None without a cursor. Raises `ApiError`."""
    if cursor is None:
        return None
    place = place_of(cursor, bytes)
    if len(place) != 16:
        raise bad_cursor(cursor)
    return place


def bad_cursor(cursor: str) -> ApiError:
    """Return the error for a cursor that is none of the list it was sent to."""
    message = f"The cursor {cursor[:100]!r} is none of this list."
    return ApiError(400, "bad_cursor", message, "Begin anew, without a cursor.")
