"""Variables: small named values that programs share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from flowstone.server.cursors import cursor_of, place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, Limit, refuse_unknown
from flowstone.server.wire.variables import (
    NewValue,
    VariableItem,
    VariablePage,
    variable_item,
)
from flowstone.store.databases import Database
from flowstone.store.variables import drop_variable, find_variables, put_variable
from flowstone.variables import MOST_NAME, MOST_VALUE

_VariableName = Annotated[
    str,
    PathParameter(
        pattern=r"^[a-z0-9_-]+$",
        min_length=1,
        max_length=MOST_NAME,
        description="A name of lower-case letters, digits, dashes and underscores.",
    ),
]

_Overwrite = Annotated[bool, QueryParameter(description="Replace the value that is there.")]


@get("/variables", sync_to_thread=True)
def list_variables(
    database: NamedDependency[Database],
    search: Annotated[str, QueryParameter(description="Part of a name.")] = "",
    tag: Annotated[str | None, QueryParameter(description="Only those with this tag.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> VariablePage:
    """List the variables by name."""
    after = "" if cursor is None else place_of(cursor, str)
    with database.store() as store:
        rows = find_variables(store.connection)
    fitting = [
        row
        for row in rows
        if row.name > after and search in row.name and (tag is None or tag in row.tags)
    ]
    shown = fitting[:limit]
    return VariablePage(
        items=[variable_item(row) for row in shown],
        next=cursor_of(shown[-1].name) if len(fitting) > limit else None,
    )


@get("/variables/{name:str}", sync_to_thread=True)
def get_variable(database: NamedDependency[Database], name: _VariableName) -> VariableItem:
    """Show a variable."""
    with database.store() as store:
        rows = find_variables(store.connection, name)
    if not rows:
        raise _missing(name)
    return variable_item(rows[0])


@put("/variables/{name:str}", sync_to_thread=True)
def set_variable(
    database: NamedDependency[Database],
    name: _VariableName,
    data: JSONBody[NewValue],
    overwrite: _Overwrite = True,  # noqa: FBT002 - given by name
) -> VariableItem:
    """Set a variable; it is on the disk when this answers."""
    value = msgspec.json.encode(data.value).decode()
    if len(value) > MOST_VALUE:
        message = f"The value has {len(value)} characters as JSON; {MOST_VALUE} are the most."
        hint = "Keep what is large in a file or an artifact, and its place in the variable."
        raise ApiError(400, "value_too_long", message, hint)
    tags = None if data.tags is None else list(data.tags)
    with database.transaction() as connection:
        row = put_variable(connection, name, value, tags=tags, overwrite=overwrite)
    database.make_durable()
    if row is None:
        message = f"There is a variable {name!r} already."
        raise ApiError(409, "variable_exists", message, "Send overwrite=true to replace it.")
    return variable_item(row)


@delete("/variables/{name:str}", sync_to_thread=True)
def delete_variable(database: NamedDependency[Database], name: _VariableName) -> None:
    """Delete a variable."""
    with database.transaction() as connection:
        deleted = drop_variable(connection, name)
    database.make_durable()
    if not deleted:
        raise _missing(name)


def _missing(name: str) -> ApiError:
    message = f"There is no variable {name!r}."
    return ApiError(404, "variable_not_found", message, "GET /api/variables lists them.")


ROUTES = [
    Router(
        "/",
        route_handlers=[list_variables, get_variable, set_variable, delete_variable],
        guards=[refuse_unknown],
        tags=["variables"],
    )
]
