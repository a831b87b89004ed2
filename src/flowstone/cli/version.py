"""`flowstone version`: what is running here."""

from __future__ import annotations

import argparse
import os
import platform
import sys

import msgspec

from flowstone.cli.command import Arguments, Command
from flowstone.settings import load
from flowstone.version import __version__


def _show(arguments: Arguments) -> int:
    if arguments.short:
        print(__version__)
        return 0
    found = {
        "flowstone": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "msgspec": msgspec.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "home": load(os.environ).home,
    }
    if arguments.output == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print("\n".join(f"{name:<9}  {value}" for name, value in found.items()))
    return 0


def _declare(parser: argparse.ArgumentParser) -> None:
    # Its own `-o`: what the other commands share loads more than this one is to take.
    parser.add_argument("--short", action="store_true", help="only Flowstone's own version")
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="'json' for programs; a table otherwise",
    )


COMMANDS = Command(
    "Show the versions in use, and the home that runs are recorded in.",
    "flowstone version -o json",
    _declare,
    _show,
)
