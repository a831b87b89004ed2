"""A browser is let in by a token, and shows a cookie from then on."""

from __future__ import annotations

import time
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from flowstone.server.auth import Caller, Gate, address_of
from flowstone.server.errors import ApiError
from flowstone.server.wire.sessions import Login, Session
from flowstone.server.wire.times import time_text
from flowstone.store import tokens
from flowstone.store.databases import Database

_SECOND = 1_000_000_000


@post(
    "/login",
    opt={"scope": "none"},
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    tags=["auth"],
)
def login(
    data: JSONBody[Login],
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    gate: NamedDependency[Gate],
) -> Response[Session]:
    """Let a browser in that shows a token: it gets a cookie that no script can read."""
    now = time.time_ns()
    row = gate.look_up(address_of(request), "token", data.token.strip())
    request.scope["auth"] = Caller(row.name, row.scope, "token", row.id)
    with database.transaction() as connection:
        secret, expires = tokens.begin_session(connection, row, now)
    cookie = Cookie(
        key=gate.cookie,
        value=secret,
        path="/",
        max_age=(expires - now) // _SECOND,
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )
    answer = Session(name=row.name, scope=row.scope, via="session", expires=time_text(expires))
    return Response(answer, cookies=[cookie])


@post(
    "/logout",
    opt={"scope": "none"},
    status_code=HTTP_204_NO_CONTENT,
    sync_to_thread=True,
    tags=["auth"],
)
def logout(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    gate: NamedDependency[Gate],
) -> Response[None]:
    """Let the browser that asks in no more."""
    secret = request.cookies.get(gate.cookie)
    if secret is not None:
        with database.transaction() as connection:
            tokens.end_session(connection, secret)
        gate.forget()
    gone = Cookie(key=gate.cookie, value="", path="/", max_age=0, httponly=True, samesite="strict")
    return Response(None, cookies=[gone])


@get("/session", opt={"scope": "none"}, tags=["auth"])
async def session(request: Request[Any, Any, Any], gate: NamedDependency[Gate]) -> Session:
    """Say who asks, and what they may do. 401 where a token is needed first."""
    caller = await gate.caller_of(request)
    if caller is None:
        raise ApiError(401, "not_authenticated", "Nobody is logged in.", "Log in with a token.")
    expires = None if caller.expires is None else time_text(caller.expires)
    return Session(name=caller.name, scope=caller.scope, via=caller.via, expires=expires)


ROUTES = [login, logout, session]
