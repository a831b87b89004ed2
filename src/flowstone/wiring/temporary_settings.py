"""Settings for a block of code, the settings of now, and setting objects.

A block's settings hold for what is declared and for runs that begin in it, in its own thread or
task and in what those start with a copy of their context, as `submit` does; other threads see
nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from flowstone.settings.declared import Settings, updated, variable
from flowstone.settings.loading import Sources
from flowstone.wiring.process import PROCESS, Surroundings


class Setting(msgspec.Struct, frozen=True):
    """One setting; `accessor` is its dotted name. It is true where its value is."""

    accessor: str

    @property
    def name(self) -> str:
        """The environment variable that sets it."""
        return variable(self.accessor)

    def value(self) -> Any:
        """Return its value of now."""
        return PROCESS.settings.value_of(self.accessor)

    def default(self) -> Any:
        """Return its value where nothing sets it."""
        return Settings().value_of(self.accessor)

    def __bool__(self) -> bool:
        return bool(self.value())


Key = str | Setting
"""What names a setting: its dotted name, its variable, or itself."""


def get_current_settings() -> Settings:
    """Return the settings that hold here and now."""
    return PROCESS.settings


@contextmanager
def temporary_settings(
    updates: Mapping[Key, Any] | None = None,
    set_defaults: Mapping[Key, Any] | None = None,
    restore_defaults: Iterable[Key] | None = None,
) -> Iterator[Settings]:
    """Let settings hold in the `with`; gives them all. Blocks nest.

    `updates` are set, `set_defaults` only where a setting has its default, and
    `restore_defaults` get their defaults back. Another home, or another server, means another
    log. Raises `SettingsError` for a key that is no setting and for a value that cannot be.
    """
    settings = PROCESS.settings.copy_with_update(updates, set_defaults, restore_defaults)
    with _holding(settings):
        yield settings


@contextmanager
def use_profile(
    profile: str,
    *,
    override_environment_variables: bool = False,
    include_current_context: bool = True,
) -> Iterator[Settings]:
    """Let the settings of a profile hold in the `with`; gives all settings.

    What outranks a profile still does, unless it is to be overridden. Without the current context
    nothing of `temporary_settings` around holds. Raises `SettingsError` where there is no such
    profile.
    """
    sources = Sources({**os.environ, variable("profile"): profile})
    names = sources.of_profile
    if not override_environment_variables:
        names = {name: entry for name, entry in names.items() if sources.found[name] is entry}
    values = {name: sources.parsed(name, entry) for name, entry in names.items()}
    base = PROCESS.settings if include_current_context else sources.settings()
    settings: Settings = updated(base, {**values, "profile": profile})
    with _holding(settings):
        yield settings


@contextmanager
def _holding(settings: Settings) -> Iterator[None]:
    around = PROCESS.here
    now = around.own_settings
    shares = _destination(settings) == _destination(now)
    surroundings = Surroundings(settings, around.now, around if shares else None)
    with PROCESS.within(surroundings, everywhere=False):
        yield


def _destination(settings: Settings) -> tuple[Any, ...]:
    """Return what tells where runs are recorded: those that have the same share a log."""
    return settings.home, settings.log, settings.api.url, settings.api.key
