"""`flowstone config`: the settings as they stand, checked, and changed in the profile in force."""

from __future__ import annotations

import argparse
import logging
import os
from typing import Any

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_json, print_table
from flowstone.cli.profile import opened_profiles, profile_in_force
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.settings import Described, SettingsError, describe, variable
from flowstone.settings.declared import name_of, nearest, parsed
from flowstone.settings.elsewhere import remarks
from flowstone.settings.kinds import Entry
from flowstone.settings.loading import Sources
from flowstone.settings.profiles import Profiles, masked

_USUAL = "default"
"""The profile that `set` makes where there is none."""
_NAME, _VALUE = Column(title="SETTING"), Column(title="VALUE", least=12)
_FROM = Column(title="FROM", least=8, drop=1)


def _view(arguments: Arguments) -> int:
    sources = Sources(os.environ)
    settings = [
        one for one in describe(os.environ) if arguments.defaults or one.source != "default"
    ]
    if arguments.output == "json":
        print_json(
            [
                *(_object(one, secrets=arguments.secrets) for one in settings),
                *(_unknown_object(one, secrets=arguments.secrets) for one in sources.unknown),
            ]
        )
        return 0
    columns = (_NAME, _VALUE, _FROM) if arguments.sources else (_NAME, _VALUE)
    rows = [(one.name, _text(one, secrets=arguments.secrets), one.source) for one in settings]
    print_table(columns, [Row(cells[: len(columns)]) for cells in rows])
    print("\nSet one by its variable: FLOWSTONE_ and the name, like FLOWSTONE_LOGGING_LEVEL=DEBUG,")
    print("or in the profile in force: flowstone config set logging.level=DEBUG")
    for complaint in sources.complaints():
        print(f"Unknown: {printable(complaint)}")
    return 0


def _set(arguments: Arguments) -> int:
    values = dict(_assignment(word) for word in arguments.settings)
    profiles = opened_profiles()
    profile = profile_in_force(profiles)
    begins = profile is None
    if profile is None:
        profile = _begin(profiles)
    profiles.set(profile, values)
    profiles.save()
    if begins:
        print(f"Profile {profile!r} is in force from now on ({profiles.path}).")
    for name, text in values.items():
        print(f"Set {name} to {printable(str(masked(name, text)))} in profile {profile!r}.")
        _say_what_outranks(name, profile)
    return 0


def _unset(arguments: Arguments) -> int:
    names = [_known(word) for word in arguments.settings]
    profiles = opened_profiles()
    profile = profile_in_force(profiles)
    if profile is None:
        message = "no profile is in force, so none has a setting to unset"
        raise CommandError(message)
    taken = profiles.unset(profile, names)
    absent = [name for name in names if name not in taken]
    if absent:
        message = f"profile {profile!r} does not set {', '.join(absent)}; nothing was changed"
        raise CommandError(message)
    profiles.save()
    for name in taken:
        print(f"Unset {name} in profile {profile!r}.")
        _say_what_outranks(name, profile)
    return 0


def _validate(_arguments: Arguments) -> int:
    sources = Sources(os.environ)
    wrong = [*sources.complaints()]
    for name, entry in sources.found.items():
        wrong += _complaint(sources, name, entry)
    profiles = opened_profiles()
    in_force = profile_in_force(profiles)  # its entries are among the sources
    for profile in profiles.names:
        if profile != in_force:
            wrong += _wrong_in(profiles, profile)
    for line in wrong:
        print(f"Wrong: {printable(line)}")
    for line in remarks(os.environ):
        print(f"Note: {line}")
    if wrong:
        message = f"{plural(len(wrong), 'thing')} to mend"
        raise CommandError(message)
    print("All settings are valid.")
    return 0


def _complaint(sources: Sources, name: str, entry: Entry) -> list[str]:
    try:
        sources.parsed(name, entry)
    except SettingsError as error:
        return [str(error)]
    return []


def _wrong_in(profiles: Profiles, profile: str) -> list[str]:
    wrong = []
    for key, value in profiles.settings(profile).items():
        label = f"profile {profile!r}: {key}"
        try:
            parsed(name_of(key), label, value)
        except SettingsError as error:
            text = str(error)
            is_unknown = not text.startswith(label)
            wrong.append(f"{label} is no setting.{nearest(key)}" if is_unknown else text)
    return wrong


def _begin(profiles: Profiles) -> str:
    """Make the usual profile and put it in force."""
    if _USUAL not in profiles.names:
        profiles.create(_USUAL)
    profiles.use(_USUAL)
    return _USUAL


def _assignment(word: str) -> tuple[str, str]:
    key, is_set, text = word.partition("=")
    if not is_set:
        message = f"{word!r} is no KEY=VALUE; write it like logging.level=DEBUG"
        raise CommandError(message)
    name = _known(key.strip())
    parsed(name, name, text)
    return name, text.strip()


def _known(key: str) -> str:
    name = name_of(key)
    if name in ("profile", "profiles_path"):
        message = f"{name} cannot stand in a profile. To change profiles: flowstone profile use"
        raise CommandError(message)
    return name


def _say_what_outranks(name: str, profile: str) -> None:
    found = Sources(os.environ).found.get(name)
    if found is not None and not found.label.startswith(f"profile {profile!r}"):
        print(f"Note: {found.label} outranks it, and says {masked(name, found.value)!r}.")


def _object(one: Described, *, secrets: bool) -> dict[str, Any]:
    return {
        "name": one.name,
        "variable": variable(one.name),
        "value": one.value if secrets else masked(one.name, one.value),
        "source": one.source,
    }


def _unknown_object(entry: Entry, *, secrets: bool) -> dict[str, Any]:
    value = entry.value if secrets else masked(entry.key, entry.value)
    return {"name": None, "variable": entry.key, "value": value, "source": "unknown"}


_NONE = {
    "live": "(by command)",
    "logging.colors": "(by terminal)",
    "profiles_path": "(in the home)",
    "results.local_storage_path": "(in the home)",
    "tasks.default_persist_result": "(by results)",
}
"""What decides where nothing does."""


def _text(one: Described, *, secrets: bool) -> str:
    if one.name == "logging.level":
        return str(logging.getLevelName(one.value))
    if one.value is None:
        return _NONE.get(one.name, "(none)")
    if isinstance(one.value, bool):
        return str(one.value).lower()
    if isinstance(one.value, tuple):
        return ",".join(map(_number, one.value)) or "(none)"
    if one.name.endswith("_bytes") and one.value % (1 << 20) == 0:
        return f"{one.value >> 20}MiB"
    return _number(one.value if secrets else masked(one.name, one.value))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _add_view(parser: argparse.ArgumentParser) -> None:
    for name, usual, text in (
        ("defaults", True, "settings that have their default"),
        ("sources", True, "where each value comes from"),
        ("secrets", False, "secret values"),
    ):
        ways = parser.add_mutually_exclusive_group()
        for verb, value in (("show", True), ("hide", False)):
            ways.add_argument(
                f"--{verb}-{name}",
                dest=name,
                action="store_const",
                const=value,
                default=usual,
                help=f"{verb} {text}" + (" (as usual)" if value is usual else ""),
            )
    add_output(parser)


def _add_assignments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "settings", metavar="KEY=VALUE", nargs="+", help="logging.level=DEBUG, or by its variable"
    )


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("settings", metavar="KEY", nargs="+", help="logging.level, or its variable")
    parser.add_argument("-y", "--yes", action="store_true", help="accepted; it never asks")


COMMANDS: dict[str, Command] = {
    "view": Command(
        "Show every setting, its value, and where the value comes from.",
        "FLOWSTONE_LOGGING_LEVEL=DEBUG flowstone config view",
        _add_view,
        _view,
    ),
    "set": Command(
        "Set settings in the profile in force.",
        "flowstone config set logging.level=DEBUG tasks.default_retries=3",
        _add_assignments,
        _set,
    ),
    "unset": Command(
        "Take settings out of the profile in force.",
        "flowstone config unset logging.level",
        _add_keys,
        _unset,
    ),
    "validate": Command(
        "Check every source of settings, and list variables of Prefect with their names here.",
        "flowstone config validate",
        lambda _parser: None,
        _validate,
    ),
}
"""The commands of this family, by their second word."""
