"""What pictures of a flow run are drawn from: its graph, its timeline."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter, QueryParameter

from flowstone.core.ids import id_text
from flowstone.server.cursors import cursor_of, id_place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, Limit, refuse_unknown
from flowstone.server.routes.showing import run_of
from flowstone.server.wire.graph import (
    GraphEdge,
    RunGraph,
    Timeline,
    UnfoldedGroup,
    graph_node,
    graph_of,
    timeline_of,
)
from flowstone.store.databases import Database
from flowstone.store.reading.graph import edges_of, nodes_of, picture_of
from flowstone.store.reading.timeline import bars_of
from flowstone.store.selecting import FLOW_RUNS

_FEW = 1000
_BARS = 4000  # are read, written and compressed within the 100 ms that an answer may take
_GROUP = re.compile(r"(task|flow)-(\d{1,18})")


@get("/flow-runs/{run_id:uuid}/graph", sync_to_thread=True)
def get_graph(
    database: NamedDependency[Database],
    run_id: FromPath[UUID],
    few: Annotated[
        int,
        QueryParameter(ge=0, le=_FEW, description="Up to so many runs each is a node of its own."),
    ] = _FEW,
) -> RunGraph:
    """Show what a flow run called, and whose results each run took.

    Many runs are folded: one node for each task, and each flow.
    """
    with database.store() as store:
        run_of(store.connection, FLOW_RUNS, run_id.bytes)
        return graph_of(picture_of(store.connection, run_id.bytes, few))


@get("/flow-runs/{run_id:uuid}/graph/{group:str}", sync_to_thread=True)
def unfold_group(
    database: NamedDependency[Database],
    run_id: FromPath[UUID],
    group: Annotated[str, PathParameter(description="The `id` of a group, as `task-7`.")],
    limit: Limit = 200,
    cursor: Cursor = None,
) -> UnfoldedGroup:
    """List the runs of one group of a graph, the oldest first, with the edges that end in them."""
    after = id_place_of(cursor)
    found = _GROUP.fullmatch(group)
    if found is None:
        message = f"{group[:100]!r} is no group of a graph."
        raise ApiError(404, "group_not_found", message, "A group is named as `task-7`.")
    kind, ref = found[1], int(found[2])
    with database.store() as store:
        connection = store.connection
        run_of(connection, FLOW_RUNS, run_id.bytes)
        nodes = nodes_of(
            connection, run_id.bytes, kind, limit=limit + 1, ref=ref, after=after or b""
        )
        shown = nodes[:limit]
        edges = edges_of(connection, [node.id for node in shown])
    return UnfoldedGroup(
        items=[graph_node(node) for node in shown],
        edges=[
            GraphEdge(source=id_text(giver), target=id_text(taker), count=count)
            for (taker, giver), count in edges.items()
        ],
        next=cursor_of(shown[-1].id) if len(nodes) > limit else None,
    )


@get("/flow-runs/{run_id:uuid}/timeline", sync_to_thread=True)
def get_timeline(
    database: NamedDependency[Database],
    run_id: FromPath[UUID],
    kind: Annotated[
        Literal["task", "flow"], QueryParameter(description="Its task runs, or its subflow runs.")
    ] = "task",
    limit: Annotated[
        int, QueryParameter(ge=1, le=_BARS, description="At most so many runs, 1 to 4,000.")
    ] = _BARS,
    cursor: Cursor = None,
) -> Timeline:
    """Show the runs of a flow run as columns, the oldest first, for a timeline of any size."""
    after = id_place_of(cursor)
    with database.store() as store:
        row = run_of(store.connection, FLOW_RUNS, run_id.bytes)
        bars = bars_of(
            store.connection,
            run_id.bytes,
            limit=limit,
            after=after or b"",
            subflows=kind == "flow",
        )
    return timeline_of(bars, row.created, None if bars.after is None else cursor_of(bars.after))


ROUTES = [
    Router(
        "/",
        route_handlers=[get_graph, unfold_group, get_timeline],
        guards=[refuse_unknown],
        tags=["flow runs"],
    )
]
