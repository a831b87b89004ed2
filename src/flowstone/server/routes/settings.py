"""The settings that the server runs with."""

from __future__ import annotations

import os

from litestar import get
from litestar.di import NamedDependency

from flowstone.server.wire.settings import SettingList, SettingValue
from flowstone.settings import Described, Settings, SettingsError, describe, variable
from flowstone.settings.declared import KNOWN
from flowstone.settings.profiles import masked


@get("/settings", opt={"scope": "admin"}, sync_to_thread=True, tags=["server"])
def list_settings(settings: NamedDependency[Settings]) -> SettingList:
    """List every setting with its value here and where it comes from; secrets are masked."""
    found = _found()
    return SettingList(
        [
            SettingValue(
                name=name,
                variable=variable(name),
                value=masked(name, settings.value_of(name)),
                source=_source(name, settings, found),
            )
            for name in KNOWN
        ]
    )


def _found() -> dict[str, Described]:
    """Return what the sources have now, by name: nothing where one was spoilt since the start."""
    try:
        return {one.name: one for one in describe(os.environ)}
    except SettingsError:
        return {}


def _source(name: str, settings: Settings, found: dict[str, Described]) -> str:
    """Return where the value of a setting comes from; one that no source has, the start gave."""
    value = settings.value_of(name)
    if name in found and found[name].value == value:
        return found[name].source
    return "default" if value == Settings().value_of(name) else "start"


ROUTES = [list_settings]
