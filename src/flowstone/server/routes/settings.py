"""The settings that the server runs with."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from flowstone.profiles import masked
from flowstone.server.wire.settings import SettingList, SettingValue
from flowstone.settings import Settings, variable
from flowstone.settings.declared import KNOWN


@get("/settings", opt={"scope": "admin"}, sync_to_thread=False, tags=["server"])
def list_settings(settings: NamedDependency[Settings]) -> SettingList:
    """List every setting with its value here; secrets are masked."""
    return SettingList(
        [
            SettingValue(
                name=name,
                variable=variable(name),
                value=masked(name, settings.value_of(name)),
            )
            for name in KNOWN
        ]
    )


ROUTES = [list_settings]
