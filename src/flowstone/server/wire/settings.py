"""Settings as they are shown."""

from __future__ import annotations

import msgspec

SettingScalar = str | int | float | bool


class SettingValue(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its name, its variable, and its value, masked where it is a secret."""

    name: str
    variable: str
    value: SettingScalar | list[SettingScalar] | None


class SettingList(msgspec.Struct, frozen=True):
    """All settings, in the order to show them."""

    items: list[SettingValue]
