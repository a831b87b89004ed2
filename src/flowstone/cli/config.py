"""`flowstone config`: the settings as they stand."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from flowstone.cli.command import Arguments, Command
from flowstone.cli.options import add_output
from flowstone.cli.output import print_json, print_table
from flowstone.cli.table import Column, Row
from flowstone.core.suggestion import suggestion
from flowstone.settings import KNOWN, PREFIX, Described, describe, variable

_FOR_TESTS = PREFIX + "TEST_"
"""Variables that the test suite reads, not the library."""
_COLUMNS = (
    Column(title="SETTING"),
    Column(title="VALUE", least=12),
    Column(title="FROM", least=8, drop=1),
)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return the `FLOWSTONE_…` variables that are no setting."""
    known = {variable(name) for name in KNOWN}
    return sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and not name.startswith(_FOR_TESTS) and name not in known
    )


def _view(arguments: Arguments) -> int:
    settings = describe(os.environ)
    strangers = unknown(os.environ)
    if arguments.output == "json":
        print_json([*map(_object, settings), *map(_unknown_object, strangers)])
        return 0
    print_table(_COLUMNS, [Row((one.name, _text(one), one.source)) for one in settings])
    print("\nSet one by its variable: FLOWSTONE_ and the name, like FLOWSTONE_LOGGING_LEVEL=DEBUG")
    for name in strangers:
        print(f"Unknown: {name} is no setting.{_nearest(name)}")
    return 0


def _object(one: Described) -> dict[str, Any]:
    return {
        "name": one.name,
        "variable": variable(one.name),
        "value": one.value,
        "source": one.source,
    }


def _unknown_object(name: str) -> dict[str, Any]:
    return {"name": None, "variable": name, "value": os.environ[name], "source": "unknown"}


def _nearest(name: str) -> str:
    return suggestion(name, [variable(known) for known in KNOWN])


def _text(one: Described) -> str:
    if one.name == "logging.level":
        return str(logging.getLevelName(one.value))
    if one.value is None:
        return "(by command)" if one.name == "live" else "(by terminal)"
    if isinstance(one.value, bool):
        return str(one.value).lower()
    if isinstance(one.value, tuple):
        return ",".join(f"{delay:g}" for delay in one.value)
    if one.name.endswith("_bytes") and one.value % (1 << 20) == 0:
        return f"{one.value >> 20}MiB"
    return f"{one.value:g}" if isinstance(one.value, float) else str(one.value)


COMMANDS: dict[str, Command] = {
    "view": Command(
        "Show every setting, its value, and where the value comes from.",
        "FLOWSTONE_LOGGING_LEVEL=DEBUG flowstone config view",
        add_output,
        _view,
    ),
}
"""The commands of this family, by their second word."""
