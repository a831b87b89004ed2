"""The desk of a server: made when somebody first asks for slots, tended as long as it is used."""

from __future__ import annotations

import os
import threading

from litestar.datastructures import State

from flowstone.drive.limits.local import local_limits
from flowstone.server.desks.desk import Desk
from flowstone.server.desks.home import HomeDesk
from flowstone.server.desks.shared import SharedDesk
from flowstone.server.services import Service, Services
from flowstone.store.databases import Database, EmbeddedDatabase

_LOCK = threading.Lock()
_EACH = 0.25
"""Seconds between two looks for what is over."""
_LATE = 10.0
"""Seconds without such a look after which the server is not ready."""


def desk_of(state: State, database: Database, services: Services) -> Desk:
    """Return the desk of a server, which its state holds."""
    with _LOCK:
        desk: Desk | None = state.get("limit_desk")
        if desk is None:
            state["limit_desk"] = desk = _made(database)
            services.add(Service(name="limits", work=desk.tend, period=_EACH, deadline=_LATE))
        return desk


def close_desk(state: State) -> None:
    """Let go of the desk of a server that ends."""
    with _LOCK:
        desk: Desk | None = state.get("limit_desk")
        if desk is not None:
            del state["limit_desk"]
            desk.close()


def _made(database: Database) -> Desk:
    if isinstance(database, EmbeddedDatabase):
        return HomeDesk(local_limits(os.path.join(database.home, "limits")))
    return SharedDesk(database)
