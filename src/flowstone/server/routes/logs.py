"""Logs: the parts of them that processes send here, and how it stands with each."""

from __future__ import annotations

import zlib
from typing import Annotated
from uuid import UUID

from backports import zstd
from litestar import Request, Router, get, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter, RawBody

from flowstone.core.ids import id_text
from flowstone.server.cursors import cursor_of, id_place_of
from flowstone.server.errors import ApiError
from flowstone.server.routes.parameters import Cursor, Limit, refuse_unknown
from flowstone.server.wire.logs import Command, Log, Logs, Received
from flowstone.server.wire.times import time_text
from flowstone.store.databases import Database
from flowstone.store.errors import NotALog, WrongOffset
from flowstone.store.receiver import Receiver
from flowstone.store.receiving import MOST_BYTES, Receipt, Shipment
from flowstone.store.shipped import LogState, list_logs

_LARGEST_OFFSET = 1 << 62
_OLDEST_FIRST = "Send the log from the offset in 'details' on; what is not there any more is a gap."


def log_receiver(state: State, database: NamedDependency[Database]) -> Receiver:
    """Return what takes logs into the database: one for as long as the server runs."""
    if "log_receiver" not in state:
        state["log_receiver"] = Receiver(database)
    found: Receiver = state["log_receiver"]
    return found


@put(
    "/logs/{log_id:uuid}",
    sync_to_thread=True,
    tags=["logs"],
    request_max_body_size=MOST_BYTES,
    opt={"is_audited": False},
)
def receive_log(
    request: Request[object, object, State],
    log_receiver: NamedDependency[Receiver],
    log_id: FromPath[UUID],
    body: RawBody,
    offset: Annotated[
        int,
        QueryParameter(ge=0, le=_LARGEST_OFFSET, description="Where in the log the body begins."),
    ],
    gap: Annotated[  # noqa: FBT002 - a parameter of a URL
        bool, QueryParameter(description="What lies before the body does not exist any more.")
    ] = False,
    dead: Annotated[  # noqa: FBT002 - as above
        bool, QueryParameter(description="Another process sends it, because its own is dead.")
    ] = False,
    over: Annotated[  # noqa: FBT002 - as above
        bool, QueryParameter(description="With `dead`: nothing follows the body.")
    ] = False,
    torn: Annotated[  # noqa: FBT002 - as above
        bool, QueryParameter(description="With `dead`: its machine went down, damage ends the log.")
    ] = False,
    durable: Annotated[  # noqa: FBT002 - as above
        bool, QueryParameter(description="Answer when a loss of power could not take it any more.")
    ] = False,
) -> Received:
    """Take bytes of a log, as they lie in its segments, one behind the other.

    What is here already is passed over. The answer says from where to go on, and what the process
    is asked to do. A body without bytes says that the process lives.
    """
    data = _unpacked(body, request.headers.get("content-encoding", ""))
    shipment = Shipment(
        log=log_id.bytes,
        offset=offset,
        data=data,
        has_gap=gap,
        is_dead=dead,
        is_over=over,
        is_torn=torn,
    )
    try:
        return _received(log_receiver.receive(shipment, durably=durable))
    except WrongOffset as error:
        details = {"offset": error.offset}
        raise ApiError(409, "wrong_offset", str(error), _OLDEST_FIRST, details=details) from error
    except NotALog as error:
        hint = "docs/log-format.md says what a log is."
        raise ApiError(400, "not_a_log", str(error), hint) from error


@get("/logs", sync_to_thread=True, tags=["logs"], guards=[refuse_unknown])
def get_logs(database: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None) -> Logs:
    """List the logs that are here in whole or in part, the newest first."""
    with database.store() as store:
        found = list_logs(store.connection, limit + 1, id_place_of(cursor))
    goes_on = len(found) > limit
    return Logs(
        items=[_log(one) for one in found[:limit]],
        next=cursor_of(found[limit - 1].id) if goes_on else None,
    )


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return what a body holds, however it was packed; never more than a log may bring at once."""
    try:
        match coding.strip().lower():
            case "" | "identity":
                data = body
            case "zstd":
                data = zstd.ZstdDecompressor().decompress(body, MOST_BYTES + 1)
            case "gzip":
                data = zlib.decompressobj(31).decompress(body, MOST_BYTES + 1)
            case _:
                hint = "Send it as it is, or as zstd or gzip."
                raise ApiError(415, "unknown_coding", f"A body cannot be {coding!r}.", hint)
    except (zstd.ZstdError, zlib.error, EOFError) as error:
        message = f"The body is not what its Content-Encoding {coding!r} says: {error}."
        raise ApiError(400, "invalid_request", message, "Send it again.") from error
    if len(data) > MOST_BYTES:
        message = f"The body holds more than {MOST_BYTES >> 20} MiB of a log."
        raise ApiError(413, "too_large", message, "Send less at a time.")
    return data


def _received(receipt: Receipt) -> Received:
    return Received(
        offset=receipt.offset,
        commands=[Command("cancel", id_text(one.run), one.message) for one in receipt.commands],
        needs=receipt.needs,
    )


def _log(one: LogState) -> Log:
    return Log(
        id=id_text(one.id),
        pid=one.pid,
        host=one.host,
        python=one.python,
        version=one.version,
        created=time_text(one.created),
        offset=one.applied,
        received=None if one.received is None else time_text(one.received),
        is_silent=one.lapsed is not None,
        ended=None if one.ended is None else time_text(one.ended),
        needs=None if one.blocked is None else one.version,
        damages=one.damages,
        lost_records=one.lost_records,
    )


ROUTES = [
    Router(
        "/",
        route_handlers=[receive_log, get_logs],
        dependencies={"log_receiver": Provide(log_receiver, sync_to_thread=False)},
    )
]
