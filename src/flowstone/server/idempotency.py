"""`Idempotency-Key`: a request that is sent again, as its answer was lost, is not done again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec
from litestar.params import HeaderParameter

from flowstone.drive.decoders import from_json
from flowstone.server.errors import ApiError
from flowstone.store import idempotency as kept
from flowstone.store.databases import Database

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A text of your own: a request that is sent again under it is done once.",
    ),
]


def once(
    database: Database, key: str | None, asked: object, kind: type[_T], do: Callable[[], _T]
) -> _T:
    """Do something and return its answer; under a key that was used, return the answer of then.

    Raises `ApiError` where the key was used for another request, or that one is not done yet.
    """
    if key is None:
        return do()
    digest = blake2b(_encode([type(asked).__name__, asked]), digest_size=16).digest()
    with database.transaction() as connection:
        known = kept.begin(connection, key, digest)
    if known is not None:
        return _answer_of(known, key, digest, kind)
    try:
        answer = do()
    except BaseException:
        with database.transaction() as connection:
            kept.give_up(connection, key)
        raise
    with database.transaction() as connection:
        kept.finish(connection, key, 200, _encode(answer))
    return answer


def _answer_of(known: kept.Answered, key: str, digest: bytes, kind: type[_T]) -> _T:
    if bytes(known.asked) != digest:
        message = f"The key {key!r} was used for another request in the last 24 hours."
        raise ApiError(409, "key_reused", message, "Take a new key for each request.")
    if known.answer is None:
        message = f"The request with the key {key!r} is not done yet."
        headers = {"Retry-After": "1"}
        raise ApiError(409, "key_in_use", message, "Send it again in a second.", headers=headers)
    return from_json(known.answer, kind)
