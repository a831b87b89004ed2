"""The limits of a server as this process sees them: it asks there instead of at files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from threading import Lock

import msgspec

from flowstone.core.context import get_current
from flowstone.drive.limits.remote_book import RemoteBook
from flowstone.drive.limits.remote_limiter import RemoteLimiter
from flowstone.drive.limits.requests import Request, warn
from flowstone.drive.limits.tags import PREFIX
from flowstone.log.courier import Courier

_TIMEOUT, _LONGEST_LISTENING = 10.0, 40.0


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The server that gives slots, and how to be let in.

    `lets_pass`: while it cannot be reached, nobody is held back by what it last said.
    """

    url: str
    key: str | None = None
    cert_file: str | None = None
    lets_pass: bool = False


class RemoteTags:
    """The tags with a limit, as the server told them within the last second."""

    def __init__(self, limiter: RemoteLimiter) -> None:
        self._limiter = limiter

    def limited(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Return the names of the limits that these tags have."""
        known = self._limiter.tags()
        if known.isdisjoint(tags):
            return ()
        return tuple(PREFIX + tag for tag in tags if tag in known)


class RemoteLimits:
    """Asks for slots, knows the tags that have a limit, and changes what limits there are."""

    def __init__(self, server: Server) -> None:
        self.limiter = RemoteLimiter(
            server.url,
            partial(_courier, server, _TIMEOUT),
            partial(_courier, server, _LONGEST_LISTENING),
            lets_pass=server.lets_pass,
        )
        self.definitions = RemoteBook(_courier(server, _TIMEOUT))
        self.tags = RemoteTags(self.limiter)

    def holding(self, tags: Sequence[str], label: str = "") -> Request | None:
        """Ask for a slot of each limit that these tags have; None where they have none.

        What it gives may not be done yet; `limiter.release` must follow in any case.
        """
        names = self.tags.limited(tags)
        if not names:
            return None
        request = Request(names, label=label)
        request.lapsed = partial(warn, get_current())
        self.limiter.ask(request)
        return request


_ALL: dict[Server, RemoteLimits] = {}
_LOCK = Lock()


def remote_limits(server: Server) -> RemoteLimits:
    """Return the limits of a server: always the same object."""
    with _LOCK:
        found = _ALL.get(server)
        if found is None:
            _ALL[server] = found = RemoteLimits(server)
        return found


def _courier(server: Server, timeout: float) -> Courier:
    return Courier(server.url, server.key, server.cert_file, timeout)


def _forget_in_child() -> None:
    global _LOCK  # noqa: PLW0603  another thread may have held it
    _LOCK = Lock()
    for limits in _ALL.values():
        limits.limiter.forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)
