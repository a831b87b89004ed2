"""Reads the store of a home: `with open_store(home) as store: store.flow_runs(RunFilter())`."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowstone.core.states import CANCELLING, CRASHED, DEFAULT_NAMES, TYPES
from flowstone.store import artifacts, edges, results, undo
from flowstone.store.artifacts import ArtifactRow, ProgressRow
from flowstone.store.cancelling import cancel
from flowstone.store.collector import Collected, collect
from flowstone.store.connection import EVERYTHING, Connection
from flowstone.store.database import connect_reader, empty_reader, transaction
from flowstone.store.deleting import Transact, delete_flow_run
from flowstone.store.finding import find
from flowstone.store.following import Seen, newer
from flowstone.store.lives import ASKED, entries_before
from flowstone.store.reading.lines import Line, LinesWanted
from flowstone.store.results import Hits, ResultRow
from flowstone.store.rows import (
    FlowRunRow,
    InputRow,
    LineRow,
    LogStatus,
    RunFilter,
    StateEntry,
    TaskRunRow,
)
from flowstone.store.selecting import FLOW_RUNS, TASK_RUNS, select
from flowstone.store.status import status_of
from flowstone.store.undo import UndoRow
from flowstone.store.usage import UsageRow, usage_of

if TYPE_CHECKING:
    from pathlib import Path

_EVERY_RUN = RunFilter()


def open_store(home: Path, *, collect_first: bool = True) -> Store:
    """Open the store of a home to read it, brought up to its logs first.

    `store.collected.as_of` tells when the answers are not of now, and `reason` why.
    """
    collected = collect(home) if collect_first else None
    try:
        connection = connect_reader(home)
    except FileNotFoundError:
        connection = empty_reader()
    return Store(home, connection, collected)


class Store:
    """What is known of the runs of a home."""

    def __init__(
        self,
        home: Path,
        connection: Connection,
        collected: Collected | None,
        transact: Transact | None = None,
    ) -> None:
        """Take what to read; `transact` gives where to write, by default the home's database."""
        self.home = home
        self._transact = transact or partial(transaction, home)
        self.collected = collected
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self._connection.close()

    @property
    def connection(self) -> Connection:
        """The connection that it reads with, for what is asked of it elsewhere."""
        return self._connection

    @property
    def as_of(self) -> int | None:
        """Since when the answers may lack something (0: ever), None where they are of now."""
        return self.collected.as_of if self.collected else None

    def flow_runs(
        self,
        filter: RunFilter = _EVERY_RUN,  # noqa: A002 - as its callers name it
        limit: int = 20,
        before: bytes | None = None,
    ) -> list[FlowRunRow]:
        """Return flow runs, newest first; `limit` 0 is all, `before` goes on behind an id.

        With `flow_run` the filter wants the subflow runs of that run.
        """
        return select(self._connection, FLOW_RUNS, filter, limit, before)

    def task_runs(
        self,
        filter: RunFilter = _EVERY_RUN,  # noqa: A002 - as its callers name it
        limit: int = 20,
        before: bytes | None = None,
    ) -> list[TaskRunRow]:
        """Return task runs, newest first; `limit` 0 is all, `before` goes on behind an id."""
        return select(self._connection, TASK_RUNS, filter, limit, before)

    def find_flow_run(self, text: str) -> FlowRunRow:
        """Return the flow run with that id, beginning of an id, or name.

        Raises `RunNotFound` or `AmbiguousRun`.
        """
        return find(self._connection, FLOW_RUNS, text)

    def find_task_run(self, text: str, flow_run: bytes | None = None) -> TaskRunRow:
        """Return the task run with that id, beginning of an id, or name, of a flow run or of all.

        Raises `RunNotFound` or `AmbiguousRun`.
        """
        return find(self._connection, TASK_RUNS, text, flow_run)

    def history(self, row: FlowRunRow | TaskRunRow) -> list[StateEntry]:
        """Return the states that a run was in, oldest first; a verdict on it comes last."""
        table = "flow_run" if isinstance(row, FlowRunRow) else "task_run"
        found = self._connection.execute(
            "SELECT history, fence, sequence, created, started, at, message, state.type, "  # noqa: S608
            f"state.name, mark, mark_at, mark_message FROM {table} run "
            "JOIN state ON state.ref = run.state WHERE run.id = ?",
            (row.id,),
        ).fetchone()
        if found is None:
            return []
        history, fence, sequence, created, started, at, message = found[:7]
        number, name, mark, mark_at, mark_message = found[7:]
        states = [
            _state(one.type, one.name, one.at, one.message)
            for one in entries_before(history, fence, sequence, created, started)
        ]
        states.append(_state(number, name, at, message))
        if mark is not None:
            shown = CANCELLING if mark == ASKED else CRASHED
            states.append(_state(shown, None, mark_at, mark_message))
        return states

    def task_counts(self, flow_run: bytes) -> dict[str, int]:
        """Return how many task runs of a flow run are in each state, by the states' names."""
        counts: dict[str, int] = {}
        for name, runs in self._connection.execute(
            "SELECT state.name, runs FROM task_count JOIN state ON state.ref = task_count.state "
            "WHERE flow_run = ? AND runs > 0 ORDER BY state.type, state.name",
            (flow_run,),
        ):
            counts[name] = counts.get(name, 0) + runs
        return counts

    def upstream(self, run: bytes, limit: int = 0) -> list[InputRow]:
        """Return the runs whose results a run takes, by name; `limit` 0 is all."""
        return edges.upstream(self._connection, run, limit)

    def downstream(self, run: bytes, limit: int = 0) -> list[InputRow]:
        """Return the runs that take a run's result, oldest first; `limit` 0 is all."""
        return edges.downstream(self._connection, run, limit)

    def edges_within(self, flow_run: bytes, limit: int = 0) -> list[tuple[bytes, bytes]]:
        """Return (run, upstream) for the runs that a flow run called itself; `limit` 0 is all."""
        return edges.within(self._connection, flow_run, limit)

    def edge_counts(self, run: bytes) -> tuple[int, int]:
        """Return how many rows `upstream` and `downstream` have for a run."""
        return edges.counts(self._connection, run)

    def lines(
        self,
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        level: int = 0,
        limit: int = 0,
        *,
        tail: bool = False,
    ) -> list[LineRow]:
        """Return log lines in the order of time: of a flow run and its task runs, or a task run.

        `level` is the lowest to show; `limit` 0 is all; with `tail` the last ones are kept.
        """
        conditions = ["line.level >= ?"]
        values: list[Any] = [level]
        if flow_run is not None:
            conditions.append("line.flow_run = ?")
            values.append(flow_run)
        if task_run is not None:
            conditions.append("line.task_run = ?")
            values.append(task_run)
        order = "DESC" if tail else "ASC"
        rows = self._connection.execute(
            "SELECT line.at, line.level, line.logger, line.message, line.flow_run, "  # noqa: S608
            "line.task_run, owner.name, run.name FROM log_line line "
            "LEFT JOIN flow_run owner ON owner.id = line.flow_run "
            "LEFT JOIN task_run run ON run.id = line.task_run "
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY line.at {order}, line.log {order}, line.position {order} LIMIT ?",
            [*values, limit or EVERYTHING],
        )
        found = [_line(row) for row in rows]
        return found[::-1] if tail else found

    def follow(
        self,
        since: Seen | None = None,
        *,
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        level: int = 0,
    ) -> tuple[list[LineRow], Seen]:
        """Return log lines that came since the last look, and what to give at the next one."""
        wanted = LinesWanted(flow_run=flow_run, task_run=task_run, level=level)
        lines, seen = newer(self._connection, since or Seen(), wanted)
        return [_followed(line) for line in lines], seen

    def cancel(self, row: FlowRunRow | TaskRunRow, message: str) -> bool:
        """Ask the process of a run to cancel it; return whether it is Cancelled already.

        It is where that process is dead. `message` says who asks. Raises `RunEnded` where the run
        is over, and `OSError` where the request cannot be written.
        """
        return cancel(self.home, self._transact, row, message)

    def delete_flow_run(self, flow_run: bytes) -> int:
        """Delete a flow run and everything below it; return how many runs that were.

        Raises `RunNotFound`, and `RunStillOpen` while it is open and its owner alive.
        """
        return delete_flow_run(self._transact, self.home, flow_run)

    def artifacts(
        self,
        *,
        id: bytes | None = None,  # noqa: A002 - as the column
        key: str | None = None,
        type: str | None = None,  # noqa: A002 - as the column
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        newest_only: bool = False,
        limit: int = 0,
    ) -> list[ArtifactRow]:
        """Return artifacts, newest first; `limit` 0 is all.

        With `newest_only` of each key only the newest version.
        """
        return artifacts.select_artifacts(
            self._connection,
            limit=limit,
            newest_only=newest_only,
            id=id,
            key=key,
            type=type,
            flow_run=flow_run,
            task_run=task_run,
        )

    def delete_artifacts(self, ids: list[bytes]) -> int:
        """Delete versions of artifacts; return how many there were."""
        with self._transact() as connection:
            return artifacts.delete_artifacts(connection, ids)

    def progress(self, run: bytes) -> list[ProgressRow]:
        """Return how far the loops of a run are, the one that moved last at the end."""
        return artifacts.progress_of(self._connection, run)

    def result_of(self, run: bytes) -> ResultRow | None:
        """Return where the result of a run is, None where nothing was said of it."""
        return results.result_of(self._connection, run)

    def usage(self, run: bytes) -> UsageRow | None:
        """Return what a task run used of its machine, None where nothing was said of it."""
        return usage_of(self._connection, run)

    def results_before(self, row: TaskRunRow, limit: int) -> list[ResultRow]:
        """Return the kept results of earlier runs of a run's task, the newest first."""
        return results.results_before(self._connection, row.task_name, row.id, limit)

    def hits(self) -> list[Hits]:
        """Return how often results were used again, by the names of their tasks."""
        return results.hits(self._connection)

    def result_places(self) -> list[str]:
        """Return the storages in which results of runs are."""
        return results.places(self._connection)

    def transactions(self, flow_run: bytes) -> list[UndoRow]:
        """Return the noted transactions of a flow run and of those below it, the oldest first."""
        return undo.undo_of(self._connection, flow_run)

    def status(self) -> LogStatus:
        """Return how it stands with the logs."""
        return status_of(self._connection, self.home, self.collected)


def _state(number: int, name: str | None, at: int, message: str | None) -> StateEntry:
    return StateEntry(TYPES[number].value, name or DEFAULT_NAMES[number], at, message)


def _line(row: tuple[Any, ...]) -> LineRow:
    at, level, logger, message, flow_run, task_run, flow_run_name, task_run_name = row
    return LineRow(
        at=at,
        level=level,
        logger=logger,
        message=message,
        flow_run=flow_run,
        task_run=task_run,
        flow_run_name=flow_run_name,
        task_run_name=task_run_name,
    )


def _followed(line: Line) -> LineRow:
    return LineRow(
        at=line.place.at,
        level=line.level,
        logger=line.logger,
        message=line.message,
        flow_run=line.flow_run,
        task_run=line.task_run,
        flow_run_name=line.flow_run_name,
        task_run_name=line.task_run_name,
    )
