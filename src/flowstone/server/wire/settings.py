"""Settings as they are shown."""

from __future__ import annotations

import msgspec

SettingScalar = str | int | float | bool


class SettingValue(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its name, its variable, and its value, masked where it is a secret.

    `source` is the variable or file that the value comes from, `default`, or `start` where the
    command that began the server said it.
    """

    name: str
    variable: str
    source: str
    value: SettingScalar | list[SettingScalar] | None


class SettingList(msgspec.Struct, frozen=True):
    """All settings, in the order to show them."""

    items: list[SettingValue]
