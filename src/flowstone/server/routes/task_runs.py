"""Task runs: listed, shown, cancelled, put into a state."""

from __future__ import annotations

from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from flowstone.server.cursors import id_place_of
from flowstone.server.routes.parameters import (
    TASK_RUNS_WANTED,
    Cursor,
    Limit,
    Order,
    refuse_unknown,
)
from flowstone.server.routes.showing import run_of, task_run_page, task_run_shown
from flowstone.server.wire.changing import ASKED, Cancelled, StateWanted
from flowstone.server.wire.runs import (
    StatePassed,
    TaskRunPage,
    TaskRunShown,
    state_passed,
)
from flowstone.store.databases import Database
from flowstone.store.marking import set_state
from flowstone.store.reading.listing import list_runs
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.selecting import TASK_RUNS


@get("/task-runs", sync_to_thread=True, dependencies=TASK_RUNS_WANTED)
def list_task_runs(
    database: NamedDependency[Database],
    wanted: NamedDependency[RunsWanted],
    order: Order = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TaskRunPage:
    """List the task runs that fit all filters, the newest first.

    A page that is not full may go on behind `next`: what no index answers is looked for in a
    bounded number of runs, as far back as `searched_to`.
    """
    after = id_place_of(cursor)
    with database.store() as store:
        page = list_runs(
            store.connection,
            TASK_RUNS,
            wanted,
            limit=limit,
            after=after,
            oldest_first=order == "oldest",
        )
        return task_run_page(page)


@get("/task-runs/{run_id:uuid}", sync_to_thread=True)
def get_task_run(database: NamedDependency[Database], run_id: FromPath[UUID]) -> TaskRunShown:
    """Show a task run: its states and attempts, its inputs by name, who takes its result."""
    with database.store() as store:
        return task_run_shown(store, run_id.bytes)


@get("/task-runs/{run_id:uuid}/states", sync_to_thread=True)
def list_task_run_states(
    database: NamedDependency[Database], run_id: FromPath[UUID]
) -> list[StatePassed]:
    """List the states that a task run was in, the oldest first."""
    with database.store() as store:
        row = run_of(store.connection, TASK_RUNS, run_id.bytes)
        return [state_passed(one) for one in store.history(row)]


@post("/task-runs/{run_id:uuid}/cancel", sync_to_thread=True, status_code=200)
def cancel_task_run(database: NamedDependency[Database], run_id: FromPath[UUID]) -> Cancelled:
    """Ask the process of a task run to cancel it.

    Where that process is dead, the run is Cancelled at once. A run that is over is refused.
    """
    with database.store() as store:
        row = run_of(store.connection, TASK_RUNS, run_id.bytes)
        return Cancelled(is_cancelled=store.cancel(row, ASKED))


@post("/task-runs/{run_id:uuid}/state", sync_to_thread=True, status_code=200)
def set_task_run_state(
    database: NamedDependency[Database], run_id: FromPath[UUID], data: JSONBody[StateWanted]
) -> TaskRunShown:
    """Put a task run into a terminal state.

    Refused while the run is open and its process is not known to be dead: only that process may say
    how the run goes on.
    """
    with database.transaction() as connection:
        set_state(connection, "task_run", run_id.bytes, data.number, data.name, data.message)
    with database.store() as store:
        return task_run_shown(store, run_id.bytes)


ROUTES = [
    Router(
        "/",
        route_handlers=[
            list_task_runs,
            get_task_run,
            list_task_run_states,
            cancel_task_run,
            set_task_run_state,
        ],
        guards=[refuse_unknown],
        tags=["task runs"],
    )
]
