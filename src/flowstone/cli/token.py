"""`flowstone token`: who may ask a server that others can reach."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.moments import SECOND, iso, local
from flowstone.cli.options import add_output
from flowstone.cli.output import print_json, print_table
from flowstone.cli.table import Column, Row
from flowstone.core.ids import id_text
from flowstone.settings import load
from flowstone.store import tokens
from flowstone.store.databases import Database, open_database
from flowstone.store.errors import StoreError
from flowstone.store.tokens import SCOPES, TokenRow
from flowstone.wiring.homes import writable_home

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SPAN = re.compile(r"(\d+)\s*([mhdw])")
_COLUMNS = (
    Column(title="NAME", least=12),
    Column(title="SCOPE"),
    Column(title="CREATED"),
    Column(title="EXPIRES"),
    Column(title="LAST USED"),
    Column(title="ID", drop=1),
)


@contextmanager
def _database(arguments: Arguments) -> Iterator[Database]:
    """Give the database of the server here; what goes wrong with it becomes a `CommandError`."""
    settings = load(os.environ)
    url = arguments.database_url or settings.server.database.connection_url
    try:
        database = open_database(Path(writable_home(settings.home)), url)
        try:
            yield database
        finally:
            database.close()
    except (StoreError, ValueError) as error:
        raise CommandError(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        message = f"could not use the database of the server: {error}"
        raise CommandError(message) from error


def _create(arguments: Arguments) -> int:
    name = arguments.name or f"{arguments.scope}-{secrets.token_hex(3)}"
    with _database(arguments) as database, database.transaction() as connection:
        row, secret = tokens.create_token(connection, name, arguments.scope, arguments.expires)
    if arguments.output == "json":
        print_json({**_object(row), "secret": secret})
        return 0
    print(secret)  # by itself: `TOKEN=$(flowstone token create …)`
    about = f"This is the token {row.name!r}, scope {row.scope!r}. It is shown only now. To use it:"
    print(f"\n{about}\n  export FLOWSTONE_API_KEY={secret}", file=sys.stderr)
    print("or log in with it in the browser.", file=sys.stderr)
    return 0


def _ls(arguments: Arguments) -> int:
    with _database(arguments) as database, database.store() as store:
        rows = tokens.tokens(store.connection)
    if arguments.output == "json":
        print_json([_object(row) for row in rows])
    elif rows:
        print_table(_COLUMNS, [Row(_cells(row)) for row in rows])
    else:
        print("There is no token: whoever is on this machine may ask a server on 127.0.0.1.")
        print("To make one: flowstone token create --scope admin")
    return 0


def _revoke(arguments: Arguments) -> int:
    with _database(arguments) as database, database.transaction() as connection:
        row = tokens.revoke_token(connection, arguments.token)
    print(f"Revoked the token {row.name!r}: within a second no server takes it any more.")
    return 0


def _cells(row: TokenRow) -> tuple[str, ...]:
    is_over = row.expires is not None and row.expires <= time.time_ns()
    expires = "never" if row.expires is None else local(row.expires)
    return (
        row.name,
        row.scope,
        local(row.created),
        f"{expires} (over)" if is_over else expires,
        local(row.used) or "never",
        id_text(row.id),
    )


def _object(row: TokenRow) -> dict[str, Any]:
    return {
        "id": id_text(row.id),
        "name": row.name,
        "scope": row.scope,
        "created": iso(row.created),
        "expires": iso(row.expires),
        "used": iso(row.used),
    }


def _expiry(text: str) -> int:
    """Return the moment that `30d`, `12h` (from now) or an ISO time means."""
    now = time.time_ns()
    if span := _SPAN.fullmatch(text.strip().lower()):
        return now + int(span[1]) * _UNITS[span[2]] * SECOND
    try:
        moment = int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 12h, 30d or 2027-01-31"
        raise argparse.ArgumentTypeError(message) from error
    if moment <= now:
        message = f"{text!r} is past"
        raise argparse.ArgumentTypeError(message)
    return moment


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database-url", metavar="URL", help="the server's Postgres; without it the home's own"
    )
    add_output(parser)


def _add_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scope",
        choices=SCOPES,
        required=True,
        help="read: look; run: report runs, cancel, delete; admin: tokens and settings too",
    )
    parser.add_argument("--name", metavar="NAME", help="who or what it is for")
    parser.add_argument(
        "--expires", metavar="WHEN", type=_expiry, help="12h, 30d or 2027-01-31 (never by default)"
    )
    _add_database(parser)


def _add_revoke(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", metavar="TOKEN", help="name or id of the token")
    _add_database(parser)


COMMANDS: dict[str, Command] = {
    "create": Command(
        "Make a token and print it, once. A server asks for one as soon as there is one.",
        "flowstone token create --scope run --name etl --expires 90d",
        _add_create,
        _create,
    ),
    "ls": Command("List the tokens.", "flowstone token ls", _add_database, _ls),
    "revoke": Command(
        "Take a token back, and end what was logged in with it.",
        "flowstone token revoke etl",
        _add_revoke,
        _revoke,
    ),
}
"""The commands of this family, by their second word."""
