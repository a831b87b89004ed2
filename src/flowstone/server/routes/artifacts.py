"""Artifacts: listed, shown, deleted."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from flowstone.server.cursors import cursor_of, id_place_of, place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, IdText, Limit, refuse_unknown
from flowstone.server.wire.artifacts import ArtifactItem, ArtifactPage, artifact_item
from flowstone.server.wire.narrowing import id_given
from flowstone.store.artifacts import delete_artifacts
from flowstone.store.changes import ARTIFACTS, note_changes
from flowstone.store.databases import Database
from flowstone.store.reading.artifact_list import (
    ArtifactsWanted,
    artifact_of,
    list_artifacts,
    newest_artifacts,
)

_Type = Annotated[str | None, QueryParameter(description="Only of this type, as `table`.")]


@get("/artifacts", sync_to_thread=True)
def list_all_artifacts(
    database: NamedDependency[Database],
    type: _Type = None,  # noqa: A002 - as the parameter's name
    key: Annotated[str | None, QueryParameter(description="Only versions of this key.")] = None,
    flow_run: IdText = None,
    task_run: IdText = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArtifactPage:
    """List artifacts, the newest first: those of a key are its history."""
    wanted = ArtifactsWanted(
        type=type, key=key, flow_run=id_given(flow_run), task_run=id_given(task_run)
    )
    after = id_place_of(cursor)
    with database.store() as store:
        rows = list_artifacts(store.connection, wanted, limit=limit + 1, after=after)
    shown = rows[:limit]
    return ArtifactPage(
        items=[artifact_item(row) for row in shown],
        next=cursor_of(shown[-1].id) if len(rows) > limit else None,
    )


@get("/artifacts/newest", sync_to_thread=True)
def list_newest_artifacts(
    database: NamedDependency[Database],
    type: _Type = None,  # noqa: A002 - as the parameter's name
    search: Annotated[str, QueryParameter(description="Part of a key.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArtifactPage:
    """List the newest version of each key, by key."""
    after = "" if cursor is None else place_of(cursor, str)
    with database.store() as store:
        rows, behind = newest_artifacts(
            store.connection, type, limit=limit, after=after, search=search.lower()
        )
    return ArtifactPage(
        items=[artifact_item(row) for row in rows],
        next=None if behind is None else cursor_of(behind),
    )


@get("/artifacts/{artifact_id:uuid}", sync_to_thread=True)
def get_artifact(
    database: NamedDependency[Database],
    artifact_id: FromPath[UUID],
) -> ArtifactItem:
    """Show one version of an artifact with all of its data."""
    with database.store() as store:
        row = artifact_of(store.connection, artifact_id.bytes)
    if row is None:
        raise _missing(artifact_id)
    return artifact_item(row)


@delete("/artifacts/{artifact_id:uuid}", sync_to_thread=True)
def delete_artifact(database: NamedDependency[Database], artifact_id: FromPath[UUID]) -> None:
    """Delete one version of an artifact."""
    with database.transaction() as connection:
        deleted = delete_artifacts(connection, [artifact_id.bytes])
        note_changes(connection, [(ARTIFACTS, None)])
    if not deleted:
        raise _missing(artifact_id)


def _missing(artifact_id: UUID) -> ApiError:
    message = f"There is no artifact with the id {artifact_id}."
    return ApiError(404, "artifact_not_found", message, "GET /api/artifacts lists them.")


ROUTES = [
    Router(
        "/",
        route_handlers=[
            list_all_artifacts,
            list_newest_artifacts,
            get_artifact,
            delete_artifact,
        ],
        guards=[refuse_unknown],
        tags=["artifacts"],
    )
]
