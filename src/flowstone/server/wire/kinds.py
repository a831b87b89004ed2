"""The kinds of values that many answers and requests hold, with what the document says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from flowstone.core.ids import id_text
from flowstone.server.wire.times import time_of, time_text

_FAR = (1 << 62) - 1  # the last moment that a database can keep, in the year 2116

_NO_NUL = r"^[^\x00]*$"
Id = Annotated[
    str,
    Meta(description="An id: a UUID as text.", examples=["0199a3c2-6f31-7c1a-9d2e-5b0f4a7c8e11"]),
]
Time = Annotated[
    str,
    Meta(description="A time, RFC 3339 in UTC.", examples=["2026-01-31T12:00:00.000000Z"]),
]
Seconds = Annotated[float, Meta(description="A duration in seconds.", examples=[1.25])]
StateTypeText = Annotated[
    str,
    Meta(description="The type of a state.", examples=["COMPLETED"]),
]
Text = Annotated[str, Meta(max_length=10_000, pattern=_NO_NUL)]
"""What a client may send as a text: no NUL, which Postgres refuses."""
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_NUL)]
"""What a client may send as a name."""


def id_or_none(raw: bytes | None) -> str | None:
    """Write an id, None where there is none."""
    return None if raw is None else id_text(raw)


def time_or_none(at: int | None) -> str | None:
    """Write a time, None where there is none."""
    return None if at is None else time_text(at)


def seconds(nanoseconds: int | None) -> float | None:
    """Return a duration as it travels."""
    return None if nanoseconds is None else nanoseconds / 1e9


def moment(given: datetime | None) -> int | None:
    """Return a time that was given (without a zone: UTC) as nanoseconds since 1970."""
    if given is None:
        return None
    at = time_of(given if given.tzinfo is not None else given.replace(tzinfo=UTC))
    return max(-_FAR, min(_FAR, at))


def nanoseconds(given: float | None) -> int | None:
    """Return a duration that was given in seconds."""
    return None if given is None else round(given * 1e9)
