"""Finds the runs that the filters of a client mean, page by page, and sorts them."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from flowstone.client.filters import (
    FlowFilter,
    FlowRunFilter,
    Operator,
    TaskRunFilter,
)
from flowstone.client.place import Place
from flowstone.client.sorting import FlowRunSort, TaskRunSort, key_of
from flowstone.core.ids import id_text
from flowstone.store.errors import RunNotFound
from flowstone.store.queries import Store
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.selecting import FLOW_RUNS, TASK_RUNS, Row

USUAL = 200
"""Items of a list that was given no limit."""
_MOST = 100


class Wanted:
    """What a client asks for: filters of flows, flow runs and task runs, which must all fit."""

    def __init__(
        self,
        flows: FlowFilter | None = None,
        flow_runs: FlowRunFilter | None = None,
        task_runs: TaskRunFilter | None = None,
    ) -> None:
        self.flows = flows
        self.flow_runs = flow_runs
        self.task_runs = task_runs

    def find_flow_runs(self, place: Place, store: Store) -> Iterator[FlowRunRow]:
        """Give the flow runs, the newest first."""
        names, runs = self._flow_names(place), None
        if names is not None and not names:
            return
        wanted = RunsWanted(now=time.time_ns(), flows=_few(names))
        if self.task_runs is not None:
            rows = Wanted(task_runs=self.task_runs).find_task_runs(place, store)
            runs = {row.flow_run for row in rows}
        for row in self._flow_runs(place, store, wanted):
            if (names is None or row.flow_name in names) and (runs is None or row.id in runs):
                yield row

    def find_task_runs(self, place: Place, store: Store) -> Iterator[TaskRunRow]:
        """Give the task runs, the newest first."""
        wanted = RunsWanted(now=time.time_ns())
        runs = None
        if self.flows is not None or self.flow_runs is not None:
            rows = Wanted(self.flows, self.flow_runs).find_flow_runs(place, store)
            runs = {row.id for row in rows}
            if not runs:
                return
            if len(runs) == 1:
                wanted = RunsWanted(now=wanted.now, flow_run=next(iter(runs)))
        for row in self._task_runs(place, store, wanted):
            if runs is None or row.flow_run in runs:
                yield row

    def _flow_runs(self, place: Place, store: Store, wanted: RunsWanted) -> Iterator[FlowRunRow]:
        asked = self.flow_runs or FlowRunFilter()
        ids = _ids(asked)
        if ids is None:
            found: Iterable[FlowRunRow] = place.runs(store, FLOW_RUNS, asked.narrowed(wanted))
        else:
            found = _each(ids, store.find_flow_run)
        return (row for row in found if asked.takes(row))

    def _task_runs(self, place: Place, store: Store, wanted: RunsWanted) -> Iterator[TaskRunRow]:
        asked = self.task_runs or TaskRunFilter()
        ids = _ids(asked)
        if ids is None:
            found: Iterable[TaskRunRow] = place.runs(store, TASK_RUNS, asked.narrowed(wanted))
        else:
            found = _each(ids, store.find_task_run)
        return (row for row in found if asked.takes(row))

    def _flow_names(self, place: Place) -> set[str] | None:
        if self.flows is None:
            return None
        found = place.flows().items()
        return {name for name, tags in found if self.flows.takes(name, tags)}


def section(
    rows: Iterable[Row], sort: FlowRunSort | TaskRunSort | None, limit: int | None, offset: int
) -> list[Row]:
    """Return some of the runs, sorted; they come newest first. Without a limit it is `USUAL`."""
    end = offset + (USUAL if limit is None else limit)
    key, is_falling = key_of(sort or FlowRunSort.ID_DESC)
    if key is None:
        return list(islice(rows, offset, end))
    best = heapq.nlargest if is_falling else heapq.nsmallest
    return best(end, rows, key)[offset:]


def _few(names: set[str] | None) -> tuple[str, ...]:
    """Return the names, where they are so few that a question may list them."""
    return tuple(sorted(names)) if names is not None and len(names) <= _MOST else ()


def _ids(asked: FlowRunFilter | TaskRunFilter) -> list[UUID] | None:
    if asked.operator is Operator.or_ or asked.id is None:
        return None
    return asked.id.any_


def _each(ids: list[UUID], find: Any) -> Iterator[Any]:
    for one in sorted({one.bytes for one in ids}, reverse=True):
        try:
            yield find(id_text(one))
        except RunNotFound:
            continue
