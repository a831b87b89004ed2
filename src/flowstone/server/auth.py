"""Who may ask the server what: the one guard that every request passes.

On a loopback address everything is allowed while the database holds no token: whoever can reach it
is on this machine. What a browser there may be made to do by a page of somebody else is refused
all the same: by the name that the request was sent to, and by the page that it comes from.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, Literal

import msgspec
from litestar import Request
from litestar.handlers import BaseRouteHandler

from flowstone.server.addresses import is_loopback, network_of
from flowstone.server.errors import ApiError
from flowstone.settings import Settings
from flowstone.store import tokens
from flowstone.store.databases import Database
from flowstone.store.tokens import SCOPES, Scope, TokenRow

_REMEMBERED_SECONDS = 1.0
"""For so long a token is taken to be what it was; a revoked one is refused after that."""
_MOST_REMEMBERED = 1024
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""Headers by which a proxy tells of whom it asks for: such a request is not of this machine."""
_MOST_FAILURES = 10
_FAILURE_SECONDS = 60.0
_MOST_ADDRESSES = 4096
_HOW = (
    "Make one on the server's machine: flowstone token create --scope run. Then send it: "
    "Authorization: Bearer TOKEN, or set FLOWSTONE_API_KEY."
)


class Caller(msgspec.Struct, frozen=True):
    """Who asks: the name of a token ("" where none is needed), and what it is good for."""

    name: str
    scope: Scope
    via: Literal["open", "token", "session"]
    token: bytes | None = None
    expires: int | None = None


class Failures:
    """How often each address showed what is no token lately; bounded, whoever asks."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def seconds_to_wait(self, address: str, now: float) -> float:
        """Return for how long nothing of an address is looked at, 0 where it is."""
        count, until = self._of.get(network_of(address), (0, 0.0))
        return until - now if count >= _MOST_FAILURES and now < until else 0.0

    def note(self, address: str, now: float) -> None:
        """Count one more."""
        group = network_of(address)
        with self._lock:
            count, until = self._of.pop(group, (0, 0.0))
            self._of[group] = (count + 1, until) if now < until else (1, now + _FAILURE_SECONDS)
            if len(self._of) > _MOST_ADDRESSES:
                self._of.popitem(last=False)


class Gate:
    """The guard of an application: names, tokens and scopes."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.cookie = f"flowstone_{settings.server.api.port}"
        self.failures = Failures()
        self.used: dict[bytes, int] = {}
        """When tokens were used, until somebody writes it down."""
        self._names = _names_of(settings)
        self._is_local = is_local(settings)
        self._known: OrderedDict[tuple[str, str], tuple[float, Caller]] = OrderedDict()
        self._open: tuple[float, bool] = (0.0, False)

    async def check(self, request: Request[Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Let a request pass, with the caller in `request.auth`, or raise `ApiError`."""
        self._check_name(request.headers)
        needed = scope_of(handler, request.method)
        if needed == "none":
            _check_origin(request, needs_proof=False)
            return
        caller = await self.caller_of(request)
        if caller is None:
            raise ApiError(
                401,
                "not_authenticated",
                "This needs a token, and none was sent.",
                _HOW,
                headers={"WWW-Authenticate": "Bearer"},
            )
        if caller.via != "token":
            _check_origin(request, needs_proof=caller.via == "session")
        if SCOPES.index(caller.scope) < SCOPES.index(needed):
            raise ApiError(
                403,
                "scope_too_small",
                f"This needs the scope {needed!r}; the token {caller.name!r} has {caller.scope!r}.",
                f"Use another token: flowstone token create --scope {needed}.",
            )
        request.scope["auth"] = caller

    async def caller_of(self, request: Request[Any, Any, Any]) -> Caller | None:
        """Return who asks, None where that needs a token and none came along.

        Raises `ApiError` for what is no token.
        """
        secret = _bearer(request.headers)
        if secret is not None:
            return await self._found(request, "token", secret)
        if not _FORWARDED & set(request.headers) and await self.is_open():
            return Caller("", "admin", "open")
        session = request.cookies.get(self.cookie)
        return None if session is None else await self._found(request, "session", session)

    async def is_open(self) -> bool:
        """Whether no token is needed: on a loopback address while there is none."""
        if not self._is_local:
            return False
        looked, answer = self._open
        if time.monotonic() - looked > _REMEMBERED_SECONDS:
            answer = await asyncio.to_thread(self._has_no_tokens)
            self._open = (time.monotonic(), answer)
        return answer

    def forget(self) -> None:
        """Look everything up anew: tokens or sessions were made or revoked here."""
        self._known.clear()
        self._open = (0.0, False)

    async def _found(
        self,
        request: Request[Any, Any, Any],
        via: Literal["token", "session"],
        secret: str,
    ) -> Caller:
        now = time.monotonic()
        looked, known = self._known.get((via, secret), (0.0, None))
        if known is not None and now - looked < _REMEMBERED_SECONDS:
            return known
        row = await asyncio.to_thread(self.look_up, address_of(request), via, secret)
        caller = Caller(row.name, row.scope, via, row.id, row.expires)
        self._known[via, secret] = (now, caller)
        self._known.move_to_end((via, secret))
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        self.used[row.id] = time.time_ns()
        return caller

    def look_up(self, address: str, via: Literal["token", "session"], secret: str) -> TokenRow:
        """Return the token that an address shows, or that stands behind its session.

        Raises `ApiError` where there is none, and while too much came from there that was none.
        """
        wait = self.failures.seconds_to_wait(address, time.monotonic())
        if wait and (via, secret) not in self._known:  # what was let in before is no guess
            raise ApiError(
                429,
                "too_many_failures",
                "Too much was sent from this address that is no token.",
                f"Wait {wait:.0f} s.",
                headers={"Retry-After": f"{math.ceil(wait)}"},
            )
        find = tokens.token_of if via == "token" else tokens.session_of
        with self.database.store() as store:
            row = find(store.connection, secret, time.time_ns())
        if row is not None:
            return row
        if via == "token":  # a session that is over is no attempt at anything
            self.failures.note(address, time.monotonic())
        raise ApiError(
            401,
            "not_authenticated",
            "The token is unknown, revoked or expired." if via == "token" else "Logged out.",
            _HOW if via == "token" else "Log in again.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _has_no_tokens(self) -> bool:
        with self.database.store() as store:
            return not tokens.has_tokens(store.connection)

    def _check_name(self, headers: Mapping[str, str]) -> None:
        """Refuse a request that was sent to a name which is not ours, as a page that makes its own
        name lead to this machine does.
        """
        name = _name_in(headers.get("host", ""))
        if self._names and name not in self._names:
            raise ApiError(
                421,
                "wrong_host",
                f"This server is not called {name[:100]!r}.",
                "Ask for it by its address, or start it with that name in "
                "FLOWSTONE_SERVER_API_ALLOWED_HOSTS.",
            )


def scope_of(handler: BaseRouteHandler, method: str) -> str:
    """Return what a request must be allowed: what the route says, else by its method."""
    return str(handler.opt.get("scope") or ("read" if method in _SAFE else "run"))


def is_local(settings: Settings) -> bool:
    """Whether only this machine can ask a server: one with further names stands behind a proxy."""
    api = settings.server.api
    return is_loopback(api.host) and not api.allowed_hosts


def address_of(request: Request[Any, Any, Any]) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def _names_of(settings: Settings) -> frozenset[str]:
    """Return the names that requests may be sent to, none where any will do.

    On an address that others can reach each request needs a token, which the page of somebody else
    does not have; the names that lead here are not known.
    """
    api = settings.server.api
    if not is_loopback(api.host) and not api.allowed_hosts:
        return frozenset()
    names = ("localhost", "127.0.0.1", "::1", api.host, *api.allowed_hosts)
    return frozenset(name.lower() for name in names)


def _name_in(host: str) -> str:
    """Return the name in a Host header: what stands before the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" and secret.strip() else None


def _check_origin(request: Request[Any, Any, Any], *, needs_proof: bool) -> None:
    """Refuse a change that the page of another site asks for, in a browser that is let in."""
    if request.method in _SAFE:
        return
    headers = request.headers
    origin = headers.get("origin")
    if origin is None:
        is_ours = not needs_proof or headers.get("sec-fetch-site") == "same-origin"
    else:
        is_ours = origin.partition("://")[2].lower() == headers.get("host", "").lower()
    if not is_ours:
        raise ApiError(
            403,
            "wrong_origin",
            f"A page of {origin or 'an unknown site'} asked for a change here.",
            "Only the server's own pages may, or whoever sends a token.",
        )
