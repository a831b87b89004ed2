"""Saved filters: kept on the server, so that a team shares them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import refuse_unknown
from flowstone.server.wire.filters import FilterItem, FilterPage, NewFilter, View, filter_item
from flowstone.store import saved_filters as kept
from flowstone.store.databases import Database


@get("/filters", sync_to_thread=True)
def list_filters(
    database: NamedDependency[Database],
    view: Annotated[View | None, QueryParameter(description="Only those for this list.")] = None,
) -> FilterPage:
    """List the saved filters by the list that they are for, and name."""
    with database.store() as store:
        rows = kept.saved_filters(store.connection, view)
    return FilterPage(items=[filter_item(row) for row in rows], next=None)


@post("/filters", sync_to_thread=True)
def save_filter(database: NamedDependency[Database], data: JSONBody[NewFilter]) -> FilterItem:
    """Save a filter under a name; one that has the name is replaced."""
    query = msgspec.json.encode(data.query).decode()
    with database.transaction() as connection:
        return filter_item(kept.save_filter(connection, data.view, data.name, query))


@get("/filters/{filter_id:uuid}", sync_to_thread=True)
def get_filter(database: NamedDependency[Database], filter_id: FromPath[UUID]) -> FilterItem:
    """Show a saved filter."""
    with database.store() as store:
        row = kept.saved_filter(store.connection, filter_id.bytes)
    if row is None:
        raise _missing(filter_id)
    return filter_item(row)


@delete("/filters/{filter_id:uuid}", sync_to_thread=True)
def delete_filter(database: NamedDependency[Database], filter_id: FromPath[UUID]) -> None:
    """Delete a saved filter."""
    with database.transaction() as connection:
        deleted = kept.delete_filter(connection, filter_id.bytes)
    if not deleted:
        raise _missing(filter_id)


def _missing(filter_id: UUID) -> ApiError:
    message = f"There is no saved filter with the id {filter_id}."
    return ApiError(404, "filter_not_found", message, "GET /api/filters lists them.")


ROUTES = [
    Router(
        "/",
        route_handlers=[list_filters, save_filter, get_filter, delete_filter],
        guards=[refuse_unknown],
        tags=["filters"],
    )
]
