"""Task runs that do nothing but start and complete: nearly all there are, on a way of their own.

A run that begins and ends within a batch is one INSERT; one that was open when the batch began is
an UPDATE of few columns. Neither needs its states in memory, because they follow from `created`,
`started` and `at`. A run of which anything else is told leaves this way (`take`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from flowstone.core.facts import TaskRunChanged, TaskRunCompleted, TaskRunCreated
from flowstone.core.states import COMPLETED, PENDING, RUNNING
from flowstone.store.connection import Connection
from flowstone.store.counts import Counts
from flowstone.store.folds import Place
from flowstone.store.inserting import insert
from flowstone.store.lives import Entry, tags_text
from flowstone.store.statements import (
    COMPLETE_PLAIN_TASK_RUN,
    INSERT_OPEN_TASK_RUN,
    INSERT_PLAIN_TASK_RUN,
    INSERT_TASK_RUN_TAG,
    OPEN_PLAIN_TASK_RUNS,
    START_PLAIN_TASK_RUN,
)

_AT_ONCE = 500
"""Ids a query: SQLite takes 999 values at least."""


class SeenBefore(Exception):  # noqa: N818 - a way out of the quick path, no error
    """What a batch took for granted of a run is not so."""


class _Moved(msgspec.Struct):
    """What is told of a run that was open when the batch began."""

    fence: int
    started: int | None
    ended: int | None = None

    def entries(self) -> Iterator[Entry]:
        if self.started is not None:
            yield Entry(self.fence, 1, RUNNING, None, self.started)
        if self.ended is not None:
            yield Entry(self.fence, 2, COMPLETED, None, self.ended)


class PlainRuns:
    """The plain task runs of one batch."""

    def __init__(
        self, connection: Connection, log: int, tasks: dict[int, int], counts: Counts
    ) -> None:
        """Take where to write, the log, its definitions of tasks, and what counts the runs."""
        self._connection, self._log, self._tasks, self._counts = connection, log, tasks, counts
        self._created: dict[bytes, TaskRunCreated] = {}
        self._started: dict[bytes, int] = {}  # of those created as Pending
        self._done: dict[bytes, tuple[TaskRunCreated, int, int]] = {}  # with its start and end
        self._moved: dict[bytes, _Moved] = {}
        self._tags: list[tuple[str, bytes]] = []

    def create(self, record: TaskRunCreated) -> None:
        """Take a run that should be new. Raises `SeenBefore` for one that is not."""
        run = record.run
        if run in self._created or run in self._done or run in self._moved:
            raise SeenBefore
        self._created[run] = record

    def start(self, record: TaskRunChanged) -> bool:
        """Take a state, and return whether it was the plain start of a run on this way."""
        if (
            record.type != RUNNING
            or record.sequence != 1
            or record.name is not None
            or record.message is not None
            or record.scheduled is not None
        ):
            return False
        run = record.run
        created = self._created.get(run)
        if created is not None:
            if created.running or record.fence != created.fence or run in self._started:
                return False
            self._started[run] = record.at
            return True
        if run in self._moved or run in self._done:
            return False
        self._moved[run] = _Moved(record.fence, record.at)
        return True

    def complete(self, record: TaskRunCompleted) -> bool:
        """Take an end, and return whether it was the plain end of a run on this way."""
        run = record.run
        if record.sequence != 2:
            return False
        created = self._created.get(run)
        if created is None:
            return self._complete_moved(record)
        if record.fence != created.fence:
            return False
        started = created.at if created.running else self._started.pop(run, None)
        if started is None:
            return False
        del self._created[run]
        self._done[run] = created, started, record.at
        return True

    def _complete_moved(self, record: TaskRunCompleted) -> bool:
        run = record.run
        if run in self._done:
            return False
        moved = self._moved.get(run)
        if moved is None:
            self._moved[run] = _Moved(record.fence, None, record.at)
            return True
        if moved.ended is not None or moved.fence != record.fence:
            return False
        moved.ended = record.at
        return True

    def take(self, run: bytes) -> tuple[TaskRunCreated | None, list[Entry]]:
        """Let a run leave this way: return what was told of it and is not written yet."""
        if run in self._done:
            self._insert_done()
        created = self._created.pop(run, None)
        moved = self._moved.pop(run, None)
        entries = [] if moved is None else list(moved.entries())
        started = self._started.pop(run, None)
        if created is not None and started is not None:
            entries.append(Entry(created.fence, 1, RUNNING, None, started))
        return created, entries

    def places(self, runs: Iterable[bytes]) -> dict[bytes, Place]:
        """Return the flow run and the task of those runs whose beginning is not written yet."""
        found: dict[bytes, Place] = {}
        created, done, tasks = self._created, self._done, self._tasks
        for run in runs:
            record = done[run][0] if run in done else created.get(run)
            if record is not None:
                found[run] = record.flow_run, tasks.get(record.task, 0)
        return found

    def flush(self) -> list[tuple[bytes, list[Entry]]]:
        """Write everything taken, and return what was told of runs that are not plain after all.

        Raises `SeenBefore` where a run that should be new is in the database.
        """
        self._insert_done()
        self._insert_open()
        return self._update_moved()

    def _columns(self, created: TaskRunCreated) -> tuple[Any, ...]:
        """Return what a run's row begins with: all that its creation says."""
        tags = created.tags
        if tags:
            self._tags += [(tag, created.run) for tag in tags]
        return (
            created.run,
            self._log,
            self._tasks.get(created.task),
            created.flow_run,
            created.parent,
            created.name,
            tags_text(tags) if tags else None,
            created.fence,
            created.at,
        )

    def _insert_done(self) -> None:
        columns = self._columns
        rows = [(*columns(created), start, end) for created, start, end in self._done.values()]
        self._insert(INSERT_PLAIN_TASK_RUN, rows)
        self._counts.add_completed([(row[3], row[2], *row[8:]) for row in rows])
        self._done = {}

    def _insert_open(self) -> None:
        rows = []
        for run, created in self._created.items():
            started = created.at if created.running else self._started.get(run)
            state, at = (PENDING, created.at) if started is None else (RUNNING, started)
            columns = self._columns(created)
            rows.append((*columns, started, at, state, state, state - 1, state - 1))
            self._counts.add(created.flow_run, columns[2], created.at, started, None, state)
        self._insert(INSERT_OPEN_TASK_RUN, rows)
        self._created, self._started = {}, {}

    def _insert(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if insert(self._connection, statement, rows) != len(rows):
            raise SeenBefore
        if self._tags:
            self._connection.executemany(INSERT_TASK_RUN_TAG, self._tags)
            self._tags = []

    def _update_moved(self) -> list[tuple[bytes, list[Entry]]]:
        if not self._moved:
            return []
        started, ended = [], []
        for run, flow_run, task, created, before, state, fence in self._open_rows():
            moved = self._moved[run]
            # One that is Running starts no more, and one that is Pending does not end unstarted.
            if moved.fence != fence or (state == PENDING) != (moved.started is not None):
                continue
            del self._moved[run]
            if moved.ended is None:
                started.append((moved.started, moved.started, run))
            else:
                ended.append((moved.started, moved.ended, run))
            start = before if moved.started is None else moved.started
            now = RUNNING if moved.ended is None else COMPLETED
            self._counts.add(flow_run, task, created, before, None, state, runs=-1)
            self._counts.add(flow_run, task, created, start, moved.ended, now)
        self._connection.executemany(START_PLAIN_TASK_RUN, started)
        self._connection.executemany(COMPLETE_PLAIN_TASK_RUN, ended)
        left = [(run, list(moved.entries())) for run, moved in self._moved.items()]
        self._moved = {}
        return left

    def _open_rows(self) -> list[tuple[Any, ...]]:
        runs = list(self._moved)
        found: list[tuple[Any, ...]] = []
        for first in range(0, len(runs), _AT_ONCE):
            some = runs[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            query = OPEN_PLAIN_TASK_RUNS.format(marks)
            found += self._connection.execute(query, [self._log, *some])
        return found
