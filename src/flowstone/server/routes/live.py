"""The stream of what changes, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent

from flowstone.server.errors import ApiError
from flowstone.server.live import Topics, changes_of
from flowstone.server.routes.parameters import refuse_unknown
from flowstone.server.wire.narrowing import id_given
from flowstone.store.databases import Database

_MOST = 100


@get("/live", opt={"is_stream": True})
async def listen(
    state: State,
    database: NamedDependency[Database],
    topics: Annotated[
        str,
        QueryParameter(
            max_length=5000,
            description="What to hear of, by commas: runs, run:ID, lines:ID (both of a flow run), "
            "limits, artifacts.",
        ),
    ] = "runs",
    last_event_id: Annotated[
        int | None,
        HeaderParameter(
            name="Last-Event-ID", ge=0, description="Go on behind this event; browsers send it."
        ),
    ] = None,
) -> ServerSentEvent:
    """Tell what changes, as it changes: a stream of server-sent events that does not end.

    Events: `hello` first; `changes` with the ids of flow runs that changed (`flow_runs`), whose
    task runs did (`task_runs`) or that logged (`lines`), and whether `limits` or `artifacts` did;
    `resync` where events were missed, so everything shown is to be read anew. Several changes are
    told together, at most ten times a second.
    """
    wanted = _topics(topics)
    return ServerSentEvent(changes_of(state, database).stream(wanted, last_event_id))


def _topics(text: str) -> Topics:
    plain: set[str] = set()
    ids: dict[str, set[bytes]] = {"run": set(), "lines": set()}
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        kind, colon, rest = word.partition(":")
        run = id_given(rest) if colon else None
        if kind in ids and run is not None:
            ids[kind].add(run)
        elif word in ("runs", "limits", "artifacts"):
            plain.add(word)
        else:
            message = f"{word[:100]!r} is no topic."
            hint = "Topics are runs, run:ID, lines:ID, limits and artifacts."
            raise ApiError(400, "bad_topic", message, hint)
    if not words or len(words) > _MOST:
        message = f"A stream is of 1 to {_MOST} topics; these are {len(words)}."
        raise ApiError(400, "bad_topic", message, "Name what is shown, as topics=runs,limits.")
    return Topics(
        "runs" in plain,
        frozenset(ids["run"]),
        frozenset(ids["lines"]),
        "limits" in plain,
        "artifacts" in plain,
    )


ROUTES = [Router("/", route_handlers=[listen], guards=[refuse_unknown], tags=["live"])]
