"""The desk of a server: made when somebody first asks for slots, tended as long as it is used."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref

from litestar.datastructures import State

from flowstone.drive.limits.local import local_limits
from flowstone.server.desks.desk import Desk
from flowstone.server.desks.home import HomeDesk
from flowstone.server.desks.shared import SharedDesk
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.errors import StoreError

_LOGGER = logging.getLogger("flowstone.server")
_LOCK = threading.Lock()
_EACH = 0.25
"""Seconds between two looks for what is over."""


def desk_of(state: State, database: Database) -> Desk:
    """Return the desk of a server, which its state holds."""
    with _LOCK:
        desk: Desk | None = state.get("limit_desk")
        if desk is None:
            state["limit_desk"] = desk = _made(database)
            threading.Thread(
                target=_tend, args=(weakref.ref(desk),), name="flowstone-limit-desk", daemon=True
            ).start()
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


def _tend(desk_ref: weakref.ref[Desk]) -> None:
    has_failed = False
    while (desk := desk_ref()) is not None:
        try:
            desk.tend()
        except StoreError as error:
            if not has_failed:
                _LOGGER.warning("Limits cannot be looked after for now: %s", error)
            has_failed = True
        except Exception:
            if not has_failed:
                _LOGGER.exception("Limits could not be looked after; it is tried again.")
            has_failed = True
        else:
            has_failed = False
        del desk
        time.sleep(_EACH)
