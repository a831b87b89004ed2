"""The store of a server: it answers what the store of a home answers, by asking the server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Never, cast

from flowstone.client import wire
from flowstone.client.server import Server
from flowstone.core.ids import id_text
from flowstone.exceptions import ServerRefused
from flowstone.store.artifacts import ArtifactRow, ProgressRow
from flowstone.store.connection import Connection
from flowstone.store.errors import RunNotFound
from flowstone.store.finding import choose
from flowstone.store.queries import Store
from flowstone.store.reading.wanted import RunsWanted
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
from flowstone.store.selecting import FLOW_RUNS, TASK_RUNS, Kind, Row
from flowstone.store.undo import UndoRow
from flowstone.store.usage import UsageRow

_EVERY_RUN = RunFilter()
_HEX = re.compile(r"[0-9a-f]{1,32}")
_CUT = 500
"""Characters of an artifact's data that lists show."""
_CANDIDATES = 6


class RemoteStore(Store):
    """What is known of the runs of a server. Raises what `Server` raises."""

    def __init__(self, server: Server, home: Path) -> None:
        self.home = home
        self.collected = None
        self._server = server

    def close(self) -> None:
        """Do nothing: connections are the server's."""

    @property
    def connection(self) -> Connection:
        """What is not to be had of a server."""
        self._refuse("its database")

    def runs(
        self, kind: Kind[Row], wanted: RunsWanted, *, limit: int = 0, oldest_first: bool = False
    ) -> Iterator[Row]:
        """Give the runs that fit, the newest first; `limit` 0 is all."""
        query = _query(kind.table, wanted) | {"order": "oldest" if oldest_first else "newest"}
        if kind.table == "flow_run":
            flows = self._server.pages("/flow-runs", wire.FlowRuns, limit, **query)
            yield from (cast("Row", wire.flow_run_row(one)) for one in flows)
        else:
            tasks = self._server.pages("/task-runs", wire.TaskRuns, limit, **query)
            yield from (cast("Row", wire.task_run_row(one)) for one in tasks)

    def flow_runs(
        self,
        filter: RunFilter = _EVERY_RUN,  # noqa: A002 - as in `Store`
        limit: int = 20,
        before: bytes | None = None,
    ) -> list[FlowRunRow]:
        """Return flow runs, newest first; `limit` 0 is all, `before` goes on behind an id."""
        return self._filtered(FLOW_RUNS, filter, limit, before)

    def task_runs(
        self,
        filter: RunFilter = _EVERY_RUN,  # noqa: A002 - as in `Store`
        limit: int = 20,
        before: bytes | None = None,
    ) -> list[TaskRunRow]:
        """Return task runs, newest first; `limit` 0 is all, `before` goes on behind an id."""
        return self._filtered(TASK_RUNS, filter, limit, before)

    def find_flow_run(self, text: str) -> FlowRunRow:
        """Return the flow run with that id, beginning of an id, or name."""
        return self._find(FLOW_RUNS, text, RunsWanted())

    def find_task_run(self, text: str, flow_run: bytes | None = None) -> TaskRunRow:
        """Return the task run with that id, beginning of an id, or name, of a flow run or all."""
        return self._find(TASK_RUNS, text, RunsWanted(flow_run=flow_run))

    def history(self, row: FlowRunRow | TaskRunRow) -> list[StateEntry]:
        """Return the states that a run was in, oldest first."""
        path = f"{_path(row)}/states"
        return [wire.state_entry(one) for one in self._get(path, list[wire.StateShown])]

    def task_counts(self, flow_run: bytes) -> dict[str, int]:
        """Return how many task runs of a flow run are in each state, by the states' names."""
        counts: dict[str, int] = {}
        for one in self._flow_run(flow_run).task_runs:
            counts[one.name] = counts.get(one.name, 0) + one.runs
        return counts

    def upstream(self, run: bytes, limit: int = 0) -> list[InputRow]:
        """Return the runs whose results a task run takes, by name: the first 100 at most."""
        return [wire.input_row(one) for one in self._task_run(run).upstream[: limit or None]]

    def downstream(self, run: bytes, limit: int = 0) -> list[InputRow]:
        """Return the runs that take a task run's result, oldest first: the first 100 at most."""
        return [wire.input_row(one) for one in self._task_run(run).downstream[: limit or None]]

    def edges_within(self, flow_run: bytes, limit: int = 0) -> list[tuple[bytes, bytes]]:
        """Return (run, upstream) for the runs that a flow run called itself; `limit` 0 is all."""
        path = f"/flow-runs/{id_text(flow_run)}/graph"
        graph = self._get(path, wire.Graph)
        edges = graph.edges if not graph.groups else self._unfolded(path, graph.groups)
        found = ((_id(edge.target), _id(edge.source)) for edge in edges)
        return list(islice(found, limit or None))

    def edge_counts(self, run: bytes) -> tuple[int, int]:
        """Return how many inputs and takers a task run has."""
        shown = self._task_run(run)
        return shown.upstream_count, shown.downstream_count

    def lines(
        self,
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        level: int = 0,
        limit: int = 0,
        *,
        tail: bool = False,
    ) -> list[LineRow]:
        """Return log lines in the order of time: of a flow run and its task runs, or a task run."""
        query = {"flow_run": flow_run, "task_run": task_run, "level": level, "newest_first": tail}
        found = self._server.pages("/log-lines", wire.Lines, limit, **query)
        rows = [wire.line_row(one) for one in found]
        return rows[::-1] if tail else rows

    def follow(
        self,
        since: Any = None,
        *,
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        level: int = 0,
    ) -> tuple[list[LineRow], Any]:
        """Return log lines that came since the last look, and what to give at the next one."""
        query = {"flow_run": flow_run, "task_run": task_run, "level": level, "since": since}
        page = self._server.ask("GET", "/log-lines/follow", wire.Lines, **query)
        return [wire.line_row(one) for one in page.items], page.follow

    def cancel(self, row: FlowRunRow | TaskRunRow, message: str) -> bool:
        """Have the server ask for it; return whether the run is Cancelled already."""
        del message  # the server says who asks
        return self._server.ask("POST", f"{_path(row)}/cancel", wire.Cancelled).is_cancelled

    def delete_flow_run(self, flow_run: bytes) -> int:
        """Delete a flow run and everything below it; return how many runs that were."""
        return self._server.ask("DELETE", f"/flow-runs/{id_text(flow_run)}", wire.Deleted).runs

    def set_state(
        self, row: FlowRunRow | TaskRunRow, kind: str, name: str | None, message: str | None
    ) -> None:
        """Put a run into a terminal state."""
        body = {"type": kind, "name": name, "message": message}
        self._server.ask("POST", f"{_path(row)}/state", dict[str, Any], body=body)

    def artifacts(
        self,
        *,
        id: bytes | None = None,  # noqa: A002 - as in `Store`
        key: str | None = None,
        type: str | None = None,  # noqa: A002 - as in `Store`
        flow_run: bytes | None = None,
        task_run: bytes | None = None,
        newest_only: bool = False,
        limit: int = 0,
    ) -> list[ArtifactRow]:
        """Return artifacts with all of their data, newest first; `limit` 0 is all."""
        if id is not None:
            try:
                return [self._artifact(id_text(id))]
            except LookupError:
                return []
        query: dict[str, Any] = {
            "key": key,
            "type": type,
            "flow_run": flow_run,
            "task_run": task_run,
        }
        found = self._server.pages("/artifacts", wire.Artifacts, **query)
        if newest_only:
            found = self._newest(found)
        return [self._whole(one) for one in islice(found, limit or None)]

    def delete_artifacts(self, ids: list[bytes]) -> int:
        """Delete versions of artifacts; return how many there were."""
        for one in ids:
            self._server.ask("DELETE", f"/artifacts/{id_text(one)}", type(None))
        return len(ids)

    def progress(self, run: bytes) -> list[ProgressRow]:
        """Return how far the loops of a run are, the one that moved last at the end."""
        return [wire.progress_row(one) for one in self._shown(run).progress]

    def result_of(self, run: bytes) -> ResultRow | None:
        """Return where the result of a run is, None where nothing was said of it."""
        return wire.result_row(run, self._shown(run).result)

    def usage(self, run: bytes) -> UsageRow | None:
        """Return what a task run used of its machine, None where nothing was said of it."""
        return wire.usage_row(self._task_run(run).usage)

    def results_before(self, row: TaskRunRow, limit: int) -> list[ResultRow]:
        """Refuse: kept results are looked at where they are kept."""
        del row, limit
        self._refuse("the results that earlier runs kept")

    def hits(self) -> list[Hits]:
        """Refuse, as `results_before` does."""
        self._refuse("how often results were used again")

    def result_places(self) -> list[str]:
        """Refuse, as `results_before` does."""
        self._refuse("where results are kept")

    def transactions(self, flow_run: bytes) -> list[UndoRow]:
        """Refuse: rollback hooks run where they can be imported."""
        del flow_run
        self._refuse("what is to be rolled back")

    def status(self) -> LogStatus:
        """Refuse: logs are those of a home."""
        self._refuse("the logs of a home")

    def _refuse(self, what: str) -> Never:
        message = (
            f"The server at {self._server.url} does not tell {what}. Ask where the runs' home is: "
            "run the command there, without api.url (FLOWSTONE_API_URL)."
        )
        raise ServerRefused(message)

    def _filtered(
        self, kind: Kind[Row], wanted: RunFilter, limit: int, before: bytes | None
    ) -> list[Row]:
        found = self.runs(
            kind,
            RunsWanted(
                states=wanted.states,
                flows=() if wanted.flow is None else (wanted.flow,),
                tasks=() if wanted.task is None else (wanted.task,),
                tags_all=wanted.tags,
                created_after=wanted.since,
                flow_run=wanted.flow_run,
            ),
            limit=limit if before is None else 0,
        )
        behind = (row for row in found if before is None or row.id < before)
        return list(islice(behind, limit or None))

    def _find(self, kind: Kind[Row], text: str, within: RunsWanted) -> Row:
        digits = text.replace("-", "").lower()
        found: dict[bytes, Row] = {}
        if _HEX.fullmatch(digits):
            found = {row.id: row for row in self._by_id(kind, digits, within)}
            if found and len(digits) == 32:
                return next(iter(found.values()))
        named = _narrowed(within, name=text)
        by_name = (row for row in self.runs(kind, named) if row.name == text)
        found |= {row.id: row for row in islice(by_name, _CANDIDATES)}
        return choose(kind, text, list(found.values()))

    def _by_id(self, kind: Kind[Row], digits: str, within: RunsWanted) -> list[Row]:
        """Return the runs whose ids begin so: with the millisecond of their creation."""
        if len(digits) == 32:
            path, shown = _PLACES[kind.table]
            try:
                one = self._get(f"{path}/{id_text(bytes.fromhex(digits))}", shown)
            except RunNotFound:
                return []
            row: Any = _row(one)
            return [row] if within.flow_run in (None, getattr(row, "flow_run", None)) else []
        first, last = (int(digits.ljust(32, end)[:12], 16) for end in "0f")
        if last >= 1 << 43:  # no id of ours: its time would be in the year 2248
            return []
        span = _narrowed(
            within, created_after=first * 1_000_000, created_before=(last + 1) * 1_000_000
        )
        fits = (row for row in self.runs(kind, span) if row.id.hex().startswith(digits))
        return list(islice(fits, _CANDIDATES))

    def _unfolded(self, path: str, groups: list[wire.Group]) -> Iterator[wire.Edge]:
        for group in groups:
            cursor = None
            while True:
                query = {"limit": 1000, "cursor": cursor}
                page = self._server.ask("GET", f"{path}/{group.id}", wire.Unfolded, **query)
                yield from page.edges
                cursor = page.next
                if cursor is None:
                    break

    def _newest(self, found: Iterator[wire.Artifact]) -> Iterator[wire.Artifact]:
        """Give what is the newest version of its key, or has none."""
        newest: dict[str, Any] = {}
        for one in found:
            if one.key is not None and one.key not in newest:
                latest = self._server.pages("/artifacts", wire.Artifacts, 1, key=one.key)
                newest[one.key] = next((other.id for other in latest), None)
            if one.key is None or newest[one.key] == one.id:
                yield one

    def _whole(self, one: wire.Artifact) -> ArtifactRow:
        if one.data is not None and len(one.data) >= _CUT:
            return self._artifact(str(one.id))
        return wire.artifact_row(one)

    def _artifact(self, text: str) -> ArtifactRow:
        return wire.artifact_row(self._get(f"/artifacts/{text}", wire.Artifact))

    def _get(self, path: str, answer: Any) -> Any:
        return self._server.ask("GET", path, answer)

    def _flow_run(self, run: bytes) -> wire.FlowRun:
        return cast("wire.FlowRun", self._get(f"/flow-runs/{id_text(run)}", wire.FlowRun))

    def _task_run(self, run: bytes) -> wire.TaskRun:
        return cast("wire.TaskRun", self._get(f"/task-runs/{id_text(run)}", wire.TaskRun))

    def _shown(self, run: bytes) -> wire.FlowRun | wire.TaskRun:
        try:
            return self._flow_run(run)
        except RunNotFound:
            return self._task_run(run)


_PLACES: dict[str, tuple[str, Any]] = {
    "flow_run": ("/flow-runs", wire.FlowRun),
    "task_run": ("/task-runs", wire.TaskRun),
}


def _row(one: wire.FlowRun | wire.TaskRun) -> FlowRunRow | TaskRunRow:
    return wire.flow_run_row(one) if isinstance(one, wire.FlowRun) else wire.task_run_row(one)


def _path(row: FlowRunRow | TaskRunRow) -> str:
    noun = "flow-runs" if isinstance(row, FlowRunRow) else "task-runs"
    return f"/{noun}/{id_text(row.id)}"


def _id(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def _narrowed(wanted: RunsWanted, **more: Any) -> RunsWanted:
    return RunsWanted(flow_run=wanted.flow_run, now=time.time_ns(), **more)


def _query(table: str, wanted: RunsWanted) -> dict[str, Any]:
    """Return the parameters that ask for what is wanted."""
    is_flow = table == "flow_run"
    found: dict[str, Any] = {
        "state": wanted.states,
        "state_type": wanted.types,
        "flow": wanted.flows,
        "tag": wanted.tags_all,
        "any_tag": wanted.tags_any,
        "no_tag": wanted.tags_none,
        "name": wanted.name,
        "min_seconds": None if wanted.shortest is None else wanted.shortest / 1e9,
        "max_seconds": None if wanted.longest is None else wanted.longest / 1e9,
        "min_attempt": wanted.attempt_min,
        "max_attempt": wanted.attempt_max,
        "has_parent": wanted.has_parent,
        "is_open": wanted.is_open,
        "parent_flow_run" if is_flow else "flow_run": wanted.flow_run,
    }
    for end in ("after", "before"):
        for moment in ("created", "started", "ended"):
            at = getattr(wanted, f"{moment}_{end}")
            found[f"{moment}_{end}"] = None if at is None else wire.moment(at).isoformat()
    more = {"is_seen": wanted.is_seen, "with_parameters": True}
    return found | (more if is_flow else {"task": wanted.tasks, "parent": wanted.parent})
