"""Asks a server something in a line, for commands that only want to know how it is."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

import msgspec

_SECONDS = 3.0
_LARGEST = 1 << 20


class Refused(Exception):  # noqa: N818 - named for what happened
    """A server answered, and not with what was asked for."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def asked(url: str, path: str, *, key: str | None = None, trusted: str | None = None) -> Any:
    """Return what the server at a URL answers; `trusted` is a file of certificates.

    Raises `Refused` for an answer of 4xx or 5xx, `OSError` where there is no server, `ValueError`
    where what answers is none of ours.
    """
    context = ssl.create_default_context(cafile=trusted) if url.startswith("https:") else None
    request = urllib.request.Request(f"{url}/api/{path}")  # noqa: S310 - settings allow http(s)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=context) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read(_LARGEST))
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(error.code, _message_in(error.read(_LARGEST))) from error
    except http.client.HTTPException as error:  # of another protocol, or cut off
        message = f"what answers at {url} does not speak HTTP: {error!r}"
        raise ValueError(message) from error


def is_flowstone(url: str) -> bool:
    """Whether a server of ours answers there."""
    try:
        return bool(asked(url, "health") == {"status": "ok"})
    except (Refused, OSError, ValueError):
        return False


def is_ready(url: str) -> bool:
    """Whether the server there can do its work.

    One that speaks TLS counts as ready: its certificate may be for another name.
    """
    try:
        return bool(asked(url, "ready")["is_ready"])
    except ssl.SSLError:
        return True
    except OSError as error:
        return isinstance(getattr(error, "reason", None), ssl.SSLError)
    except (Refused, ValueError, KeyError, TypeError):
        return False


def _message_in(data: bytes) -> str:
    try:
        body = msgspec.json.decode(data)
        return f"{body['message']} {body['hint']}".strip()
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace")
