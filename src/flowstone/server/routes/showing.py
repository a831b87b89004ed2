"""Makes answers of rows: what a list or a single run needs beside its row is read together."""

from __future__ import annotations

from collections.abc import Sequence

from flowstone.core.ids import id_text
from flowstone.server.cursors import cursor_of
from flowstone.server.wire.kinds import time_or_none
from flowstone.server.wire.runs import (
    CallGroup,
    FlowRunItem,
    FlowRunPage,
    FlowRunShown,
    ProgressShown,
    TaskRunPage,
    TaskRunShown,
    attempt_shown,
    definition_fields,
    flow_run_fields,
    flow_run_item,
    input_shown,
    parameters_of,
    process_shown,
    result_shown,
    state_passed,
    state_runs,
    task_run_fields,
    task_run_item,
    usage_shown,
)
from flowstone.server.wire.times import time_text
from flowstone.store.connection import Connection
from flowstone.store.errors import RunNotFound
from flowstone.store.queries import Store
from flowstone.store.reading import details
from flowstone.store.reading.listing import Page
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.selecting import FLOW_RUNS, TASK_RUNS, Kind, Row, select_where

_NEIGHBOURS = 100


def run_of(connection: Connection, kind: Kind[Row], run: bytes) -> Row:
    """Return the run of an id. Raises `RunNotFound`."""
    found = select_where(connection, kind, "run.id = ?", [run], 1)
    if not found:
        raise RunNotFound(f"There is no {kind.noun} with the id {id_text(run)}.")
    return found[0]


def runs_of(connection: Connection, kind: Kind[Row], runs: Sequence[bytes]) -> list[Row]:
    """Return the runs of some ids, as far as they are there, the newest first."""
    if not runs:
        return []
    where = f"run.id IN ({', '.join('?' * len(runs))})"
    return select_where(connection, kind, where, list(runs), len(runs))


def flow_run_items(
    connection: Connection, rows: Sequence[FlowRunRow], *, with_parameters: bool = False
) -> list[FlowRunItem]:
    """Return flow runs as lists show them."""
    counts = details.state_counts(connection, [row.id for row in rows])
    return [flow_run_item(row, counts[row.id], with_parameters=with_parameters) for row in rows]


def flow_run_page(
    connection: Connection, page: Page[FlowRunRow], *, with_parameters: bool = False
) -> FlowRunPage:
    """Return a page of flow runs."""
    return FlowRunPage(
        items=flow_run_items(connection, page.rows, with_parameters=with_parameters),
        next=None if page.after is None else cursor_of(page.after),
        searched_to=time_or_none(moment_of(page.searched_to)),
    )


def task_run_page(page: Page[TaskRunRow]) -> TaskRunPage:
    """Return a page of task runs."""
    return TaskRunPage(
        items=[task_run_item(row) for row in page.rows],
        next=None if page.after is None else cursor_of(page.after),
        searched_to=time_or_none(moment_of(page.searched_to)),
    )


def moment_of(run: bytes | None) -> int | None:
    """Return when a run of this id was created, to a millisecond (nanoseconds since 1970)."""
    return None if run is None else int.from_bytes(run[:6], "big") * 1_000_000


def flow_run_shown(store: Store, run: bytes) -> FlowRunShown:
    """Return a flow run with what belongs to it. Raises `RunNotFound`."""
    connection = store.connection
    row = run_of(connection, FLOW_RUNS, run)
    counts = details.state_counts(connection, [run])[run]
    is_open, is_seen = details.marks_of(connection, "flow_run", run)
    subflows, artifacts = details.how_many(connection, run)
    parent = row.parent_flow_run
    names = details.names_of(connection, "flow_run", [parent] if parent else [])
    return FlowRunShown(
        **flow_run_fields(row, counts),
        **definition_fields(details.definition_of(connection, "flow_run", run)),
        parameters=parameters_of(row),
        parent_name=names.get(parent) if parent else None,
        is_open=is_open,
        is_seen=is_seen,
        states=tuple(state_passed(one) for one in store.history(row)),
        calls=tuple(
            CallGroup(
                group=f"task-{one.ref}",
                task=one.task,
                runs=sum(state.runs for state in one.states),
                states=state_runs(one.states),
            )
            for one in details.calls_of(connection, run)
        ),
        process=process_shown(details.process_of(connection, row.log_id)),
        progress=_progress(store, run),
        result=result_shown(store.result_of(run)),
        subflow_runs=subflows,
        artifacts=artifacts,
    )


def task_run_shown(store: Store, run: bytes) -> TaskRunShown:
    """Return a task run with what belongs to it. Raises `RunNotFound`."""
    connection = store.connection
    row = run_of(connection, TASK_RUNS, run)
    history = store.history(row)
    definition = details.definition_of(connection, "task_run", run)
    upstream_count, downstream_count = store.edge_counts(run)
    names = details.names_of(connection, "task_run", [row.parent] if row.parent else [])
    return TaskRunShown(
        **task_run_fields(row),
        description=definition.description,
        retries=definition.retries,
        parent_name=names.get(row.parent) if row.parent else None,
        is_open=details.marks_of(connection, "task_run", run)[0],
        states=tuple(state_passed(one) for one in history),
        attempts=tuple(attempt_shown(one) for one in details.attempts_of(history)),
        upstream=tuple(input_shown(one) for one in store.upstream(run, _NEIGHBOURS)),
        upstream_count=upstream_count,
        downstream=tuple(input_shown(one) for one in store.downstream(run, _NEIGHBOURS)),
        downstream_count=downstream_count,
        process=process_shown(details.process_of(connection, row.log_id)),
        progress=_progress(store, run),
        result=result_shown(store.result_of(run)),
        usage=usage_shown(store.usage(run)),
    )


def _progress(store: Store, run: bytes) -> tuple[ProgressShown, ...]:
    return tuple(
        ProgressShown(
            description=one.description,
            done=one.done,
            total=one.total,
            updated=time_text(one.updated),
        )
        for one in store.progress(run)
    )
