"""Flow runs: listed, shown, and what belongs to one of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from flowstone.server.cursors import id_place_of
from flowstone.server.routes.parameters import (
    FLOW_RUNS_WANTED,
    Cursor,
    Limit,
    Order,
    refuse_unknown,
)
from flowstone.server.routes.showing import flow_run_page, flow_run_shown, run_of
from flowstone.server.wire.changing import ASKED, Cancelled, Deleted, StateWanted
from flowstone.server.wire.runs import FlowRunPage, FlowRunShown, StatePassed, state_passed
from flowstone.store.databases import Database
from flowstone.store.marking import set_state
from flowstone.store.reading.listing import list_runs
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.selecting import FLOW_RUNS

_WithParameters = Annotated[bool, QueryParameter(description="With each run its parameters.")]


@get("/flow-runs", sync_to_thread=True, dependencies=FLOW_RUNS_WANTED)
def list_flow_runs(
    database: NamedDependency[Database],
    wanted: NamedDependency[RunsWanted],
    order: Order = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
    with_parameters: _WithParameters = False,  # noqa: FBT002 - given by name
) -> FlowRunPage:
    """List the flow runs that fit all filters, the newest first.

    A page that is not full may go on behind `next`: what no index answers is looked for in a
    bounded number of runs, as far back as `searched_to`.
    """
    after = id_place_of(cursor)
    with database.store() as store:
        page = list_runs(
            store.connection,
            FLOW_RUNS,
            wanted,
            limit=limit,
            after=after,
            oldest_first=order == "oldest",
        )
        return flow_run_page(store.connection, page, with_parameters=with_parameters)


@get("/flow-runs/{run_id:uuid}", sync_to_thread=True)
def get_flow_run(database: NamedDependency[Database], run_id: FromPath[UUID]) -> FlowRunShown:
    """Show a flow run: its states, its task runs by task and state, its process, its result."""
    with database.store() as store:
        return flow_run_shown(store, run_id.bytes)


@get("/flow-runs/{run_id:uuid}/states", sync_to_thread=True)
def list_flow_run_states(
    database: NamedDependency[Database], run_id: FromPath[UUID]
) -> list[StatePassed]:
    """List the states that a flow run was in, the oldest first."""
    with database.store() as store:
        row = run_of(store.connection, FLOW_RUNS, run_id.bytes)
        return [state_passed(one) for one in store.history(row)]


@post("/flow-runs/{run_id:uuid}/cancel", sync_to_thread=True, status_code=200)
def cancel_flow_run(database: NamedDependency[Database], run_id: FromPath[UUID]) -> Cancelled:
    """Ask the process of a flow run to cancel it.

    Where that process is dead, the run is Cancelled at once. A run that is over is refused.
    """
    with database.store() as store:
        row = run_of(store.connection, FLOW_RUNS, run_id.bytes)
        return Cancelled(is_cancelled=store.cancel(row, ASKED))


@post("/flow-runs/{run_id:uuid}/state", sync_to_thread=True, status_code=200)
def set_flow_run_state(
    database: NamedDependency[Database], run_id: FromPath[UUID], data: JSONBody[StateWanted]
) -> FlowRunShown:
    """Put a flow run into a terminal state.

    Refused while the run is open and its process is not known to be dead: only that process may say
    how the run goes on.
    """
    with database.transaction() as connection:
        set_state(connection, "flow_run", run_id.bytes, data.number, data.name, data.message)
    with database.store() as store:
        return flow_run_shown(store, run_id.bytes)


@delete("/flow-runs/{run_id:uuid}", sync_to_thread=True, status_code=200)
def delete_flow_run(database: NamedDependency[Database], run_id: FromPath[UUID]) -> Deleted:
    """Delete a flow run and all below it: its runs, their lines and artifacts.

    Refused while one of them is open and its process alive.
    """
    with database.store() as store:
        return Deleted(runs=store.delete_flow_run(run_id.bytes))


ROUTES = [
    Router(
        "/",
        route_handlers=[
            list_flow_runs,
            get_flow_run,
            list_flow_run_states,
            cancel_flow_run,
            set_flow_run_state,
            delete_flow_run,
        ],
        guards=[refuse_unknown],
        tags=["flow runs"],
    )
]
