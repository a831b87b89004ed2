"""What is done to many flow runs at once: by their ids, or by a filter; without a bound.

Each run has its own outcome. With a filter, an answer covers what was done in about two seconds,
and says where to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from flowstone.core.ids import id_text
from flowstone.server.cursors import cursor_of, id_place_of
from flowstone.server.errors import ApiError
from flowstone.server.idempotency import IdempotencyKey, once
from flowstone.server.routes.parameters import refuse_unknown
from flowstone.server.routes.showing import run_of
from flowstone.server.wire.changing import (
    ASKED,
    CancelRuns,
    DeleteRuns,
    MarkRuns,
    Outcome,
    Outcomes,
    RunOutcome,
    RunsMeant,
    SetStates,
)
from flowstone.server.wire.narrowing import id_given
from flowstone.store.databases import Database
from flowstone.store.errors import RunEnded, RunNotFound, RunStillOpen
from flowstone.store.marking import mark_seen, set_state
from flowstone.store.reading.listing import list_runs
from flowstone.store.selecting import FLOW_RUNS

_SECONDS = 2.0
_Act = Callable[[bytes], Outcome]


@post("/flow-runs/cancel", sync_to_thread=True, status_code=200)
def cancel_flow_runs(
    database: NamedDependency[Database],
    data: JSONBody[CancelRuns],
    idempotency_key: IdempotencyKey = None,
) -> Outcomes:
    """Cancel flow runs: ask their processes, or end them at once where those are dead."""

    def act(run: bytes) -> Outcome:
        with database.store() as store:
            row = run_of(store.connection, FLOW_RUNS, run)
            return "cancelled" if store.cancel(row, ASKED) else "asked"

    return once(database, idempotency_key, data, Outcomes, lambda: _each(database, data, act))


@post("/flow-runs/delete", sync_to_thread=True, status_code=200)
def delete_flow_runs(
    database: NamedDependency[Database],
    data: JSONBody[DeleteRuns],
    idempotency_key: IdempotencyKey = None,
) -> Outcomes:
    """Delete flow runs with all below them; those that run are refused."""

    def act(run: bytes) -> Outcome:
        with database.store() as store:
            store.delete_flow_run(run)
        return "deleted"

    return once(database, idempotency_key, data, Outcomes, lambda: _each(database, data, act))


@post("/flow-runs/state", sync_to_thread=True, status_code=200)
def set_flow_run_states(
    database: NamedDependency[Database],
    data: JSONBody[SetStates],
    idempotency_key: IdempotencyKey = None,
) -> Outcomes:
    """Put flow runs into a terminal state; those whose process may go on with them are refused."""
    state = data.state

    def act(run: bytes) -> Outcome:
        with database.transaction() as connection:
            set_state(connection, "flow_run", run, state.number, state.name, state.message)
        return "changed"

    return once(database, idempotency_key, data, Outcomes, lambda: _each(database, data, act))


@post("/flow-runs/seen", sync_to_thread=True, status_code=200)
def mark_flow_runs(
    database: NamedDependency[Database],
    data: JSONBody[MarkRuns],
    idempotency_key: IdempotencyKey = None,
) -> Outcomes:
    """Say that somebody looked at how flow runs ended, so that they are not shown as news."""

    def act(run: bytes) -> Outcome:
        with database.transaction() as connection:
            if not mark_seen(connection, [run], is_seen=data.is_seen):
                return "not_found"
        return "seen" if data.is_seen else "unseen"

    return once(database, idempotency_key, data, Outcomes, lambda: _each(database, data, act))


def _each(database: Database, meant: RunsMeant, act: _Act) -> Outcomes:
    """Do something to each run that is meant, for as long as an answer may take."""
    runs, after = _runs(database, meant)
    until = time.monotonic() + _SECONDS
    done: list[RunOutcome] = []
    for place, run in enumerate(runs):
        if done and meant.ids is None and time.monotonic() > until:
            return Outcomes(items=done, next=cursor_of(runs[place - 1]))
        done.append(_outcome(run, act))
    return Outcomes(items=done, next=None if after is None else cursor_of(after))


def _outcome(run: bytes, act: _Act) -> RunOutcome:
    reason: str | None = None
    outcome: Outcome
    try:
        outcome = act(run)
    except RunNotFound as error:
        outcome, reason = "not_found", str(error)
    except (RunEnded, RunStillOpen) as error:
        outcome, reason = "refused", str(error)
    except OSError as error:  # a request that cannot be written for one must not hide the others
        outcome, reason = "failed", str(error)
    return RunOutcome(id=id_text(run), outcome=outcome, reason=reason)


def _runs(database: Database, meant: RunsMeant) -> tuple[list[bytes], bytes | None]:
    """Return the runs that are meant, and behind which the next request goes on."""
    if (meant.ids is None) == (meant.filter is None):
        message = "A bulk request names its runs either by ids or by a filter."
        raise ApiError(400, "runs_missing", message, 'Send {"ids": […]} or {"filter": {…}}.')
    if meant.ids is not None:
        given = [id_given(text) for text in meant.ids]
        return list(dict.fromkeys(run for run in given if run is not None)), None
    assert meant.filter is not None
    after = id_place_of(meant.cursor)
    with database.store() as store:
        page = list_runs(
            store.connection, FLOW_RUNS, meant.filter.wanted(), limit=meant.limit, after=after
        )
    return [row.id for row in page.rows], page.after


ROUTES = [
    Router(
        "/",
        route_handlers=[
            cancel_flow_runs,
            delete_flow_runs,
            set_flow_run_states,
            mark_flow_runs,
        ],
        guards=[refuse_unknown],
        tags=["flow runs"],
    )
]
