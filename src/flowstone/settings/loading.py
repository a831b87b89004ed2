"""The settings as their sources have them, and which source each comes from.

From high to low: variables of the environment, `.env`, `flowstone.toml` and `pyproject.toml` in
the current directory, the profile in force, defaults. A file that is not there costs one failed
open; what reads files is loaded when there is one.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import msgspec

from flowstone.settings.declared import (
    KNOWN,
    PREFIX,
    VARIABLES,
    Settings,
    default_home,
    nearest,
    parsed,
    updated,
)
from flowstone.settings.kinds import Entry, SettingsError

_OTHERS = (
    "FLOWSTONE_TEST_",  # of the test suite
    "FLOWSTONE__RUNTIME__",  # of `flowstone.runtime`
    *(
        f"FLOWSTONE_LOGGING_{part}_"  # of the configuration of `logging`
        for part in ("FILTERS", "FORMATTERS", "HANDLERS", "LOGGERS", "ROOT")
    ),
)
"""How variables begin that are read elsewhere."""


class Described(msgspec.Struct, frozen=True):
    """One setting as it stands: its dotted name, its value, and where the value comes from."""

    name: str
    value: Any
    source: str


class Sources:
    """What all sources have: the entry in force of each setting, and the keys that are none.

    `of_profile` are the entries of the profile, in force or not.

    Raises `SettingsError` for a file that cannot be understood, and for a profile that is not
    there.
    """

    def __init__(self, environ: Mapping[str, str], *, with_profile: bool = True) -> None:
        self.found: dict[str, Entry] = {}
        self.of_profile: dict[str, Entry] = {}
        self.unknown: list[Entry] = []
        self.unreadable: list[str] = []
        self._take(_entries_of(environ))
        if environ.get("NO_COLOR"):
            self.found.setdefault("logging.colors", Entry("NO_COLOR", False, "NO_COLOR"))
        self._read(".env", "dotenv")
        self._read("flowstone.toml", "project")
        self._read("pyproject.toml", "pyproject")
        if with_profile:
            self._read_profile()

    @property
    def profiles_path(self) -> str:
        """The file that profiles are in, whether it is there or not."""
        given = self._given("profiles_path")
        return given or os.path.join(self._given("home") or default_home(), "profiles.toml")

    def complaints(self) -> Iterable[str]:
        """Give a sentence for each key that is no setting, and for each unreadable file."""
        for entry in self.unknown:
            where = f" ({entry.file})" if entry.file else ""
            yield f"{entry.label}{where} is no setting.{nearest(entry.key)}"
        yield from self.unreadable

    def settings(self) -> Settings:
        """Return the settings. Raises `SettingsError` for a value that cannot be."""
        values = {name: self.parsed(name, entry) for name, entry in self.found.items()}
        settings: Settings = updated(Settings(), values)
        return settings

    def parsed(self, name: str, entry: Entry) -> Any:
        """Return the value of an entry. Raises `SettingsError` where it cannot be."""
        try:
            return parsed(name, entry.label, entry.value)
        except SettingsError as error:
            message = f"{error} ({entry.file})" if entry.file else str(error)
            raise SettingsError(message) from error

    def _given(self, name: str) -> Any:
        return self.parsed(name, self.found[name]) if name in self.found else None

    def _take(self, entries: Iterable[Entry]) -> None:
        for name, entry in self._known(entries).items():
            self.found.setdefault(name, entry)

    def _known(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        known: dict[str, Entry] = {}
        for entry in entries:
            name = VARIABLES.get(entry.key, entry.key)
            if name not in KNOWN:
                self.unknown.append(entry)
            elif entry.value != "":  # an empty one counts as not set
                known.setdefault(name, entry)
        return known

    def _read(self, path: str, kind: str) -> None:
        data = self._bytes_of(path)
        if data is not None:
            self._take(getattr(_files(), kind)(os.path.abspath(path), data))

    def _read_profile(self) -> None:
        path = self.profiles_path
        data = self._bytes_of(path)
        if data is not None:
            chosen = self._given("profile")
            label = self.found["profile"].label if chosen else ""
            self.of_profile = self._known(_files().profile(path, data, chosen, label))
            self.found = {**self.of_profile, **self.found}
        elif "profile" in self.found:
            label, name = self.found["profile"].label, self._given("profile")
            message = (
                f"{label} is {name!r}; there are no profiles yet: {path} is not there. "
                f"To make it: flowstone profile create {name}"
            )
            raise SettingsError(message)

    def _bytes_of(self, path: str) -> bytes | None:
        try:
            with open(path, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            self.unreadable.append(
                f"{os.path.abspath(path)} cannot be read ({error.strerror}), so settings in it do "
                "not hold."
            )
            return None


_told: dict[Any, Any] = {}
"""The warnings that were given, as `warnings` keeps them."""


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings that these variables and the files make.

    Raises `SettingsError` at the first value that cannot be; warns of keys that are no setting.
    """
    sources = Sources(environ)
    for complaint in sources.complaints():
        # Under one name, wherever it is first asked for the settings: so each is told once.
        warnings.warn_explicit(complaint, SettingsWarning, "flowstone.settings", 0, registry=_told)
    return sources.settings()


def describe(environ: Mapping[str, str]) -> list[Described]:
    """Return every setting with its value and the source it comes from, or `default`."""
    sources = Sources(environ)
    settings = sources.settings()
    return [
        Described(
            name,
            settings.value_of(name),
            sources.found[name].label if name in sources.found else "default",
        )
        for name in KNOWN
    ]


class SettingsWarning(UserWarning):
    """A source has something that is no setting; nothing changes by it."""


def _entries_of(environ: Mapping[str, str]) -> Iterable[Entry]:
    for key in environ:
        if key.startswith(PREFIX) and not key.startswith(_OTHERS):
            yield Entry(key, environ[key].strip(), key)


def _files() -> Any:
    """Return what reads files of settings; most programs have none."""
    return import_module("flowstone.settings.files")
