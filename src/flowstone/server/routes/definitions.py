"""Flows and tasks: what is known of each by its name."""

from __future__ import annotations

import time
from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from flowstone.server.cursors import cursor_of, place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, Limit, refuse_unknown
from flowstone.server.routes.showing import flow_run_items, runs_of
from flowstone.server.wire.definitions import (
    FlowItem,
    FlowPage,
    FlowShown,
    TaskItem,
    TaskPage,
    TaskShown,
    all_versions,
    days_summed,
    runs_summed,
    version_shown,
)
from flowstone.server.wire.runs import FlowRunItem, TaskRunItem, task_run_item
from flowstone.store.connection import Connection
from flowstone.store.databases import Database
from flowstone.store.reading.definitions import Definition, Noun, definitions
from flowstone.store.reading.rollups import DAY
from flowstone.store.selecting import FLOW_RUNS, TASK_RUNS

_Search = Annotated[
    str, QueryParameter(max_length=1000, description="Part of a name, in any case.")
]
_Days = Annotated[
    int, QueryParameter(ge=1, le=366, description="Sums are of runs created in so many days.")
]
_Path = Annotated[str, PathParameter(description="The name; slashes may stand in it as they are.")]


@get("/flows", sync_to_thread=True)
def list_flows(
    database: NamedDependency[Database],
    search: _Search = "",
    days: _Days = 7,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FlowPage:
    """List the flows by name, each with its last run and how its runs went lately."""
    with database.store() as store:
        found = _page(store.connection, "flow", search, days, limit, cursor)
        items = _flow_items(store.connection, found[:limit])
    return FlowPage(items=items, next=_next(found, limit))


@get("/flows/{name:path}", sync_to_thread=True)
def get_flow(database: NamedDependency[Database], name: _Path, days: _Days = 30) -> FlowShown:
    """Show a flow: its versions, its last run, how its runs went day by day."""
    with database.store() as store:
        found = _named(store.connection, "flow", name, days)
        (item,) = _flow_items(store.connection, [found])
    return FlowShown(
        name=item.name,
        newest=item.newest,
        versions=item.versions,
        last=item.last,
        summed=item.summed,
        all_versions=all_versions(found),
        days=days_summed(found),
    )


@get("/tasks", sync_to_thread=True)
def list_tasks(
    database: NamedDependency[Database],
    search: _Search = "",
    days: _Days = 7,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TaskPage:
    """List the tasks by name, each with its last run and how its runs went lately."""
    with database.store() as store:
        found = _page(store.connection, "task", search, days, limit, cursor)
        items = _task_items(store.connection, found[:limit])
    return TaskPage(items=items, next=_next(found, limit))


@get("/tasks/{name:path}", sync_to_thread=True)
def get_task(database: NamedDependency[Database], name: _Path, days: _Days = 30) -> TaskShown:
    """Show a task: its versions, its last run, how its runs went day by day."""
    with database.store() as store:
        found = _named(store.connection, "task", name, days)
        (item,) = _task_items(store.connection, [found])
    return TaskShown(
        name=item.name,
        newest=item.newest,
        versions=item.versions,
        last=item.last,
        summed=item.summed,
        all_versions=all_versions(found),
        days=days_summed(found),
    )


def _page(
    connection: Connection, kind: Noun, search: str, days: int, limit: int, cursor: str | None
) -> list[Definition]:
    now = time.time_ns()
    after = "" if cursor is None else place_of(cursor, str)
    return definitions(
        connection,
        kind,
        since=now - days * DAY,
        until=now + DAY,
        limit=limit + 1,
        after=after,
        search=search,
    )


def _named(connection: Connection, kind: Noun, path: str, days: int) -> Definition:
    name, now = path.removeprefix("/"), time.time_ns()
    found = definitions(
        connection, kind, since=now - days * DAY, until=now + DAY, limit=1, name=name
    )
    if not found:
        message = f"There is no {kind} named {name[:200]!r}."
        raise ApiError(404, f"{kind}_not_found", message, f"GET /api/{kind}s lists them.")
    return found[0]


def _next(found: list[Definition], limit: int) -> str | None:
    return cursor_of(found[limit - 1].name) if len(found) > limit else None


def _flow_items(connection: Connection, found: list[Definition]) -> list[FlowItem]:
    rows = runs_of(connection, FLOW_RUNS, [one.last for one in found if one.last])
    last: dict[str, FlowRunItem] = {item.flow: item for item in flow_run_items(connection, rows)}
    return [
        FlowItem(
            name=one.name,
            newest=version_shown(one.newest),
            versions=len(one.versions),
            last=last.get(one.name),
            summed=runs_summed(one.trend),
        )
        for one in found
    ]


def _task_items(connection: Connection, found: list[Definition]) -> list[TaskItem]:
    rows = runs_of(connection, TASK_RUNS, [one.last for one in found if one.last])
    last: dict[str, TaskRunItem] = {row.task_name: task_run_item(row) for row in rows}
    return [
        TaskItem(
            name=one.name,
            newest=version_shown(one.newest),
            versions=len(one.versions),
            last=last.get(one.name),
            summed=runs_summed(one.trend),
        )
        for one in found
    ]


ROUTES = [
    Router("/", route_handlers=[list_flows, get_flow], guards=[refuse_unknown], tags=["flows"]),
    Router("/", route_handlers=[list_tasks, get_task], guards=[refuse_unknown], tags=["tasks"]),
]
