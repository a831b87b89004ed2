"""Where clients read and change things: a home, or the server of `api.url`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Protocol

from flowstone.client import wire
from flowstone.core.states import TYPES
from flowstone.drive.limits.definitions import Book
from flowstone.settings import Settings
from flowstone.store import variables
from flowstone.store.connection import Connection
from flowstone.store.database import transaction
from flowstone.store.marking import Table, set_state
from flowstone.store.queries import Store, open_store
from flowstone.store.reading.listing import list_runs
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.selecting import Kind, Row
from flowstone.store.variables import VariableRow
from flowstone.wiring.limits import limits_of

_AT_ONCE = 1000
_NUMBERS = {kind.value: number for number, kind in enumerate(TYPES)}


class Place(Protocol):
    """What a home and a server have in common. Its methods may be called from any thread."""

    name: str
    """The address of the server, or the directory."""

    def opened(self) -> AbstractContextManager[Store]:
        """Give the store, up to date."""

    def runs(
        self, store: Store, kind: Kind[Row], wanted: RunsWanted, *, oldest_first: bool = False
    ) -> Iterator[Row]:
        """Give the runs that fit, the newest first; they are read page by page."""

    def set_state(
        self, row: FlowRunRow | TaskRunRow, kind: str, name: str | None, message: str | None
    ) -> None:
        """Put a run into a terminal state (its type by name)."""

    def flows(self) -> dict[str, tuple[str, ...]]:
        """Return the flows by name, each with the tags of its newest version."""

    def variables(self, name: str | None = None, limit: int = 0) -> list[VariableRow]:
        """Return the variables by name, or the one of that name; `limit` 0 is all."""

    def set_variable(
        self, name: str, value: str, *, tags: list[str] | None, overwrite: bool
    ) -> VariableRow | None:
        """Keep a value (JSON as text); None where there is one that is not to be overwritten."""

    def unset_variable(self, name: str) -> bool:
        """Delete a variable; return whether there was one."""

    def limits(self) -> Book:
        """Return the limits there are."""

    def close(self) -> None:
        """Let go of what is open."""


class HomePlace:
    """A home: its logs are collected before anything is read."""

    def __init__(self, settings: Settings) -> None:
        self.home = Path(settings.home)
        self.name = settings.home
        self._settings = settings

    def opened(self) -> AbstractContextManager[Store]:
        """Give the store, up to date."""
        return open_store(self.home)

    def runs(
        self, store: Store, kind: Kind[Row], wanted: RunsWanted, *, oldest_first: bool = False
    ) -> Iterator[Row]:
        """Give the runs that fit, the newest first; they are read page by page."""
        after: bytes | None = None
        while True:
            page = list_runs(
                store.connection,
                kind,
                wanted,
                limit=_AT_ONCE,
                after=after,
                oldest_first=oldest_first,
            )
            yield from page.rows
            after = page.after
            if after is None:
                return

    def set_state(
        self, row: FlowRunRow | TaskRunRow, kind: str, name: str | None, message: str | None
    ) -> None:
        """Put a run into a terminal state. Raises `RunStillOpen` where its process may live."""
        with transaction(self.home) as connection:
            table: Table = "flow_run" if isinstance(row, FlowRunRow) else "task_run"
            set_state(connection, table, row.id, _NUMBERS[kind], name, message)

    def flows(self) -> dict[str, tuple[str, ...]]:
        """Return the flows by name, each with the tags of its newest version."""
        with self.opened() as store:
            return dict(sorted(_flows_of(store.connection)))

    def variables(self, name: str | None = None, limit: int = 0) -> list[VariableRow]:
        """Return the variables by name, or the one of that name; `limit` 0 is all."""
        return variables.variables(self.home, name, limit)

    def set_variable(
        self, name: str, value: str, *, tags: list[str] | None, overwrite: bool
    ) -> VariableRow | None:
        """Keep a value (JSON as text); None where there is one that is not to be overwritten."""
        return variables.set_variable(self.home, name, value, tags=tags, overwrite=overwrite)

    def unset_variable(self, name: str) -> bool:
        """Delete a variable; return whether there was one."""
        return variables.unset_variable(self.home, name)

    def limits(self) -> Book:
        """Return the limits there are."""
        return limits_of(self._settings, str(self.home / "limits")).definitions

    def close(self) -> None:
        """Do nothing: nothing is kept open."""


def place_of(settings: Settings) -> Place:
    """Return the server that settings name, else the home."""
    if settings.api.url is None:
        return HomePlace(settings)
    # By name: what speaks to servers costs 30 ms.
    place: Place = import_module("flowstone.client.remote_place").ServerPlace(settings)
    return place


def _flows_of(connection: Connection) -> Iterator[tuple[str, tuple[str, ...]]]:
    rows = connection.execute("SELECT name, tags FROM flow ORDER BY ref")
    for name, tags in rows:
        yield name, wire.texts(tags)
