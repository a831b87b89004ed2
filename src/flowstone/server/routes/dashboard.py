"""The home page in one answer: everything in it comes from roll-ups and indexes."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from flowstone.server.routes.parameters import Moment, refuse_unknown
from flowstone.server.routes.showing import flow_run_items
from flowstone.server.wire.dashboard import (
    Dashboard,
    History,
    MinuteRuns,
    TaskSummed,
    history_bucket,
    lateness_of,
)
from flowstone.server.wire.definitions import sums_of
from flowstone.server.wire.kinds import moment
from flowstone.server.wire.runs import state_runs
from flowstone.server.wire.times import time_text
from flowstone.store.connection import Connection
from flowstone.store.counts import HOUR
from flowstone.store.databases import Database
from flowstone.store.reading import rollups
from flowstone.store.reading.listing import list_runs
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.rows import FlowRunRow
from flowstone.store.selecting import FLOW_RUNS, UNKNOWN

_WIDTHS = (1, 2, 3, 6, 12, 24, 24 * 7)
_MOST_BUCKETS = 96
_LONGEST = 366 * 24
_SHOWN = 10
_TASKS = 20


@get("/dashboard", sync_to_thread=True)
def get_dashboard(
    database: NamedDependency[Database],
    hours: Annotated[
        int, QueryParameter(ge=1, le=_LONGEST, description="How far back to look, in hours.")
    ] = 24,
    until: Moment = None,
) -> Dashboard:
    """Show what runs now, what failed and nobody looked at yet, and how runs went lately.

    Buckets are of whole hours, so the oldest may begin a little before `since`.
    """
    now = time.time_ns()
    end = moment(until) or now
    since = end - hours * HOUR
    width = next((one for one in _WIDTHS if hours / one <= _MOST_BUCKETS), _WIDTHS[-1])
    with database.store() as store:
        connection = store.connection
        failures = _failures(connection, now)
        return Dashboard(
            since=time_text(since),
            until=time_text(end),
            bucket_seconds=width * 3600.0,
            flow_runs=_history(connection, "flow", since, end, width),
            task_runs=_history(connection, "task", since, end, width),
            running=flow_run_items(connection, _running(connection, now)),
            failures=flow_run_items(connection, failures[:_SHOWN]),
            has_more_failures=len(failures) > _SHOWN,
            tasks=_tasks(connection, since, end),
            lateness=[
                lateness_of(*one) for one in rollups.lateness(connection, since, end, width).items()
            ],
            per_minute=[
                MinuteRuns(start=time_text(start), runs=runs)
                for start, runs in rollups.per_minute(connection, end - HOUR, end)
            ],
        )


def _history(connection: Connection, kind: str, since: int, until: int, width: int) -> History:
    buckets = rollups.history(connection, kind, since, until, width)
    return History(
        states=state_runs(rollups.totals(buckets)),
        open=state_runs(rollups.open_now(connection, kind)),
        buckets=[history_bucket(bucket) for bucket in buckets],
    )


def _running(connection: Connection, now: int) -> list[FlowRunRow]:
    wanted = RunsWanted(is_open=True, now=now)
    return list_runs(connection, FLOW_RUNS, wanted, limit=_SHOWN).rows


def _failures(connection: Connection, now: int) -> list[FlowRunRow]:
    wanted = RunsWanted(types=("FAILED", "CRASHED"), is_seen=False, now=now)
    return list_runs(connection, FLOW_RUNS, wanted, limit=_SHOWN + 1).rows


def _tasks(connection: Connection, since: int, until: int) -> list[TaskSummed]:
    names = dict(connection.execute("SELECT ref, name FROM task"))
    refs: dict[str, list[int]] = {}
    sizes: Counter[str] = Counter()
    for ref, runs in rollups.runs_of_each(connection, "task", since, until).items():
        name = names.get(ref, UNKNOWN)
        sizes[name] += runs
        refs.setdefault(name, []).append(ref)
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_TASKS]
    shown = {ref: name for name in largest if sizes[name] > 0 for ref in refs[name]}
    sums = rollups.sums_of_each(connection, "task", since, until, shown)
    return [
        TaskSummed(task=name, **sums_of(rollups.trend_of(0, parts))) for name, parts in sums.items()
    ]


ROUTES = [Router("/", route_handlers=[get_dashboard], guards=[refuse_unknown], tags=["dashboard"])]
