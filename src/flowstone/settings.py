"""What a user can set, in one frozen object: `load(os.environ).logging.level`.

Each setting has a dotted name (`logging.level`) and a variable made of it
(`FLOWSTONE_LOGGING_LEVEL`). Nothing here reads the environment by itself. The home is text, because
`pathlib` would cost every run 4 ms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, get_args

import msgspec

PREFIX = "FLOWSTONE_"
Sync = Literal["none", "interval", "always"]
Delays = float | tuple[float, ...]
MOST_DELAYS = 50
_MIB = 1 << 20


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message names it and what is allowed."""


def default_home() -> str:
    """Return the home of a user who set none: `~/.flowstone`."""
    return os.path.expanduser("~/.flowstone")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a process writes its log."""

    sync: Sync = "none"
    buffer_bytes: int = 64 * _MIB
    segment_bytes: int = 64 * _MIB


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged and shown. `colors` is None where the terminal decides."""

    level: int = 20  # logging.INFO; importing logging would cost each start 8 ms
    colors: bool | None = None
    log_prints: bool = False


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The retries of what is declared without any."""

    default_retries: int = 0
    default_retry_delay_seconds: Delays = 0.0


class FlowSettings(RetrySettings, frozen=True, kw_only=True):
    """The retries of flows, and what a flow run that is stopped does."""

    stop_grace_seconds: float = 5.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. `live` is None where the command decides: `run` says yes."""

    home: str = msgspec.field(default_factory=default_home)
    live: bool | None = None
    log: LogSettings = LogSettings()
    logging: LoggingSettings = LoggingSettings()
    tasks: RetrySettings = RetrySettings()
    flows: FlowSettings = FlowSettings()


class Described(msgspec.Struct, frozen=True):
    """One setting as it stands: its dotted name, its value, and where the value comes from."""

    name: str
    value: Any
    source: str


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings that these variables make.

    Raises `SettingsError` at the first value that cannot be; an empty variable counts as not set.
    """
    return _build({name: value for name, (value, _) in _found(environ).items()})


def describe(environ: Mapping[str, str]) -> list[Described]:
    """Return every setting with its value and the variable it comes from, or `default`."""
    found = _found(environ)
    settings = load(environ)
    return [
        Described(name, _value_of(settings, name), found[name][1] if name in found else "default")
        for name in KNOWN
    ]


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.replace(".", "_").upper()


def level_number(text: str) -> int:
    """Return the number of a logging level, from its name or number; `KeyError` if it is none."""
    if text.isdecimal():
        return int(text)
    names: dict[str, int] = import_module("logging").getLevelNamesMapping()
    return names[text.upper()]


def _found(environ: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Return the values that are set, each with the variable that sets it."""
    found = {}
    if environ.get("NO_COLOR"):
        found["logging.colors"] = (False, "NO_COLOR")
    for name, kind in KNOWN.items():
        text = environ.get(variable(name), "").strip()
        if text:
            found[name] = (_parse(name, kind, text), variable(name))
    return found


def _build(values: dict[str, Any]) -> Settings:
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        part, _, field = name.rpartition(".")
        parts.setdefault(part, {})[field] = value
    return Settings(
        **parts.get("", {}),
        log=LogSettings(**parts.get("log", {})),
        logging=LoggingSettings(**parts.get("logging", {})),
        tasks=RetrySettings(**parts.get("tasks", {})),
        flows=FlowSettings(**parts.get("flows", {})),
    )


def _value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


class _Kind(msgspec.Struct, frozen=True):
    """How the text of a variable becomes a value, and what it may be, in words."""

    parse: Callable[[str], Any]
    allowed: str


def _parse(name: str, kind: _Kind, text: str) -> Any:
    try:
        return kind.parse(text)
    except (ValueError, KeyError) as error:
        message = f"{variable(name)} is {text!r}; it must be {kind.allowed}"
        raise SettingsError(message) from error


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


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


_UNITS = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


def _size(text: str) -> int:
    unit = _UNITS.get(text[-3:].lower())
    size = int(text[:-3]) * unit if unit else int(text)
    if size < _MIB:
        raise ValueError(text)
    return size


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


_A_SIZE = _Kind(_size, "a number of bytes of at least 1 MiB, like 67108864 or 64MiB")
_A_BOOLEAN = _Kind(_boolean, "true or false (also 1, 0, yes, no, on, off)")
_A_COUNT = _Kind(_count, "a whole number of 0 or more")
_SOME_DELAYS = _Kind(
    _delays, f"seconds, as one number or at most {MOST_DELAYS} with commas between (1,10,100)"
)

KNOWN: dict[str, _Kind] = {
    "home": _Kind(_path, "the path of a directory"),
    "live": _A_BOOLEAN,
    "log.sync": _Kind(_sync, "one of " + ", ".join(get_args(Sync))),
    "log.buffer_bytes": _A_SIZE,
    "log.segment_bytes": _A_SIZE,
    "logging.level": _Kind(level_number, "DEBUG, INFO, WARNING, ERROR, CRITICAL or a number"),
    "logging.colors": _A_BOOLEAN,
    "logging.log_prints": _A_BOOLEAN,
    "tasks.default_retries": _A_COUNT,
    "tasks.default_retry_delay_seconds": _SOME_DELAYS,
    "flows.default_retries": _A_COUNT,
    "flows.default_retry_delay_seconds": _SOME_DELAYS,
    "flows.stop_grace_seconds": _Kind(_seconds, "a number of seconds, 0 or more"),
}
"""Every setting by its dotted name, in the order to show them."""
