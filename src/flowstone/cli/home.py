"""The store of the user's home, opened for a command that reads it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowstone.cli.command import CommandError
from flowstone.cli.moments import local_in_full
from flowstone.settings import load
from flowstone.store.errors import RunNotFound, StoreError
from flowstone.store.queries import Store, open_store


def home() -> Path:
    """Return the home that the settings name."""
    return Path(load(os.environ).home)


@contextmanager
def opened_store() -> Iterator[Store]:
    """Give the home's store, up to date; what goes wrong with it becomes a `CommandError`.

    Where it could not be brought up to date in time, one line on stderr says as of when it is.
    """
    place = home()
    try:
        with open_store(place) as store:
            _say_how_old(store)
            yield store
    except RunNotFound as error:
        message = f"{error} Looked in {place}; 'ls' lists the runs there."
        raise CommandError(message) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        message = (
            f"could not read the runs in {place}: {error}. Check that it can be read and written, "
            "or set FLOWSTONE_HOME to another directory."
        )
        raise CommandError(message) from error


def _say_how_old(store: Store) -> None:
    collected = store.collected
    if collected is None or collected.as_of is None:
        return
    since = local_in_full(collected.as_of) if collected.as_of else "an unknown time"
    print(f"Note: this is as of {since}: {collected.reason}", file=sys.stderr)
