"""What ran, as it was recorded: for tests that ask what became of their flows and tasks."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from uuid import UUID

import msgspec

from flowstone.exceptions import FlowstoneError
from flowstone.store.applying import advance
from flowstone.store.database import database_path
from flowstone.store.names import Names
from flowstone.store.queries import Store, open_store
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.schema import build
from flowstone.store.segments import survey
from flowstone.wiring.process import PROCESS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = Lock()


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A flow run or task run as it was recorded.

    `of` is the name of the flow or task, `states` the names of all states that the run was in,
    oldest first; `parameters` are those of a flow run, as they would be in JSON.
    """

    kind: Literal["flow", "task"]
    id: UUID
    name: str
    of: str
    state_type: str
    state_name: str
    message: str | None
    states: tuple[str, ...]
    run_count: int
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    start_time: datetime | None
    end_time: datetime | None
    flow_run_id: UUID | None
    """The flow run that a task run belongs to, or that called a flow run as its subflow."""
    cpu_seconds: float | None = None
    """The seconds of processors that a task run used where its process did nothing else."""
    peak_memory: int | None = None
    """The most bytes of memory that its process had meanwhile, where that is known."""


def recorded_runs() -> list[RecordedRun]:
    """Return all flow and task runs in the home in use, in the order in which they were created.

    What has returned to a caller is among them. Raises `FlowstoneError` where the home's logs
    cannot be read just now.
    """
    here = PROCESS.here
    if here.log is not None:
        here.log.flush()
        home = Path(here.log.directory).parent
    else:
        home = Path(PROCESS.settings.home)
    with _contents(home) as store:
        if store.collected is not None and store.collected.as_of is not None:
            message = f"The runs in {home} cannot be read just now: {store.collected.reason}."
            raise FlowstoneError(message)
        rows: list[FlowRunRow | TaskRunRow] = [*store.flow_runs(limit=0), *store.task_runs(limit=0)]
        rows.sort(key=lambda row: row.id)
        return [_recorded(store, row) for row in rows]


@contextmanager
def _contents(home: Path) -> Iterator[Store]:
    """Give the store of a home; in memory while nobody made its database, which would take 12 ms.

    What is in memory is taken back at the end, so the next test finds its tables empty.
    """
    if os.path.exists(database_path(home)):
        with open_store(home) as store:
            yield store
        return
    with _LOCK:
        connection = _empty()
        connection.execute("BEGIN")
        try:
            seen, names = survey(home), Names(connection)
            for log in seen.logs:
                advance(connection, log, names, seen.boot, math.inf, None)
            yield Store(home, connection, None)
        finally:
            connection.execute("ROLLBACK")


@cache
def _empty() -> sqlite3.Connection:
    """Return a database without rows, made once a process: the schema takes some milliseconds."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    build(connection)
    return connection


def _recorded(store: Store, row: FlowRunRow | TaskRunRow) -> RecordedRun:
    is_flow = isinstance(row, FlowRunRow)
    around = row.parent_flow_run if isinstance(row, FlowRunRow) else row.flow_run
    usage = None if is_flow else store.usage(row.id)
    return RecordedRun(
        kind="flow" if is_flow else "task",
        id=UUID(bytes=row.id),
        name=row.name,
        of=row.flow_name if isinstance(row, FlowRunRow) else row.task_name,
        state_type=row.state_type,
        state_name=row.state_name,
        message=row.message,
        states=tuple(entry.name for entry in store.history(row)),
        run_count=row.attempt,
        tags=row.tags,
        parameters=_parameters(row),
        start_time=_moment(row.start),
        end_time=_moment(row.end),
        flow_run_id=UUID(bytes=around) if around is not None else None,
        cpu_seconds=usage.cpu if usage is not None else None,
        peak_memory=usage.memory if usage is not None else None,
    )


def _parameters(row: FlowRunRow | TaskRunRow) -> dict[str, Any]:
    if not isinstance(row, FlowRunRow):
        return {}
    found: dict[str, Any] = msgspec.json.decode(row.parameters)
    return found


def _moment(nanoseconds: int | None) -> datetime | None:
    if nanoseconds is None:
        return None
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
