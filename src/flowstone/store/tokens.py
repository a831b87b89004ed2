"""Tokens, the sessions of browsers that showed one, and who changed what.

A token is 256 random bits, so nobody can try them out, and one SHA-256 is all that keeps what is in
the database from being one: a slow hash protects passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from typing import Literal

import msgspec

from flowstone.core.ids import IdSource
from flowstone.store.connection import EVERYTHING, Connection
from flowstone.store.errors import StoreError

Scope = Literal["read", "run", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "run", "admin")
"""What a token is good for; each holds those before it."""
PREFIX = "flst_"
SESSION_SECONDS = 7 * 86_400
LONGEST_NAME = 100
_SECOND = 1_000_000_000
_COLUMNS = "token.id, token.name, token.scope, token.created, token.expires, token.used"
_LONGEST_PATH = 500
_END = 1 << 63


class TokenRow(msgspec.Struct, frozen=True):
    """One token. `expires` is None for never, `used` is None until it was."""

    id: bytes
    name: str
    scope: Scope
    created: int
    expires: int | None
    used: int | None


class AuditRow(msgspec.Struct, frozen=True):
    """One change: when, by whose token ("" for none), from where, and what was asked."""

    id: bytes
    at: int
    who: str
    address: str
    method: str
    path: str
    status: int


class TokenExists(StoreError, ValueError):  # noqa: N818 - named for what was found
    """There is a token of that name already; choose another, or revoke that one."""


class TokenNotFound(StoreError, LookupError):  # noqa: N818 - named for what was found
    """There is no token of that name or id."""


def digest_of(secret: str) -> bytes:
    """Return what the database keeps of a token or a session."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def create_token(
    connection: Connection, name: str, scope: Scope, expires: int | None = None
) -> tuple[TokenRow, str]:
    """Make a token and return it with what its holder shows, which is told only here.

    Raises `TokenExists` for a name that is taken, `ValueError` for one that cannot be, and
    for an expiry that is past, or further away than databases can tell.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name.strip() != name:
        message = f"{name!r} cannot name a token: up to {LONGEST_NAME} printable characters can."
        raise ValueError(message)
    now = time.time_ns()
    if expires is not None and not now < expires < _END:
        message = "A token can expire between now and the year 2262."
        raise ValueError(message)
    if connection.execute("SELECT 1 FROM token WHERE name = ?", (name,)).fetchone():
        raise TokenExists(f"There is a token {name!r} already: 'flowstone token ls' shows it.")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = TokenRow(_new_id(now), name, scope, now, expires, None)
    connection.execute(
        "INSERT INTO token (id, digest, name, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
        (row.id, digest_of(secret), name, scope, now, expires),
    )
    return row, secret


def tokens(connection: Connection) -> list[TokenRow]:
    """Return all tokens, the oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM token ORDER BY id")  # noqa: S608 - ours
    return [TokenRow(*row) for row in rows]


def has_tokens(connection: Connection) -> bool:
    """Whether anybody needs a token to ask."""
    return connection.execute("SELECT 1 FROM token LIMIT 1").fetchone() is not None


def revoke_token(connection: Connection, given: str) -> TokenRow:
    """Delete the token of that name or id, and its sessions. Raises `TokenNotFound`."""
    for row in tokens(connection):
        if given in (row.name, row.id.hex()) or given.replace("-", "") == row.id.hex():
            connection.execute("DELETE FROM session WHERE token = ?", (row.id,))
            connection.execute("DELETE FROM token WHERE id = ?", (row.id,))
            return row
    raise TokenNotFound(f"There is no token {given!r}: 'flowstone token ls' lists them.")


def token_of(connection: Connection, secret: str, now: int) -> TokenRow | None:
    """Return the token that somebody shows, None where it is none or has expired."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM token WHERE digest = ?",  # noqa: S608 - our own names
        (digest_of(secret),),
    ).fetchone()
    return _valid(row, now)


def note_use(connection: Connection, token: bytes, now: int) -> None:
    """Keep when a token was last used."""
    connection.execute("UPDATE token SET used = ? WHERE id = ?", (now, token))


def begin_session(connection: Connection, token: TokenRow, now: int) -> tuple[str, int]:
    """Begin the session of a browser that showed a token: what it shows next, and until when."""
    secret = secrets.token_urlsafe(32)
    expires = now + SESSION_SECONDS * _SECOND
    expires = min(expires, token.expires or expires)
    connection.execute(
        "INSERT INTO session (digest, token, created, expires) VALUES (?, ?, ?, ?)",
        (digest_of(secret), token.id, now, expires),
    )
    return secret, expires


def session_of(connection: Connection, secret: str, now: int) -> TokenRow | None:
    """Return the token of a session, None where it is over."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM session JOIN token ON token.id = session.token "  # noqa: S608
        "WHERE session.digest = ? AND session.expires > ?",
        (digest_of(secret), now),
    ).fetchone()
    return _valid(row, now)


def end_session(connection: Connection, secret: str) -> None:
    """End a session; one that is none already is left so."""
    connection.execute("DELETE FROM session WHERE digest = ?", (digest_of(secret),))


def note_changes(connection: Connection, changes: list[AuditRow]) -> None:
    """Keep who changed what."""
    connection.executemany(
        "INSERT INTO audit (id, at, who, address, method, path, status) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [msgspec.structs.astuple(change) for change in changes],
    )


def change_of(now: int, who: str, address: str, asked: tuple[str, str], status: int) -> AuditRow:
    """Return the line about a change; `asked` is the request's method and path."""
    method, path = asked
    path = path[:_LONGEST_PATH].replace("\0", "\\0")
    return AuditRow(_new_id(now), now, who, address, method, path, status)


def changes(connection: Connection, limit: int, before: bytes | None = None) -> list[AuditRow]:
    """Return who changed what, newest first; `limit` 0 is all, `before` goes on behind an id."""
    where, values = ("", []) if before is None else ("WHERE id < ?", [before])
    rows = connection.execute(
        "SELECT id, at, who, address, method, path, status FROM audit "  # noqa: S608 - our own
        f"{where} ORDER BY id DESC LIMIT ?",
        [*values, limit or EVERYTHING],
    )
    return [AuditRow(*row) for row in rows]


def forget_old(connection: Connection, now: int, keep_ns: int) -> None:
    """Delete sessions that are over, and lines about changes that are older than so long."""
    connection.execute("DELETE FROM session WHERE expires <= ?", (now,))
    connection.execute("DELETE FROM audit WHERE at < ?", (now - keep_ns,))


def _valid(row: tuple[object, ...] | None, now: int) -> TokenRow | None:
    if row is None:
        return None
    token = msgspec.convert(list(row), tuple[bytes, str, Scope, int, int | None, int | None])
    found = TokenRow(*token)
    return None if found.expires is not None and found.expires <= now else found


_ids = IdSource(os.urandom(10))


def _new_id(now: int) -> bytes:
    return _ids.new(now)
