"""Requests that are sent twice under one key are done once, and answered twice the same."""

from __future__ import annotations

import time

import msgspec

from flowstone.store.connection import Connection

KEPT = 24 * 3600 * 1_000_000_000
"""How long an answer is kept (nanoseconds)."""
_LOST = 60 * 1_000_000_000  # whoever has not answered by then never will


class Answered(msgspec.Struct, frozen=True):
    """What was asked under a key (a digest), and the answer, if there is one yet."""

    asked: bytes
    status: int | None
    answer: bytes | None


def begin(connection: Connection, key: str, asked: bytes) -> Answered | None:
    """Take a key for a request; return what is known of it where it is taken already."""
    now = time.time_ns()
    connection.execute(
        "DELETE FROM idempotency WHERE at < ? OR (key = ? AND status IS NULL AND at < ?)",
        (now - KEPT, key, now - _LOST),
    )
    taken = connection.execute(
        "INSERT INTO idempotency (key, at, asked) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (key, now, asked),
    ).rowcount
    if taken:
        return None
    row = connection.execute(
        "SELECT asked, status, answer FROM idempotency WHERE key = ?", (key,)
    ).fetchone()
    return None if row is None else Answered(*row)


def finish(connection: Connection, key: str, status: int, answer: bytes) -> None:
    """Keep the answer to the request that took a key."""
    connection.execute(
        "UPDATE idempotency SET status = ?, answer = ? WHERE key = ?", (status, answer, key)
    )


def give_up(connection: Connection, key: str) -> None:
    """Free a key whose request failed: it may be sent again."""
    connection.execute("DELETE FROM idempotency WHERE key = ? AND status IS NULL", (key,))
