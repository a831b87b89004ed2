"""What a user can set, in one frozen object: `load(os.environ).logging.level`.

Each setting has a dotted name (`logging.level`), a variable made of it
(`FLOWSTONE_LOGGING_LEVEL`), and an object of the variable's name here, with a `value()`. The home
is text, because `pathlib` would cost every run 4 ms.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowstone.settings.declared import (
    VARIABLES,
    FlowSettings,
    LoggingSettings,
    LogSettings,
    ResultSettings,
    RetentionSettings,
    RetrySettings,
    RunnerSettings,
    Settings,
    TaskSettings,
    default_home,
    variable,
)
from flowstone.settings.kinds import Delays, SettingsError, Sync, level_number
from flowstone.settings.loading import Described, SettingsWarning, describe, load

if TYPE_CHECKING:
    from flowstone.wiring.temporary_settings import (
        Setting,
        get_current_settings,
        temporary_settings,
    )

__all__ = [
    "Delays",
    "Described",
    "FlowSettings",
    "LogSettings",
    "LoggingSettings",
    "ResultSettings",
    "RetentionSettings",
    "RetrySettings",
    "RunnerSettings",
    "Setting",
    "Settings",
    "SettingsError",
    "SettingsWarning",
    "Sync",
    "TaskSettings",
    "default_home",
    "describe",
    "get_current_settings",
    "level_number",
    "load",
    "temporary_settings",
    "variable",
]
_LATER = ("Setting", "get_current_settings", "temporary_settings")
"""What a run does not need, and what needs the process itself."""


def __getattr__(name: str) -> Any:
    if name in VARIABLES or name in _LATER:
        temporary = import_module("flowstone.wiring.temporary_settings")
        if name in _LATER:
            return getattr(temporary, name)
        return temporary.Setting(VARIABLES[name])
    message = f"module 'flowstone.settings' has no attribute {name!r}"
    raise AttributeError(message)
