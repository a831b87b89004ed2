"""The results that a command is about: in which storages they are looked for, and which count."""

from __future__ import annotations

import argparse
import heapq
import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flowstone.cli.command import Arguments, CommandError
from flowstone.cli.home import home, opened_home
from flowstone.cli.options import moment
from flowstone.exceptions import ConfigurationError, StorageError
from flowstone.face.result_store import default_place
from flowstone.results.filesystems import storage_at
from flowstone.results.keeper import Found, Keeper
from flowstone.settings import load

_UNKNOWN = "(unknown)"
"""The task of a result that no run made, or that cannot be read."""


class Stored(NamedTuple):
    """A result, and the storage that it lies in."""

    keeper: Keeper
    found: Found

    @property
    def task(self) -> str:
        """The name of the task or flow that made it."""
        header = self.found.header
        return header.task or _UNKNOWN if header else _UNKNOWN


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add what chooses among results."""
    parser.add_argument("--task", metavar="NAME", help="only results of this task")
    parser.add_argument("--key", metavar="KEY", help="only the result under this key")
    parser.add_argument(
        "--older-than",
        metavar="WHEN",
        type=moment,
        help="only those made before then: 30m, 2h, 7d ago, or a time like 2026-01-31T12:00",
    )
    parser.add_argument("--expired", action="store_true", help="only those whose time is over")
    add_storage(parser)


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Add the choice of one storage."""
    parser.add_argument(
        "--storage",
        metavar="PLACE",
        help="a directory or a URL to look in (default: that of the settings, and those that "
        "runs of this home used)",
    )


def matching(arguments: Arguments) -> list[Stored]:
    """Return the results that the arguments of `add_choice` ask for.

    Raises `CommandError` where a storage that is asked for does not answer; of another, which only
    runs named, one line on stderr says so.
    """
    return [one for found in _by_place(arguments, newest_first=False) for one in found]


def newest_matching(arguments: Arguments) -> Iterator[Stored]:
    """Give the results that the arguments of `add_choice` ask for, those written last first.

    What is not taken is not read. Raises as `matching`.
    """
    by_place = _by_place(arguments, newest_first=True)
    return heapq.merge(*by_place, key=lambda one: -one.found.written)


def where(arguments: Arguments) -> str:
    """Return the storages that are looked in, as text."""
    asked, named = _places(arguments.storage)
    return " or ".join(asked + named)


@cache
def keeper_at(place: str) -> Keeper:
    """Return the results of a storage, by its directory or URL."""
    return Keeper(storage_at(place if "://" in place else Path(place)))


def _places(chosen: str | None) -> tuple[list[str], list[str]]:
    """Return the storages that are asked for, and those that only runs named."""
    if chosen is not None:
        return [chosen], []
    default = storage_at(default_place(load(os.environ).results, str(home()))).place
    with opened_home() as store:
        return [default], [place for place in store.result_places() if place != default]


def _by_place(arguments: Arguments, *, newest_first: bool) -> list[Iterator[Stored]]:
    asked, named = _places(arguments.storage)
    return [
        _matching_in(place, arguments, is_asked=place in asked, newest_first=newest_first)
        for place in asked + named
    ]


def _matching_in(
    place: str, arguments: Arguments, *, is_asked: bool, newest_first: bool
) -> Iterator[Stored]:
    now = time.time_ns()
    try:
        keeper = keeper_at(place)
        for found in keeper.entries(newest_first=newest_first):
            one = Stored(keeper, found)
            if found.is_ours and _fits(one, arguments, now):
                yield one
    except (StorageError, ConfigurationError) as error:
        if is_asked:
            raise CommandError(str(error)) from error
        print(f"Note: {error}", file=sys.stderr)


def _fits(one: Stored, arguments: Arguments, now: int) -> bool:
    header = one.found.header
    made = header.created if header else one.found.written
    return (
        arguments.task in (None, one.task)
        and arguments.key in (None, header.key if header else one.found.name)
        and (arguments.older_than is None or made < arguments.older_than)
        and (not arguments.expired or (header is not None and header.is_expired(now)))
    )
