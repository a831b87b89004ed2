"""The store that a command reads: of the user's home, or of the server that the settings name."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

from flowstone.cli.command import CommandError
from flowstone.cli.moments import SECOND, local_in_full
from flowstone.exceptions import FlowstoneError
from flowstone.settings import load
from flowstone.store.errors import RunNotFound, StoreError
from flowstone.store.queries import Store, open_store
from flowstone.wiring.homes import fallback_home

_logger = logging.getLogger("flowstone")


def home() -> Path:
    """Return the home that the settings name."""
    return Path(load(os.environ).home)


def where() -> str:
    """Return where commands look: the address of a server, or the home."""
    settings = load(os.environ)
    return settings.api.url or settings.home


def no_runs_yet(kind: str) -> str:
    """Return what to say of a home without runs, and where else they may be."""
    text = f"No {kind} runs yet in {where()}. Run a flow: flowstone run FILE.py:flow"
    settings, other = load(os.environ), fallback_home()
    is_refused = os.path.isdir(settings.home) and not os.access(settings.home, os.W_OK)
    if settings.api.url is None and is_refused and os.path.isdir(other):
        text += (
            f"\nThat home cannot be written; what it did not take is in {other}:\n"
            f"  FLOWSTONE_HOME={other} flowstone {kind}-run ls"
        )
    return text


@contextmanager
def opened_store() -> Iterator[Store]:
    """Give the store, up to date: of the server of `api.url`, or else of the home.

    What goes wrong with it becomes a `CommandError`. Where it could not be brought up to date in
    time, one line on stderr says as of when it is.
    """
    settings = load(os.environ)
    if settings.api.url is None:
        with opened_home() as store:
            yield store
        return
    # By name: what speaks to servers costs 30 ms, and most have none.
    place = import_module("flowstone.client.remote_place").ServerPlace(settings)
    try:
        with _told(f"on the server at {place.name}"), closing(place), place.opened() as store:
            yield store
    except FlowstoneError as error:
        raise CommandError(str(error)) from error


@contextmanager
def opened_home() -> Iterator[Store]:
    """Give the home's store, as `opened_store` does, also where the settings name a server."""
    place = home()
    try:
        with _told(f"in {place}"), open_store(place) as store:
            _say_how_old(store)
            yield store
            is_time = _is_time_to_prune(store)
        if is_time:
            _prune(place)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        message = (
            f"could not read the runs in {place}: {error}. Check that it can be read and written, "
            "or set FLOWSTONE_HOME to another directory."
        )
        raise CommandError(message) from error


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Make a `CommandError` of what the store says."""
    try:
        yield
    except RunNotFound as error:
        message = f"{error} Looked {place}; 'ls' lists the runs there."
        raise CommandError(message) from error
    except StoreError as error:
        raise CommandError(str(error)) from error


def _is_time_to_prune(store: Store) -> bool:
    (at,) = store.connection.execute("SELECT at FROM pruned").fetchone()
    return bool(at < time.time_ns() - 86_400 * SECOND)


def _prune(place: Path) -> None:
    sys.stdout.flush()  # nobody waits for it
    try:
        # Loaded once a day only: what deletes is more than what reads.
        import_module("flowstone.store.retention").prune_lightly(place)
    except (StoreError, OSError, sqlite3.Error) as error:
        if isinstance(error, BrokenPipeError):
            raise
        _logger.debug("What is too old in %s could not be deleted: %s", place, error)


def _say_how_old(store: Store) -> None:
    collected = store.collected
    if collected is None or collected.as_of is None:
        return
    since = local_in_full(collected.as_of) if collected.as_of else "an unknown time"
    print(f"Note: this is as of {since}: {collected.reason}", file=sys.stderr)
