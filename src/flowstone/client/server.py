"""Asks a server: once, and again where it is away for a moment."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from flowstone import exceptions
from flowstone.core.ids import id_text
from flowstone.drive.decoders import from_json
from flowstone.exceptions import LimitExists, LimitNotFound, ServerUnreachable
from flowstone.log import courier
from flowstone.log.courier import Courier, ServerAway
from flowstone.settings import Settings
from flowstone.store import errors as store_errors

_T = TypeVar("_T")
_NOT_BEGUN = (425, 429, 503)
"""What a server answers that has done nothing of what it was asked."""
_A_PAGE = 1000
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 10.0
_MEANINGS: dict[str, type[exceptions.FlowstoneError]] = {
    "run_not_found": store_errors.RunNotFound,
    "ambiguous_run": store_errors.AmbiguousRun,
    "run_still_open": store_errors.RunStillOpen,
    "run_ended": store_errors.RunEnded,
    "limit_not_found": LimitNotFound,
    "limit_exists": LimitExists,
    "variable_exists": exceptions.ObjectAlreadyExists,
}
_encode = msgspec.json.Encoder().encode


class Server:
    """A server by its address. It may be asked from several threads at once.

    What it answers of runs becomes the errors of the store (`RunNotFound`, …); all else that it
    refuses is `ServerRefused`, or `ObjectNotFound`, and `ServerUnreachable` where it stays away.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the server of `api.url`, which must be set."""
        assert settings.api.url is not None
        self.url = settings.api.url
        self._api = settings.api
        self._retries = settings.client.max_retries
        self._idle: list[Courier] = []

    def ask(
        self, method: str, path: str, answer: type[_T], *, body: Any = None, **query: Any
    ) -> _T:
        """Send a request to a path below `/api`, and return what it answers.

        In the query None is left out, and of lists each item is a parameter of its own.
        """
        told = urlencode(list(_parameters(query)))
        place = f"/api{path}?{told}" if told else f"/api{path}"
        data = b"" if body is None else _encode(body)
        got = self._persistently(method, place, data)
        try:
            return from_json(got or b"null", answer)
        except msgspec.MsgspecError as error:
            message = f"The answer of {self.url}{path} cannot be read: {error}."
            raise exceptions.ServerRefused(message) from error

    def pages(self, path: str, page: type[Any], limit: int = 0, **query: Any) -> Iterator[Any]:
        """Give the items of a list, page after page; `limit` 0 is all."""
        cursor, given = None, 0
        while True:
            size = min(limit - given, _A_PAGE) if limit else _A_PAGE
            got = self.ask("GET", path, page, limit=size, cursor=cursor, **query)
            for item in got.items:
                yield item
                given += 1
                if given == limit:
                    return
            cursor = got.next
            if cursor is None:
                return

    def close(self) -> None:
        """Let go of all connections."""
        while self._idle:
            self._idle.pop().close()

    def _persistently(self, method: str, place: str, data: bytes) -> bytes:
        for tried in range(self._retries + 1):
            try:
                return self._once(method, place, data)
            except ServerAway as error:
                # What may have been done is not asked for again: it would be done twice.
                is_refused = isinstance(error.__cause__, ConnectionRefusedError)
                may_repeat = method == "GET" or error.status in _NOT_BEGUN or is_refused
                if tried == self._retries or not may_repeat:
                    message = (
                        f"The server at {self.url} cannot be reached: {error}. 'flowstone doctor' "
                        "says more; without FLOWSTONE_API_URL (api.url) this home alone is used."
                    )
                    raise ServerUnreachable(message) from error
                time.sleep(_wait(tried, error.seconds))
            except courier.ServerRefused as error:
                raise _meaning(error, self.url) from error
        raise AssertionError(place)

    def _once(self, method: str, place: str, data: bytes) -> bytes:
        api = self._api
        try:
            line = self._idle.pop()
        except IndexError:
            line = Courier(self.url, api.key, api.ssl_cert_file, api.request_timeout)
        try:
            return line.call(method, place, data)
        finally:
            self._idle.append(line)


def _meaning(error: courier.ServerRefused, url: str) -> exceptions.FlowstoneError:
    message = str(error).removeprefix(f"{error.status} ")
    kind = _MEANINGS.get(error.code)
    if kind is None and error.status == 404 and error.code.endswith("_not_found"):
        kind = exceptions.ObjectNotFound
    if kind is not None:
        return kind(message)
    if error.status in (401, 403):
        message += " The setting api.key (FLOWSTONE_API_KEY) is the token that is sent."
    return exceptions.ServerRefused(f"{url} refused: {message}", error.code, error.status)


def _wait(tried: int, asked: float) -> float:
    """Return how many seconds to wait: as long as the server asks, else longer each time."""
    usual: float = min(_FIRST_WAIT * 2**tried, _LONGEST_WAIT)
    return max(asked, usual) * random.uniform(1.0, 1.2)  # noqa: S311 - so that not all come at once


def _parameters(query: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None:
                yield name, _text(one)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return id_text(value) if isinstance(value, bytes) else str(value)
