"""Tokens: listed, made, revoked; and who changed what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from flowstone.core.ids import id_text
from flowstone.server.audit import Audit
from flowstone.server.auth import Gate
from flowstone.server.cursors import cursor_of, id_place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, Limit, refuse_unknown
from flowstone.server.wire.times import time_of, time_text
from flowstone.server.wire.tokens import (
    Change,
    ChangeList,
    MadeToken,
    NewToken,
    Token,
    TokenList,
)
from flowstone.store import tokens
from flowstone.store.databases import Database
from flowstone.store.tokens import AuditRow, TokenExists, TokenNotFound, TokenRow

_ADMIN = {"scope": "admin"}


@get("/tokens", opt=_ADMIN, sync_to_thread=True, tags=["auth"], guards=[refuse_unknown])
def list_tokens(database: NamedDependency[Database]) -> TokenList:
    """List all tokens, the oldest first; what their holders show is not known here."""
    with database.store() as store:
        return TokenList([_shown(row) for row in tokens.tokens(store.connection)])


@post("/tokens", opt=_ADMIN, sync_to_thread=True, tags=["auth"])
def create_token(
    data: JSONBody[NewToken], database: NamedDependency[Database], gate: NamedDependency[Gate]
) -> MadeToken:
    """Make a token. What its holder shows is in this answer and nowhere else."""
    expires = None if data.expires is None else time_of(data.expires)
    try:
        with database.transaction() as connection:
            row, secret = tokens.create_token(connection, data.name, data.scope, expires)
    except TokenExists as error:
        raise ApiError(409, "token_exists", str(error), "Choose another name.") from error
    except ValueError as error:
        raise ApiError(400, "invalid_request", str(error), "Change it.") from error
    gate.forget()
    return MadeToken(token=_shown(row), secret=secret)


@delete("/tokens/{token_id:uuid}", opt=_ADMIN, sync_to_thread=True, tags=["auth"])
def revoke_token(
    token_id: FromPath[UUID], database: NamedDependency[Database], gate: NamedDependency[Gate]
) -> None:
    """Revoke a token and end the sessions that it began: within a second nobody is let in by it."""
    try:
        with database.transaction() as connection:
            tokens.revoke_token(connection, token_id.hex)
    except TokenNotFound as error:
        hint = "GET /api/tokens lists them."
        raise ApiError(404, "token_not_found", f"No token {token_id}.", hint) from error
    gate.forget()


@get("/audit", opt=_ADMIN, sync_to_thread=True, tags=["auth"], guards=[refuse_unknown])
def list_changes(
    database: NamedDependency[Database],
    audit: NamedDependency[Audit],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ChangeList:
    """List what was changed through the server, and by whom: the newest first."""
    audit.write()
    with database.store() as store:
        rows = tokens.changes(store.connection, limit + 1, id_place_of(cursor))
    more = cursor_of(rows[limit - 1].id) if len(rows) > limit else None
    return ChangeList([_changed(row) for row in rows[:limit]], more)


def _shown(row: TokenRow) -> Token:
    return Token(
        id=id_text(row.id),
        name=row.name,
        scope=row.scope,
        created=time_text(row.created),
        expires=None if row.expires is None else time_text(row.expires),
        used=None if row.used is None else time_text(row.used),
    )


def _changed(row: AuditRow) -> Change:
    fields: dict[str, Any] = msgspec.structs.asdict(row)
    return Change(**{**fields, "id": id_text(row.id), "at": time_text(row.at)})


ROUTES = [list_tokens, create_token, revoke_token, list_changes]
