"""`flowstone profile`: named sets of settings, of which one is in force."""

from __future__ import annotations

import argparse
import os

from flowstone.cli.command import Arguments, Command
from flowstone.cli.options import add_output
from flowstone.cli.output import print_json
from flowstone.cli.terminal import printable
from flowstone.settings.loading import Sources
from flowstone.settings.profiles import ProfileError, Profiles, masked


def opened_profiles() -> Profiles:
    """Return the profiles of the file that the settings name, whether it is there or not."""
    return Profiles(Sources(os.environ, with_profile=False).profiles_path)


def profile_in_force(profiles: Profiles) -> str | None:
    """Return the profile that is asked for, else the active one. Raises where it is not there."""
    asked = Sources(os.environ, with_profile=False).found.get("profile")
    name = str(asked.value) if asked is not None else profiles.active
    if name is not None:
        profiles.settings(name)
    return name


def _ls(arguments: Arguments) -> int:
    profiles = opened_profiles()
    asked = Sources(os.environ, with_profile=False).found.get("profile")
    in_force = str(asked.value) if asked is not None else profiles.active
    if arguments.output == "json":
        print_json([{"name": name, "active": name == in_force} for name in profiles.names])
    elif profiles.names:
        for name in profiles.names:
            print(f"{'*' if name == in_force else ' '} {printable(name)}")
    else:
        print("No profiles. Make one: flowstone profile create NAME")
    return 0


def _create(arguments: Arguments) -> int:
    profiles = opened_profiles()
    profiles.create(arguments.name, like=arguments.like)
    profiles.save()
    name = printable(arguments.name)
    print(f"Created profile {name!r} in {profiles.path}.")
    print(f"To put it in force: flowstone profile use {name}")
    print(f"For one command: flowstone --profile {name} config set logging.level=DEBUG")
    return 0


def _use(arguments: Arguments) -> int:
    profiles = opened_profiles()
    profiles.use(arguments.name)
    profiles.save()
    print(f"Profile {printable(arguments.name)!r} is in force.")
    asked = Sources(os.environ, with_profile=False).found.get("profile")
    if asked is not None and asked.value != arguments.name:
        print(f"Note: {asked.label} outranks it, and says {asked.value!r}.")
    return 0


def _rename(arguments: Arguments) -> int:
    profiles = opened_profiles()
    profiles.rename(arguments.name, arguments.new)
    profiles.save()
    print(f"Renamed profile {printable(arguments.name)!r} to {printable(arguments.new)!r}.")
    return 0


def _delete(arguments: Arguments) -> int:
    profiles = opened_profiles()
    if profiles.active == arguments.name:
        message = (
            f"Profile {arguments.name!r} is in force. Put another one in force first: "
            "flowstone profile use NAME"
        )
        raise ProfileError(message)
    profiles.delete(arguments.name)
    profiles.save()
    print(f"Deleted profile {printable(arguments.name)!r}.")
    return 0


def _inspect(arguments: Arguments) -> int:
    profiles = opened_profiles()
    name = arguments.name or profile_in_force(profiles)
    if name is None:
        message = "No profile is in force. To see those there are: flowstone profile ls"
        raise ProfileError(message)
    settings = {key: masked(key, value) for key, value in profiles.settings(name).items()}
    if arguments.output == "json":
        print_json(settings)
    elif settings:
        for key, value in settings.items():
            print(printable(f"{key}={value!r}"))
    else:
        print(f"Profile {printable(name)!r} sets nothing.")
    return 0


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the profile")


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("--from", dest="like", metavar="NAME", help="begin with its settings")


def _add_rename(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("new", metavar="NEW", help="its new name")


def _add_delete(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="accepted; it never asks")


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: the one in force")
    add_output(parser)


COMMANDS: dict[str, Command] = {
    "ls": Command(
        "List the profiles; a star marks the one in force.", "flowstone profile ls", add_output, _ls
    ),
    "create": Command(
        "Make a profile.", "flowstone profile create ci --from dev", _add_create, _create
    ),
    "use": Command("Put a profile in force.", "flowstone profile use dev", _add_name, _use),
    "inspect": Command(
        "Show what a profile sets; secrets are masked.",
        "flowstone profile inspect dev",
        _add_inspect,
        _inspect,
    ),
    "rename": Command(
        "Give a profile another name.", "flowstone profile rename dev home", _add_rename, _rename
    ),
    "delete": Command(
        "Delete a profile that is not in force.",
        "flowstone profile delete ci",
        _add_delete,
        _delete,
    ),
}
"""The commands of this family, by their second word."""
