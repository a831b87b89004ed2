"""The file of profiles, changed in place: comments and all that is not ours stay as they are.

A profile is a table of settings under a name, `[profiles.dev]`; `active` names the one in force.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from flowstone.settings.declared import VARIABLES, variable
from flowstone.settings.kinds import SettingsError

_SECRETS = ("auth", "credential", "key", "password", "secret", "token")
"""What the name of a setting has in it whose value is shown to nobody."""
MASK = "********"


class ProfileError(SettingsError):
    """What is asked of a profile cannot be: it is not there, or there already."""


class Profiles:
    """The profiles of one file; nothing is written before `save`.

    Raises `SettingsError` where the file cannot be read or understood.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._document = _read(path)

    @property
    def names(self) -> list[str]:
        """The names of the profiles, in the order of the file."""
        return list(self._table)

    @property
    def active(self) -> str | None:
        """The profile that is in force where nothing else is said."""
        name = self._document.get("active")
        return str(name) if name else None

    def settings(self, name: str) -> dict[str, Any]:
        """Return what a profile has, by the keys as it spells them, dotted where they nest."""
        return _flat(self._found(name))

    def create(self, name: str, like: str | None = None) -> None:
        """Add a profile, empty or with the settings of another one."""
        if not name.strip():
            message = "A profile needs a name."
            raise ProfileError(message)
        self._refuse(name)
        if like is None:
            self._table[name] = tomlkit.table()
        else:
            copied = tomlkit.parse(tomlkit.dumps(self._found(like)))
            self._table[name] = tomlkit.item(copied.unwrap())

    def use(self, name: str) -> None:
        """Make a profile the one in force."""
        self._found(name)
        self._document["active"] = name

    def rename(self, name: str, new: str) -> None:
        """Give a profile another name; it stays in force if it was."""
        self._refuse(new)
        was_active = self.active == name
        self.create(new, like=name)
        del self._table[name]
        if was_active:
            self.use(new)

    def delete(self, name: str) -> None:
        """Take a profile away; where it was in force, none is any more."""
        self._found(name)
        del self._table[name]
        if self.active == name:
            del self._document["active"]

    def set(self, name: str, values: Mapping[str, str]) -> None:
        """Put settings, by dotted name, into a profile."""
        profile = self._found(name)
        for setting, text in values.items():
            key = _key_in(profile, setting)
            if key is None:
                profile[variable(setting)] = text
            else:
                _within(profile, key)[key[-1]] = text

    def unset(self, name: str, settings: Iterable[str]) -> list[str]:
        """Take settings out of a profile; return those that were in it."""
        profile = self._found(name)
        taken = []
        for setting in settings:
            while (key := _key_in(profile, setting)) is not None:
                del _within(profile, key)[key[-1]]
                taken.append(setting)
        return list(dict.fromkeys(taken))

    def save(self) -> None:
        """Write the file in one step: whoever reads it finds it as it was, or as it is now.

        Raises `ProfileError` where it cannot be written.
        """
        target = os.path.realpath(self.path)  # of a link, what it leads to
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            _write_whole(target, tomlkit.dumps(self._document).encode())
        except OSError as error:
            message = f"{self.path} could not be written ({error.strerror}); it is as it was."
            raise ProfileError(message) from error

    @property
    def _table(self) -> MutableMapping[str, Any]:
        table = self._document.setdefault("profiles", tomlkit.table(is_super_table=True))
        if not isinstance(table, MutableMapping):
            message = f"profiles is {table!r}; it must be a table ({self.path})"
            raise SettingsError(message)
        return table

    def _found(self, name: str) -> MutableMapping[str, Any]:
        profile = self._table.get(name)
        if isinstance(profile, MutableMapping):
            return profile
        known = ", ".join(self.names) or "none"
        message = (
            f"There is no profile {name!r} in {self.path}. It has: {known}. "
            f"To make it: flowstone profile create {name}"
        )
        raise ProfileError(message)

    def _refuse(self, name: str) -> None:
        if name in self._table:
            message = f"There is a profile {name!r} already in {self.path}; take another name."
            raise ProfileError(message)


def masked(key: str, value: Any) -> Any:
    """Return the value of a setting as it may be shown: a secret, or one in a URL, is not."""
    last = key.lower().rpartition(".")[2]
    if value and any(word in last for word in _SECRETS):
        return MASK
    if isinstance(value, str) and "://" in value:
        scheme, _, rest = value.partition("://")
        user, at, host = rest.partition("/")[0].rpartition("@")
        if at and ":" in user:
            name = user.partition(":")[0]
            return f"{scheme}://{name}:{MASK}@{host}{rest[len(user) + len(at) + len(host) :]}"
    return value


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return tomlkit.parse(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        message = f"{path} cannot be understood: {error}. Mend it by hand; nothing was changed."
        raise SettingsError(message) from error


def _write_whole(path: str, data: bytes) -> None:
    new = f"{path}.{os.getpid()}.new"
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(new)
        raise


def _flat(table: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{within}{key}.")
        else:
            flat[within + key] = value.unwrap() if hasattr(value, "unwrap") else value
    return flat


def _key_in(profile: Mapping[str, Any], setting: str) -> tuple[str, ...] | None:
    """Return the way to a setting in a profile, however it is spelled there."""
    for key in _flat(profile):
        if VARIABLES.get(key, key) == setting:
            return (key,) if key in profile else tuple(key.split("."))
    return None


def _within(profile: MutableMapping[str, Any], way: tuple[str, ...]) -> MutableMapping[str, Any]:
    for part in way[:-1]:
        profile = profile[part]
    return profile


__all__ = ["MASK", "ProfileError", "Profiles", "masked"]
