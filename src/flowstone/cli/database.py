"""`flowstone database`: where runs are kept, looked after: of this home, or of a server."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.moments import parse_moment
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_fields, print_json, size
from flowstone.settings import Settings, load
from flowstone.store import copying, maintenance
from flowstone.store.databases import Database, open_database
from flowstone.store.errors import StoreError
from flowstone.store.retention import Borders, Pruned, borders, prune, would_prune
from flowstone.store.schema import VERSION
from flowstone.wiring.homes import writable_home

_SAY_EVERY = 0.5


@contextmanager
def _opened(arguments: Arguments) -> Iterator[Database]:
    """Give the database that is meant; what goes wrong with it becomes a `CommandError`."""
    settings = load(os.environ)
    url = _url(arguments, settings)
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
        message = str(error) if isinstance(error, FileExistsError) else f"it failed: {error}"
        raise CommandError(message) from error


def _url(arguments: Arguments, settings: Settings) -> str | None:
    given: str | None = arguments.database_url
    return given or settings.server.database.connection_url


class _Progress:
    """Says how far something is, now and then, to who looks at a terminal."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _SAY_EVERY

    def say(self, text: str) -> None:
        """Say it, if it is time."""
        if sys.stderr.isatty() and time.monotonic() >= self._next:
            print(text, file=sys.stderr)
            self._next = time.monotonic() + _SAY_EVERY

    def table(self, name: str, rows: int) -> None:
        """Say how much of a table is copied."""
        self.say(f"{name}: {plural(rows, 'row')} …")

    def pruned(self, so_far: Pruned) -> None:
        """Say what is deleted so far."""
        self.say(f"deleted so far: {_words(so_far)}")


def _status(arguments: Arguments) -> int:
    with _opened(arguments) as database:
        found = maintenance.status(database)
    if arguments.output == "json":
        print_json(found)
        return 0
    fields = [("Kind", found.kind), ("Place", found.place), ("Schema version", str(found.version))]
    fields += [("Size", size(found.size)), ("Flow runs", f"{found.flow_runs:,}")]
    fields += [("Task runs", f"{found.task_runs:,}"), ("Can be freed", size(found.free))]
    print_fields(fields)
    return 0


def _upgrade(arguments: Arguments) -> int:
    before = time.monotonic()
    print(f"Bringing the database to schema version {VERSION} …", file=sys.stderr)
    with _opened(arguments) as database:
        database.identity()
        database.tend()
    seconds = time.monotonic() - before
    print(f"The database has schema version {VERSION}. That took {seconds:.1f} s.")
    return 0


def _downgrade(arguments: Arguments) -> int:
    with _opened(arguments) as database:
        place = maintenance.status(database).place
    message = (
        f"{place} has schema version {VERSION}, and no older version of Flowstone can read what "
        "this one keeps in it. Nothing was changed. To go back to an older Flowstone, give it a "
        "home (FLOWSTONE_HOME) or a Postgres database of its own, or the backup from before the "
        "upgrade"
    )
    raise CommandError(message)


def _prune(arguments: Arguments) -> int:
    before = _borders(arguments)
    with _opened(arguments) as database:
        if arguments.dry_run:
            done = would_prune(database, before)
        else:
            database.collect()
            done = prune(database, before, said=_Progress().pruned)
    if arguments.output == "json":
        print_json(done)
    else:
        print(f"{'Would delete' if arguments.dry_run else 'Deleted'} {_words(done)}.")
    return 0


def _borders(arguments: Arguments) -> Borders:
    if arguments.older_than is None:
        return borders(load(os.environ).retention, time.time_ns())
    at = arguments.older_than
    return Borders(runs=at, log_lines=at, artifacts=at)


def _words(done: Pruned) -> str:
    parts = [
        plural(done.flow_runs, "flow run"),
        plural(done.task_runs, "task run"),
        plural(done.log_lines, "other log line"),
        plural(done.artifacts, "other artifact"),
    ]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _vacuum(arguments: Arguments) -> int:
    with _opened(arguments) as database:
        before = maintenance.status(database).size
        maintenance.vacuum(database)
        after = maintenance.status(database).size
    print(f"The database takes {size(after)}; before it took {size(before)}.")
    return 0


def _export(arguments: Arguments) -> int:
    path = Path(arguments.file)
    with _opened(arguments) as database:
        rows = copying.export(database, path, _Progress().table)
    print(f"Wrote {plural(rows, 'row')} to {path} ({size(path.stat().st_size)}).")
    return 0


def _import(arguments: Arguments) -> int:
    path = Path(arguments.file)
    with _opened(arguments) as database:
        rows = copying.load(database, path, _Progress().table)
    print(f"Read {plural(rows, 'row')} from {path}.")
    return 0


def _moment(text: str) -> int:
    try:
        return parse_moment(text, now=time.time_ns())
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 12h, 30d or 2026-01-31"
        raise argparse.ArgumentTypeError(message) from error


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database-url", metavar="URL", help="a server's Postgres; without it the home's own"
    )


def _add_status(parser: argparse.ArgumentParser) -> None:
    _add_database(parser)
    add_output(parser)


def _add_prune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        type=_moment,
        help="30d, 12h or 2026-01-31, instead of what the settings under 'retention' say",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    _add_status(parser)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file")
    _add_database(parser)


COMMANDS: dict[str, Command] = {
    "status": Command(
        "Show which database it is, its size, and how much is in it.",
        "flowstone database status",
        _add_status,
        _status,
    ),
    "upgrade": Command(
        "Bring the database to the schema of this version. Whatever opens it does that too.",
        "flowstone database upgrade --database-url postgresql://host/flowstone",
        _add_database,
        _upgrade,
    ),
    "downgrade": Command(
        "Say how to go back to an older version: no database is made older.",
        "flowstone database downgrade",
        _add_database,
        _downgrade,
    ),
    "prune": Command(
        "Delete runs that ended long ago, with their lines and artifacts. A server does it itself.",
        "flowstone database prune --older-than 30d --dry-run",
        _add_prune,
        _prune,
    ),
    "vacuum": Command(
        "Give the disk back that is not used any more.",
        "flowstone database vacuum",
        _add_database,
        _vacuum,
    ),
    "export": Command(
        "Write the whole database to a file, tokens included.",
        "flowstone database export all.flowstone",
        _add_file,
        _export,
    ),
    "import": Command(
        "Read such a file into an empty database, of either kind.",
        "flowstone database import all.flowstone",
        _add_file,
        _import,
    ),
}
"""The commands of this family, by their second word."""
