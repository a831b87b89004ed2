"""Tokens as they are asked for and shown; a token itself is told once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token to make; without `expires` it holds until it is revoked."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scope: Literal["read", "run", "admin"]
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it may be shown."""

    id: str
    name: str
    scope: Literal["read", "run", "admin"]
    created: str
    expires: str | None
    used: str | None


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was just made, and what its holder shows: it cannot be asked for again."""

    token: Token
    secret: str


class TokenList(msgspec.Struct, frozen=True):
    """All tokens, the oldest first."""

    items: list[Token]
    next: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change through the server: by whom ("" where no token was needed), when, and what."""

    id: str
    at: str
    who: str
    address: str
    method: str
    path: str
    status: int


class ChangeList(msgspec.Struct, frozen=True):
    """Changes, the newest first, and where the list goes on."""

    items: list[Change]
    next: str | None
