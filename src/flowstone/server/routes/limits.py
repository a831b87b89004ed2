"""Limits: made, changed, shown; and slots for processes of elsewhere, on leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from anyio import to_thread
from litestar import Request, Router, delete, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, QueryParameter

from flowstone.drive.limits.definitions import Book, Usage
from flowstone.drive.limits.files import Limit
from flowstone.drive.limits.messages import (
    Acquire,
    Acquired,
    Release,
    Released,
    Renew,
    Renewed,
)
from flowstone.exceptions import LimitExists, LimitNotFound
from flowstone.server.cursors import cursor_of, place_of
from flowstone.server.desks.desk import Desk
from flowstone.server.desks.open import desk_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import refuse_unknown
from flowstone.server.services import Services
from flowstone.server.wire.limits import (
    LimitChange,
    LimitDetails,
    LimitPage,
    LimitReset,
    NewLimit,
    limit_details,
    limit_item,
)
from flowstone.store.changes import LIMITS, note_changes
from flowstone.store.databases import Database

_T = TypeVar("_T")
_MOST = 1000
_OF_MACHINES = {"is_audited": False}
"""What processes ask all the time is no news."""


def limit_desk(
    state: State, database: NamedDependency[Database], services: NamedDependency[Services]
) -> Desk:
    """Return the desk of this server: one for as long as it runs."""
    return desk_of(state, database, services)


@get("/limits", sync_to_thread=True, tags=["limits"], guards=[refuse_unknown])
def list_limits(
    limit_desk: NamedDependency[Desk],
    name: Annotated[str | None, QueryParameter(description="Only the limit of this name.")] = None,
    prefix: Annotated[str, QueryParameter(description="Only names that begin so.")] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=_MOST, description="At most so many.")] = 50,
    cursor: Annotated[
        str | None, QueryParameter(description="`next` of the answer before.")
    ] = None,
) -> LimitPage:
    """List the limits by name, and how each is used."""
    behind = "" if cursor is None else place_of(cursor, str)
    book = limit_desk.book
    found = [one for one in book.all(prefix) if name in (None, one.name) and one.name > behind]
    shown = [_found(book, one) for one in found[:limit]]
    return LimitPage(
        items=[limit_item(one) for one in shown if one is not None],
        next=cursor_of(found[limit - 1].name) if len(found) > limit else None,
    )


@get("/limits/{limit_id:uuid}", sync_to_thread=True, tags=["limits"])
def get_limit(limit_desk: NamedDependency[Desk], limit_id: FromPath[UUID]) -> LimitDetails:
    """Show a limit, who holds its slots, and who waits for them."""
    return _details(limit_desk.book, _one(limit_desk.book, limit_id).name)


@post("/limits", sync_to_thread=True, tags=["limits"], opt={"scope": "admin"})
def create_limit(
    limit_desk: NamedDependency[Desk],
    database: NamedDependency[Database],
    data: JSONBody[NewLimit],
) -> LimitDetails:
    """Make a limit; everybody sees it within a second. A tag's limit is named `tag:TAG`."""
    made = _checked(
        partial(
            limit_desk.book.create,
            data.name,
            data.limit,
            active=data.active,
            slot_decay_per_second=data.slot_decay_per_second,
        )
    )
    _note(database)
    return _details(limit_desk.book, made.name)


@patch("/limits/{limit_id:uuid}", sync_to_thread=True, tags=["limits"], opt={"scope": "admin"})
def change_limit(
    limit_desk: NamedDependency[Desk],
    database: NamedDependency[Database],
    limit_id: FromPath[UUID],
    data: JSONBody[LimitChange],
) -> LimitDetails:
    """Change a limit. Slots that are held above a lowered limit stay held, and count."""
    given = {
        field: value
        for field in data.__struct_fields__
        if (value := getattr(data, field)) is not msgspec.UNSET
    }
    if not given:
        message = "Nothing to change: the request names no field."
        hint = f"Give one of {', '.join(data.__struct_fields__)}."
        raise ApiError(400, "nothing_to_change", message, hint)
    name = _one(limit_desk.book, limit_id).name
    _checked(partial(limit_desk.book.change, name, **given))
    _note(database)
    return _details(limit_desk.book, name)


@delete("/limits/{limit_id:uuid}", sync_to_thread=True, tags=["limits"], opt={"scope": "admin"})
def delete_limit(
    limit_desk: NamedDependency[Desk],
    database: NamedDependency[Database],
    limit_id: FromPath[UUID],
) -> None:
    """Delete a limit; who waits for it goes on."""
    limit_desk.book.delete(_one(limit_desk.book, limit_id).name)
    _note(database)


@post(
    "/limits/{limit_id:uuid}/reset",
    sync_to_thread=True,
    status_code=200,
    tags=["limits"],
    opt={"scope": "admin"},
)
def reset_limit(
    limit_desk: NamedDependency[Desk],
    database: NamedDependency[Database],
    limit_id: FromPath[UUID],
) -> LimitReset:
    """End all leases of a limit, and empty a rate. What runs goes on, and asks anew."""
    ended = limit_desk.reset(_one(limit_desk.book, limit_id).name)
    _note(database)
    return LimitReset(ended=ended)


@post("/limits/acquire", status_code=200, tags=["limits"], opt=_OF_MACHINES | {"is_stream": True})
async def acquire(
    limit_desk: NamedDependency[Desk], request: Request[Any, Any, Any], data: JSONBody[Acquire]
) -> Acquired:
    """Ask for slots, give some back, and wait for news of what was asked for.

    The answer comes at once where there is news, else when there is, or after `wait_seconds`.
    """

    async def exchange(message: Acquire) -> Acquired:
        return await to_thread.run_sync(limit_desk.exchange, message)

    if not data.wait_seconds:
        return await exchange(data)
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    until = loop.time() + data.wait_seconds
    gone = asyncio.ensure_future(_gone(request))
    wake = partial(loop.call_soon_threadsafe, news.set)
    try:
        with limit_desk.polls.waiting(data.client.id, wake):
            answer = await exchange(data)
            again = msgspec.structs.replace(data, asks=(), release=())
            while not _has_news(data, answer) and (left := until - loop.time()) > 0:
                if not await _told(news, gone, left):
                    break
                news.clear()
                answer = await exchange(again)
    finally:
        was_left = gone.done()
        gone.cancel()
    if was_left:
        await to_thread.run_sync(limit_desk.left, data.client)
    return answer


@post("/limits/renew", sync_to_thread=True, status_code=200, tags=["limits"], opt=_OF_MACHINES)
def renew(limit_desk: NamedDependency[Desk], data: JSONBody[Renew]) -> Renewed:
    """Let leases go on for their whole length from now."""
    return Renewed(lapsed=tuple(limit_desk.renew(data.client, data.ids)))


@post("/limits/release", sync_to_thread=True, status_code=200, tags=["limits"], opt=_OF_MACHINES)
def release(limit_desk: NamedDependency[Desk], data: JSONBody[Release]) -> Released:
    """Give slots back, and places in queues; who is next goes on."""
    limit_desk.release(data.client, data.ids)
    return Released()


async def _told(news: asyncio.Event, gone: asyncio.Future[None], seconds: float) -> bool:
    """Wait for news; False where nobody is there any more to hear them, or the server ends."""
    told = asyncio.ensure_future(news.wait())
    try:
        waited: set[asyncio.Future[Any]] = {told, gone}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:  # it is answered with what is known, not with an error
        return False
    finally:
        told.cancel()
    return not gone.done()


async def _gone(request: Request[Any, Any, Any]) -> None:
    """Return when whoever asked has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _has_news(asked: Acquire, answer: Acquired) -> bool:
    return bool(
        answer.settled or answer.tags is not None or answer.registration != asked.registration
    )


def _note(database: Database) -> None:
    """Let open pages know that limits changed."""
    with database.transaction() as connection:
        note_changes(connection, [(LIMITS, None)])


def _one(book: Book, limit_id: UUID) -> Limit:
    found = next((one for one in book.all() if one.id == limit_id.bytes), None)
    if found is None:
        message = f"There is no limit with the id {limit_id}."
        raise LimitNotFound(message)
    return found


def _details(book: Book, name: str) -> LimitDetails:
    return limit_details(book.usage(name))


def _found(book: Book, limit: Limit) -> Usage | None:
    try:
        return book.usage(limit.name)
    except LimitNotFound:  # deleted between two looks
        return None


def _checked(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except ValueError as error:
        if isinstance(error, LimitExists):
            raise
        hint = "GET /api/schema says what a limit may be."
        raise ApiError(400, "invalid_limit", str(error), hint) from error


ROUTES = [
    Router(
        "/",
        route_handlers=[
            list_limits,
            get_limit,
            create_limit,
            change_limit,
            delete_limit,
            reset_limit,
            acquire,
            renew,
            release,
        ],
        dependencies={"limit_desk": Provide(limit_desk, sync_to_thread=True)},
    )
]
