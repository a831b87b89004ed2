"""The headers of every answer: what a browser may do with it."""

from __future__ import annotations

from litestar.types import Message, Scope

STATUS = "flowstone_status"
"""Where a request keeps the status of its answer."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https: http:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_ALWAYS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_CACHING = (b"cache-control", b"no-cache")


async def add(message: Message, scope: Scope) -> None:
    """Add them as an answer begins."""
    if message["type"] != "http.response.start":
        return
    scope["state"][STATUS] = message["status"]
    given = list(message["headers"])
    names = {name.lower() for name, _ in given}
    # Asked for anew each time, unless the route says otherwise: an ETag then saves the body.
    added = _ALWAYS if _CACHING[0] in names else [*_ALWAYS, _CACHING]
    message["headers"] = [*given, *added]
