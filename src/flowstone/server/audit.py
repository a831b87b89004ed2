"""Who changed what through the server: noted as it is answered, written down within a second."""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import Any

from litestar import Request

from flowstone.server.auth import Caller, address_of
from flowstone.store import tokens
from flowstone.store.databases import Database
from flowstone.store.tokens import AuditRow

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_WAITING = 10_000
_KEPT_NS = 90 * 86_400 * 1_000_000_000


class Audit:
    """Lines about changes on their way to the database, and the last uses of tokens.

    They wait in memory, bounded, so that a change never waits for its line.
    """

    def __init__(self, database: Database, used: dict[bytes, int]) -> None:
        self.database = database
        self.used = used
        self._waiting: deque[AuditRow] = deque(maxlen=_MOST_WAITING)
        self._lock = Lock()

    def note(self, request: Request[Any, Any, Any], status: int) -> None:
        """Note that a request changed something, unless its route says that it is no news."""
        if request.method in _READING or not request.route_handler.opt.get("is_audited", True):
            return
        caller: Caller | None = request.scope.get("auth")
        who = caller.name if caller is not None else ""
        asked = (request.method, request.url.path)
        self._waiting.append(
            tokens.change_of(time.time_ns(), who, address_of(request), asked, status)
        )

    def write(self) -> None:
        """Write down what waits. What cannot be written now waits on."""
        with self._lock:
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            used = {token: self.used.pop(token) for token in list(self.used)}
            if not lines and not used:
                return
            try:
                with self.database.transaction() as connection:
                    tokens.note_changes(connection, lines)
                    for token, at in used.items():
                        tokens.note_use(connection, token, at)
            except BaseException:
                self._waiting.extendleft(reversed(lines))
                for token, at in used.items():
                    self.used.setdefault(token, at)  # unless it was used once more meanwhile
                raise

    def forget_old(self) -> None:
        """Delete lines of more than 90 days ago, and sessions that are over."""
        with self.database.transaction() as connection:
            tokens.forget_old(connection, time.time_ns(), _KEPT_NS)
