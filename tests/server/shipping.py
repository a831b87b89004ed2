"""The bytes of invented logs, as a process sends them, and what a database makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowstone.store.databases import Database
from flowstone.store.receiver import Receiver
from flowstone.store.receiving import Receipt, Shipment
from tests.store.segments import LogBuilder


class Stream:
    """The logical bytes of one log, and where each record of it ends."""

    def __init__(self, home: Path) -> None:
        self.log = LogBuilder(home / "elsewhere")
        self.data = b""
        self.ends: list[int] = []
        self.segment = -1

    def begin(self) -> None:
        """Begin a segment."""
        self.segment += 1
        self.log.base = len(self.data)
        self.add(self.log.header(self.segment))

    def add(self, *records: Any) -> None:
        for record in records:
            self.data += self.log.frame(record)
            self.ends.append(len(self.data))

    def story(self, tasks: int = 3) -> None:
        self.begin()
        self.add(*self.log.story(tasks))

    def shipment(self, begin: int = 0, end: int | None = None, **fields: Any) -> Shipment:
        return Shipment(log=self.log.id, offset=begin, data=self.data[begin:end], **fields)


def send(database: Database, shipment: Shipment) -> Receipt:
    return Receiver(database).receive(shipment)


def runs(database: Database) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the flow runs and the task runs by name, with their states."""
    with database.store() as store:
        flows = [(row.name, row.state_name) for row in store.flow_runs(limit=0)]
        tasks = [(row.name, row.state_name) for row in store.task_runs(limit=0)]
    return sorted(flows), sorted(tasks)


def damages(database: Database) -> list[tuple[int, int, int, str]]:
    with database.transaction() as connection:
        return connection.execute(
            "SELECT segment, position, length, reason FROM damage ORDER BY 1, 2"
        ).fetchall()
