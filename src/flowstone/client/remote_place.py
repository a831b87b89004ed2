"""The server of `api.url`, as clients and commands use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowstone.client import wire
from flowstone.client.remote_store import RemoteStore
from flowstone.client.server import Server
from flowstone.drive.limits.definitions import Book
from flowstone.exceptions import ObjectAlreadyExists, ObjectNotFound
from flowstone.settings import Settings
from flowstone.store.queries import Store
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.selecting import Kind, Row
from flowstone.store.variables import VariableRow
from flowstone.wiring.limits import limits_of


class ServerPlace:
    """A server, which collects what processes send it."""

    def __init__(self, settings: Settings) -> None:
        self.server = Server(settings)
        self.name = self.server.url
        self._settings = settings
        self._home = Path(settings.home)

    @contextmanager
    def opened(self) -> Iterator[RemoteStore]:
        """Give the store: nothing is asked until it is used."""
        yield RemoteStore(self.server, self._home)

    def runs(
        self, store: Store, kind: Kind[Row], wanted: RunsWanted, *, oldest_first: bool = False
    ) -> Iterator[Row]:
        """Give the runs that fit, the newest first; they are read page by page."""
        del store  # it is this server's
        return RemoteStore(self.server, self._home).runs(kind, wanted, oldest_first=oldest_first)

    def set_state(
        self, row: FlowRunRow | TaskRunRow, kind: str, name: str | None, message: str | None
    ) -> None:
        """Put a run into a terminal state. Raises `RunStillOpen` where its process may live."""
        RemoteStore(self.server, self._home).set_state(row, kind, name, message)

    def flows(self) -> dict[str, tuple[str, ...]]:
        """Return the flows by name, each with the tags of its newest version."""
        found = self.server.pages("/flows", wire.Flows, days=1)
        return {one.name: one.newest.tags for one in found}

    def variables(self, name: str | None = None, limit: int = 0) -> list[VariableRow]:
        """Return the variables by name, or the one of that name; `limit` 0 is all."""
        if name is None:
            found = self.server.pages("/variables", wire.Variables, limit)
            return [wire.variable_row(one) for one in found]
        try:
            return [wire.variable_row(self.server.ask("GET", f"/variables/{name}", wire.Variable))]
        except ObjectNotFound:
            return []

    def set_variable(
        self, name: str, value: str, *, tags: list[str] | None, overwrite: bool
    ) -> VariableRow | None:
        """Keep a value (JSON as text); None where there is one that is not to be overwritten."""
        body = {"value": wire.raw(value), "tags": tags}
        try:
            made = self.server.ask(
                "PUT", f"/variables/{name}", wire.Variable, body=body, overwrite=overwrite
            )
        except ObjectAlreadyExists:
            return None
        return wire.variable_row(made)

    def unset_variable(self, name: str) -> bool:
        """Delete a variable; return whether there was one."""
        try:
            self.server.ask("DELETE", f"/variables/{name}", type(None))
        except ObjectNotFound:
            return False
        return True

    def limits(self) -> Book:
        """Return the limits there are."""
        return limits_of(self._settings, str(self._home / "limits")).definitions

    def close(self) -> None:
        """Let go of the connections."""
        self.server.close()
