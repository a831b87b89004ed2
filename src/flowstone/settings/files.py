"""Reads the files that settings may stand in; loaded where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from flowstone.settings.declared import PREFIX
from flowstone.settings.kinds import Entry, SettingsError


def dotenv(path: str, data: bytes) -> Iterator[Entry]:
    """Give the variables of ours in a `.env` file; all others are other programs'."""
    name = os.path.basename(path)
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        key, is_set, text = line.strip().removeprefix("export ").partition("=")
        key = key.strip()
        if is_set and key.startswith(PREFIX):
            yield Entry(key, _unquoted(text.strip()), f"{name}, line {number}: {key}", path)


def project(path: str, data: bytes) -> Iterable[Entry]:
    """Give the settings of a `flowstone.toml`."""
    return _entries(_parsed(path, data), f"{os.path.basename(path)}: ", path)


def pyproject(path: str, data: bytes) -> Iterable[Entry]:
    """Give the settings in `[tool.flowstone]` of a `pyproject.toml`."""
    if not _may_have_table(data):
        return ()
    tool = _parsed(path, data).get("tool")
    table = tool.get("flowstone") if isinstance(tool, dict) else None
    label = f"{os.path.basename(path)}: tool.flowstone"
    return _entries(_table(table, label, path), f"{label}.", path)


def profile(path: str, data: bytes, chosen: str | None, chosen_by: str) -> Iterator[Entry]:
    """Give the settings of the profile that is chosen, or else active, and its name first.

    Raises `SettingsError` where there is no such profile.
    """
    document = _parsed(path, data)
    profiles = _table(document.get("profiles"), "profiles", path)
    name, label = chosen, chosen_by
    if name is None:
        name, label = document.get("active"), "active"
        if not name:
            return
        yield Entry("profile", name, f"{os.path.basename(path)}: active", path)
    if name not in profiles:
        known = ", ".join(profiles) or "none"
        message = (
            f"{label} is {name!r}; there is no such profile in {path}. It has: {known}. "
            f"To make it: flowstone profile create {name}"
        )
        raise SettingsError(message)
    table = _table(profiles[name], f"profiles.{name}", path)
    yield from _entries(table, f"profile {name!r}: ", path)


def _parsed(path: str, data: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except ValueError as error:  # TOML's own errors, and those of the encoding
        message = f"{path} cannot be understood: {error}"
        raise SettingsError(message) from error


def _table(value: Any, label: str, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        message = f"{label} is {value!r}; it must be a table ({path})"
        raise SettingsError(message)
    return value


def _entries(table: dict[str, Any], label: str, path: str, within: str = "") -> Iterator[Entry]:
    for key, value in table.items():
        name = within + key
        if isinstance(value, dict):
            yield from _entries(value, label, path, f"{name}.")
        else:
            yield Entry(name, value, label + name, path)


def _unquoted(text: str) -> str:
    """Return a value of a `.env` file without its quotes or the comment behind it."""
    quote = text[:1]
    if quote in ("'", '"') and (end := text.find(quote, 1)) > 0:
        return text[1:end]
    if text.startswith("#"):
        return ""
    return text.partition(" #")[0].strip()


def _may_have_table(data: bytes) -> bool:
    """Whether a `pyproject.toml` may have our table: most have none, and parsing costs 5 ms.

    It stands under a header of its own; or under `[tool]`, or in one line that begins with `tool`.
    """
    at = data.find(b"flowstone")
    if at >= 0 and (b"[tool]" in data or b"[ tool ]" in data):
        return True
    while at >= 0:
        begin = data.rfind(b"\n", 0, at) + 1
        before = data[begin:at].lstrip()
        if before.startswith((b"[", b"tool")) and b"tool" in before:
            return True
        at = data.find(b"flowstone", at + 1)
    return False
