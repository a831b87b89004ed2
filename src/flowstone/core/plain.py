"""Any value as plain data that every reader can take: text, numbers, lists, objects.

Nothing here raises, whatever it is given: what cannot be carried stands as text.
"""

from __future__ import annotations

import math
import os
from typing import Any

import msgspec

MOST_TEXT = 1024
_MOST_DEPTH = 32
_INT64 = 1 << 63
_TO_JSON = msgspec.json.Encoder().encode


def clean_text(text: str) -> str:
    """Return a text that UTF-8 and databases can carry: lone surrogates and NUL written out."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str(text)


def short_repr(value: object) -> str:
    """Return the `repr` of a value, cut at 1 KiB; its type's name where that fails."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  a user's repr may raise anything
        text = f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return clean_text(text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…")


def plain(value: Any, depth: int = 0, above: tuple[int, ...] = ()) -> Any:
    """Return `value` as data that MessagePack and JSON can carry.

    Integers over 64 bits, NaN and infinities become text, those of thousands of digits
    `"<int of N bits>"`; cycles and what lies deeper than 32 levels become `"..."`; anything else
    becomes `"<TypeName>"`.
    """
    match value:
        case None | bool():
            return value
        case str():
            return clean_text(value)
        case int():
            return int(value) if -_INT64 <= value < _INT64 else _digits(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case list() | tuple() | set() | frozenset() | dict():
            if id(value) in above or depth > _MOST_DEPTH:
                return "..."
            above = (*above, id(value))
            if isinstance(value, dict):
                return {
                    clean_text(key) if isinstance(key, str) else short_repr(key): plain(
                        item, depth + 1, above
                    )
                    for key, item in list(value.items())  # another thread may change it
                }
            return [plain(item, depth + 1, above) for item in list(value)]
        case _:
            return _foreign(value, depth, above)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python writes out (`sys.set_int_max_str_digits`)
        return f"<int of {value.bit_length()} bits>"


def _foreign(value: Any, depth: int, above: tuple[int, ...]) -> Any:
    try:
        builtins = msgspec.to_builtins(value, enc_hook=_stand_in)
    except Exception:  # noqa: BLE001  dates, dataclasses, UUIDs pass; whatever does not has a name
        return f"<{type(value).__name__}>"
    if type(builtins) is type(value):
        return f"<{type(value).__name__}>"
    return plain(builtins, depth + 1, above)


def _stand_in(value: Any) -> Any:
    """Return data for what msgspec does not know: a pydantic model's, a path's, else a name."""
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json")
    return os.fspath(value) if isinstance(value, os.PathLike) else f"<{type(value).__name__}>"


def json_text(parameters: dict[str, Any]) -> str:
    """Return parameters as a JSON object; values that JSON cannot carry stand as `"<TypeName>"`."""
    return _TO_JSON(plain(parameters)).decode()
