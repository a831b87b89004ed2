"""Logging in with a token, and who is logged in."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser shows to be let in."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks.

    `via` is `open` where no token is needed, else how the token came along; `expires` is when a
    login or the token is over, null for never.
    """

    name: str
    scope: Literal["read", "run", "admin"]
    via: Literal["open", "token", "session"]
    expires: str | None
