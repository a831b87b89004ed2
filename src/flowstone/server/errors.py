"""What the server answers where it cannot do what was asked: one shape for every error.

A handler raises `ApiError`, or lets an error of the store pass; what is raised by the framework
(no such path, a body that is too large, a parameter of the wrong type) becomes the same shape.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from flowstone.exceptions import LimitExists, LimitNotFound
from flowstone.server.wire.errors import ErrorBody
from flowstone.store import errors as found

_LOGGER = logging.getLogger("flowstone.server")
_AGAIN = {"Retry-After": "1"}


class ApiError(Exception):
    """An answer with a status of 4xx or 5xx; `hint` says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        *,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details
        self.headers = dict(headers or {})


_OF_STORE: dict[type[Exception], tuple[int, str, str]] = {
    found.RunNotFound: (404, "run_not_found", "Look for it: GET /api/flow-runs, /api/task-runs."),
    found.AmbiguousRun: (409, "ambiguous_run", "Give more digits of the id."),
    found.RunStillOpen: (409, "run_still_open", "Cancel the run, or wait until it has ended."),
    found.RunEnded: (409, "run_ended", "Look at the run: it is over."),
    found.NotALog: (400, "not_a_log", "Send the bytes of a log from its beginning."),
    found.ValueRefused: (400, "value_refused", "Send a value without NUL that is not so large."),
    found.TookTooLong: (503, "took_too_long", "Ask for less."),
    found.DatabaseAway: (503, "database_away", "Try again."),
    found.WriterBusy: (503, "database_busy", "Try again."),
    found.NewerDatabase: (503, "database_newer", "Upgrade this server."),
    found.StoreError: (503, "database_unusable", "'flowstone doctor' says more."),
    LimitNotFound: (404, "limit_not_found", "GET /api/limits lists those there are."),
    LimitExists: (409, "limit_exists", "Change the one that is there."),
    sqlite3.OperationalError: (503, "database_unavailable", "Try again; see the server's log."),
}
"""By kind: status, code and hint. Those of 503 may be tried again."""
_OF_STATUS = {
    400: ("invalid_request", "GET /api/schema says what each request may hold."),
    401: ("not_authenticated", "Send a token: Authorization: Bearer TOKEN."),
    403: ("not_allowed", ""),
    404: ("path_not_found", "GET /api/schema lists the paths there are."),
    405: ("method_not_allowed", "GET /api/schema lists the methods of each path."),
    413: ("too_large", "Send less at a time."),
    429: ("too_many_requests", "Wait, then try again."),
    503: ("unavailable", "Try again."),
}


def _answer(error: ApiError) -> Response[ErrorBody]:
    body = ErrorBody(code=error.code, message=error.message, hint=error.hint, details=error.details)
    return Response(
        body, status_code=error.status, headers=error.headers, media_type="application/json"
    )


def _own(_request: Request[Any, Any, Any], error: ApiError) -> Response[ErrorBody]:
    return _answer(error)


def _of_store(_request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    kind = next(kind for kind in type(error).__mro__ if kind in _OF_STORE)
    status, code, hint = _OF_STORE[kind]
    headers = _AGAIN if status == 503 else None
    return _answer(ApiError(status, code, str(error), hint, headers=headers))


def _of_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorBody]:
    status = error.status_code
    if status >= 500 and status != 503:
        return _unexpected(request, error)
    code, hint = _OF_STATUS.get(status, (f"status_{status}", ""))
    headers = dict(error.headers or {})
    message, details = error.detail, None
    if status == 404:
        message = f"There is nothing at {request.url.path}."
    elif status == 405:
        takes = _allowed(headers)
        message = f"{request.method} is not for {request.url.path}, which takes {takes}."
    elif status == 413:
        message = "The body of the request is larger than this path takes."
    elif error.extra:
        message, details = _what_is_wrong(error.extra)
    return _answer(ApiError(status, code, message, hint, details=details, headers=headers))


def _what_is_wrong(extra: Any) -> tuple[str, Any]:
    """Return in one line, and in parts, which values do not fit."""
    parts = extra if isinstance(extra, list) else [extra]
    texts = [
        f"{part.get('key', 'the request')}: {part.get('message', 'it does not fit')}"
        for part in parts
        if isinstance(part, dict)
    ]
    return f"The request does not fit: {'; '.join(texts)}.", parts


def _allowed(headers: Mapping[str, str]) -> str:
    return next((text for name, text in headers.items() if name.lower() == "allow"), "others")


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """Answer without a word of what is inside; the log has it all, under the same reference."""
    reference = secrets.token_hex(4)
    _LOGGER.error(
        "%s %s failed, reference %s", request.method, request.url.path, reference, exc_info=error
    )
    message = f"The server failed to answer; its log says why under the reference {reference}."
    return _answer(ApiError(500, "internal_error", message, details={"reference": reference}))


def _of_body(_request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    code, hint = _OF_STATUS[400]
    return _answer(ApiError(400, code, f"The request cannot be read: {error}.", hint))


HANDLERS: ExceptionHandlersMap = {
    ApiError: _own,
    HTTPException: _of_framework,
    msgspec.MsgspecError: _of_body,
    **dict.fromkeys(_OF_STORE, _of_store),
    Exception: _unexpected,
}
"""What makes an answer of each kind of error."""
