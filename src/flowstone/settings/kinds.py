"""What the settings may be: how the text of each becomes a value, and which values have a text."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, get_args

import msgspec

Sync = Literal["none", "interval", "always"]
WhenAway = Literal["wait", "run"]
Delays = float | tuple[float, ...]
MOST_DELAYS = 50
_KIB = 1 << 10
_MIB = 1 << 20


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message names it and what is allowed."""


class Kind(msgspec.Struct, frozen=True):
    """How the text of a setting becomes its value, and what it may be, in words."""

    parse: Callable[[str], Any]
    allowed: str


class Entry(msgspec.Struct, frozen=True):
    """What a source has for a setting: its value there, and where that stands.

    `key` is as the source spells it; `label` says where it stands, `file` in which file.
    """

    key: str
    value: Any
    label: str
    file: str = ""


def text_of(value: Any) -> str:
    """Return a value as a variable would have it. Raises `ValueError` where it has no text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, tuple | list | set | frozenset):
        return ",".join(map(text_of, value))
    raise ValueError(value)


def level_number(text: str) -> int:
    """Return the number of a logging level, from its name or number; `KeyError` if it is none."""
    if text.isdecimal():
        return int(text)
    names: dict[str, int] = import_module("logging").getLevelNamesMapping()
    return names[text.upper()]


def _path(text: str) -> str:
    return os.path.abspath(os.path.expanduser(text))


def _sync(text: str) -> str:
    if text.lower() not in get_args(Sync):
        raise ValueError(text)
    return text.lower()


_BOOLEANS = dict.fromkeys(("1", "true", "yes", "on"), True)
_BOOLEANS |= dict.fromkeys(("0", "false", "no", "off"), False)


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


def _count(text: str, least: int = 0) -> int:
    number = int(text)
    if number < least:
        raise ValueError(text)
    return number


def _way(text: str) -> str:
    if text.lower() not in get_args(WhenAway):
        raise ValueError(text)
    return text.lower()


def _positive(text: str) -> int:
    return _count(text, 1)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 1 << 16:
        raise ValueError(text)
    return port


def _url(text: str) -> str:
    """Return the address of a server without the slash, or the `/api`, that may stand behind it."""
    if not text.startswith(("http://", "https://")) or not text.partition("://")[2].strip("/"):
        raise ValueError(text)
    return text.rstrip("/").removesuffix("/api")


_UNITS = {"kib": _KIB, "mib": _MIB, "gib": 1 << 30}


def _size(text: str, least: int = _MIB) -> int:
    unit = _UNITS.get(text[-3:].lower())
    size = int(text[:-3]) * unit if unit else int(text)
    if size < least:
        raise ValueError(text)
    return size


def _line_size(text: str) -> int:
    return _size(text, _KIB)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds


def _delays(text: str) -> Delays:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    delays = tuple(float(number) for number in inner.split(","))
    if not 0 < len(delays) <= MOST_DELAYS:
        raise ValueError(text)
    if not all(math.isfinite(delay) and delay >= 0 for delay in delays):
        raise ValueError(text)
    return delays if len(delays) > 1 else delays[0]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


A_PATH = Kind(_path, "a path")
A_DIRECTORY = Kind(_path, "the path of a directory")
A_TEXT = Kind(str, "a text")
A_SIZE = Kind(_size, "a number of bytes of at least 1 MiB, like 67108864 or 64MiB")
A_LINE_SIZE = Kind(_line_size, "a number of bytes of at least 1 KiB, like 25000 or 1MiB")
A_BOOLEAN = Kind(_boolean, "true or false (also 1, 0, yes, no, on, off)")
A_COUNT = Kind(_count, "a whole number of 0 or more")
A_POSITIVE = Kind(_positive, "a whole number of 1 or more")
A_LEVEL = Kind(level_number, "DEBUG, INFO, WARNING, ERROR, CRITICAL or a number")
A_PORT = Kind(_port, "a number of 0 to 65535 (0: any that is free)")
A_URL = Kind(_url, "the address of a server, like http://127.0.0.1:4840")
SECONDS = Kind(_seconds, "a number of seconds, 0 or more")
DAYS = Kind(_seconds, "a number of days, 0 or more (0: for ever)")
SOME_NAMES = Kind(_names, "names, with commas between")
SOME_DELAYS = Kind(
    _delays, f"seconds, as one number or at most {MOST_DELAYS} with commas between (1,10,100)"
)
A_WAY = Kind(_way, "one of " + ", ".join(get_args(WhenAway)))
A_SYNC = Kind(_sync, "one of " + ", ".join(get_args(Sync)))
