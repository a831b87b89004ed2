"""Answers that need not travel twice: with a tag of what is in them."""

from __future__ import annotations

from litestar.config.compression import CompressionConfig
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware.compression import CompressionMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from flowstone.core.codes import digest

_OF_A_BODY = {b"content-length", b"content-type"}


class TaggedCompression(CompressionMiddleware):
    """Compresses answers, once they have their tag: what is compressed holds the time of day."""

    def __init__(self, app: ASGIApp, config: CompressionConfig) -> None:
        super().__init__(tag_answers(app), config)


def tag_answers(app: ASGIApp) -> ASGIApp:
    """Give each answer to a GET in JSON its ETag; 304 instead where the client has that very one.

    What is sent in pieces (a stream, a download) has none.
    """

    async def tagging(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        known = Headers.from_scope(scope).get("if-none-match", "")
        start: HTTPResponseStartEvent | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_whole_json(message):
                start = message
                return
            if start is not None:
                begun, start = start, None
                if message["type"] == "http.response.body" and not message["more_body"]:
                    tag = f'W/"{digest(message["body"]).hex()}"'
                    MutableScopeHeaders(begun)["etag"] = tag
                    if tag in {one.strip() for one in known.split(",")} or known == "*":
                        begun["status"] = 304
                        begun["headers"] = [
                            pair for pair in begun["headers"] if pair[0].lower() not in _OF_A_BODY
                        ]
                        message["body"] = b""
                await send(begun)
            await send(message)

        await app(scope, receive, send_tagged)

    return tagging


def _is_whole_json(start: HTTPResponseStartEvent) -> bool:
    kind = MutableScopeHeaders(start).get("content-type", "")
    return start["status"] == 200 and kind.startswith("application/json")
