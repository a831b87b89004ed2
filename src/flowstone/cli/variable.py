"""`flowstone variable`: variables listed, shown, set and deleted."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.home import where
from flowstone.cli.moments import iso, local, local_in_full
from flowstone.cli.options import add_output, count
from flowstone.cli.output import print_fields, print_json, print_table
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.client.place import Place, place_of
from flowstone.core.ids import id_text
from flowstone.exceptions import FlowstoneError
from flowstone.settings import load
from flowstone.store.variables import VariableRow
from flowstone.variables import packed
from flowstone.wiring.homes import writable_home

_COLUMNS = (
    Column(title="NAME", least=12),
    Column(title="VALUE", least=12),
    Column(title="UPDATED"),
    Column(title="TAGS", least=6, drop=1),
)


@contextmanager
def _place(*, to_write: bool = False) -> Iterator[Place]:
    """Give where variables are; what goes wrong with them becomes a `CommandError`."""
    settings = load(os.environ)
    if to_write and settings.api.url is None:
        settings = msgspec.structs.replace(settings, home=writable_home(settings.home))
    place = place_of(settings)
    try:
        with closing(place):
            yield place
    except (FlowstoneError, ValueError, TypeError) as error:
        raise CommandError(str(error)) from error
    except BrokenPipeError:
        raise
    except (OSError, sqlite3.Error) as error:
        message = (
            f"could not use the variables in {place.name}: {error}. Check that it can be read and "
            "written, or set FLOWSTONE_HOME to another directory."
        )
        raise CommandError(message) from error


def _ls(arguments: Arguments) -> int:
    with _place() as place:
        found = place.variables(limit=arguments.limit)
    if arguments.output == "json":
        print_json([_object(one) for one in found])
    elif found:
        now = time.time_ns()
        rows = [
            Row((one.name, _text(one), local(one.updated, now=now), ", ".join(one.tags)))
            for one in found
        ]
        print_table(_COLUMNS, rows)
    else:
        print("No variables. Set one: flowstone variable set NAME VALUE")
    return 0


def _get(arguments: Arguments) -> int:
    found = _found(arguments.name)
    if arguments.output == "json":
        print(found.value)
    else:
        print(printable(_text(found), keep="\n\t"))
    return 0


def _inspect(arguments: Arguments) -> int:
    found = _found(arguments.name)
    if arguments.output == "json":
        print_json(_object(found))
        return 0
    print_fields(
        [
            ("Variable", found.name),
            ("ID", id_text(found.id)),
            ("Created", local_in_full(found.created)),
            ("Updated", local_in_full(found.updated)),
            ("Tags", ", ".join(found.tags)),
            ("Value", found.value),
        ]
    )
    return 0


def _set(arguments: Arguments) -> int:
    value = _value_of(arguments.value)
    with _place(to_write=True) as place:
        text, tags = packed(arguments.name, value, arguments.tags)
        kept = place.set_variable(arguments.name, text, tags=tags, overwrite=arguments.overwrite)
    if kept is None:
        message = f"variable {arguments.name!r} already exists. To replace it, pass --overwrite."
        raise CommandError(message)
    print(f"Set variable {kept.name} to {kept.value}.")
    return 0


def _unset(arguments: Arguments) -> int:
    with _place() as place:
        if not place.unset_variable(arguments.name):
            raise _not_found(arguments.name)
    print(f"Deleted variable {printable(arguments.name)}.")
    return 0


def _found(name: str) -> VariableRow:
    with _place() as place:
        for row in place.variables(name):
            return row
    raise _not_found(name)


def _not_found(name: str) -> CommandError:
    message = f"there is no variable {name!r} in {where()}. 'flowstone variable ls' lists them."
    return CommandError(message)


def _object(row: VariableRow) -> dict[str, Any]:
    return {
        "id": id_text(row.id),
        "created": iso(row.created),
        "updated": iso(row.updated),
        "name": row.name,
        "value": json.loads(row.value),
        "tags": row.tags,
    }


def _text(row: VariableRow) -> str:
    """Return a value as a person or a shell wants it: text without its quotes, else JSON."""
    value = json.loads(row.value)
    return value if isinstance(value, str) else row.value


def _value_of(text: str) -> Any:
    """Return the value that a word stands for: JSON, or else the text that it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the variable")


def _add_name_and_output(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    add_output(parser)


def _add_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", metavar="N", type=count, default=100, help="at most N (0: all; 100 by default)"
    )
    add_output(parser)


def _add_set(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("value", metavar="VALUE", help="JSON; what is no JSON is kept as text")
    parser.add_argument("--overwrite", action="store_true", help="replace it if it exists")
    parser.add_argument(
        "--tag", metavar="TAG", dest="tags", action="append", help="a tag; may be repeated"
    )


COMMANDS: dict[str, Command] = {
    "ls": Command("List the variables, by name.", "flowstone variable ls -o json", _add_ls, _ls),
    "get": Command(
        "Print the value of a variable.",
        "flowstone variable get bucket",
        _add_name_and_output,
        _get,
    ),
    "set": Command(
        "Set a variable, for all programs of this home.",
        "flowstone variable set limits '{\"rows\": 500}' --overwrite --tag etl",
        _add_set,
        _set,
    ),
    "inspect": Command(
        "Show a variable: its value, tags and times.",
        "flowstone variable inspect bucket",
        _add_name_and_output,
        _inspect,
    ),
    "unset": Command("Delete a variable.", "flowstone variable unset bucket", _add_name, _unset),
}
"""The commands of this family, by their second word."""
