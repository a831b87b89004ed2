"""The limits of a server: made, changed, deleted, listed through its API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from flowstone.drive.decoders import from_json
from flowstone.drive.limits.definitions import Usage
from flowstone.drive.limits.files import Limit
from flowstone.drive.limits.notes import Holder, Waiter
from flowstone.exceptions import LimitExists, LimitNotFound
from flowstone.log.courier import Courier, ServerAway, ServerRefused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class _Holder(msgspec.Struct, kw_only=True):
    slot: int
    label: str
    host: str
    pid: int | None
    run: UUID | None
    since: datetime
    until: datetime | None


class _Waiter(msgspec.Struct, kw_only=True):
    label: str
    host: str
    pid: int | None
    run: UUID | None


class _Limit(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    limit: int
    active: bool
    slot_decay_per_second: float
    used: int
    waiting: int
    level: float
    overlaps: int
    created: datetime
    updated: datetime
    holders: list[_Holder] = []
    waiters: list[_Waiter] = []


class _Page(msgspec.Struct, kw_only=True):
    items: list[_Limit]
    next: str | None


class RemoteBook:
    """The limits of a server. Raises `ConnectionError` where it cannot be reached."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def all(self, prefix: str = "") -> list[Limit]:
        """Return the limits, by name; only those whose name begins so."""
        return [_limit(one) for one in self._pages(f"prefix={quote(prefix, safe='')}")]

    def usage(self, name: str) -> Usage:
        """Return how a limit is used now. Raises `LimitNotFound`."""
        return _usage(self._call("GET", self._path(name), _Limit))

    def create(
        self, name: str, limit: int, *, active: bool = True, slot_decay_per_second: float = 0.0
    ) -> Limit:
        """Make a limit. Raises `LimitExists`, and `ValueError` for what cannot be one."""
        body = {
            "name": name,
            "limit": limit,
            "active": active,
            "slot_decay_per_second": slot_decay_per_second,
        }
        return _limit(self._call("POST", "/api/limits", _Limit, body))

    def change(
        self,
        name: str,
        *,
        limit: int | None = None,
        active: bool | None = None,
        slot_decay_per_second: float | None = None,
        level: float | None = None,
    ) -> Limit:
        """Change what is given. Raises `LimitNotFound`, and `ValueError`."""
        given = {
            "limit": limit,
            "active": active,
            "slot_decay_per_second": slot_decay_per_second,
            "level": level,
        }
        body = {field: value for field, value in given.items() if value is not None}
        return _limit(self._call("PATCH", self._path(name), _Limit, body))

    def delete(self, name: str) -> Limit:
        """Delete a limit; who waits for it goes on. Raises `LimitNotFound`."""
        found = self._one(name)
        self._call("DELETE", f"/api/limits/{found.id}", None)
        return _limit(found)

    def reset(self, name: str) -> int:
        """End all leases of a limit, and empty a rate; return how many leases ended."""
        answer = self._call("POST", f"{self._path(name)}/reset", dict[str, int])
        return int(answer["ended"])

    def _path(self, name: str) -> str:
        return f"/api/limits/{self._one(name).id}"

    def _one(self, name: str) -> _Limit:
        for one in self._pages(f"name={quote(name, safe='')}"):
            return one
        message = f"There is no limit {name!r} on the server at {self._courier.url}."
        raise LimitNotFound(message)

    def _pages(self, query: str) -> list[_Limit]:
        found: list[_Limit] = []
        cursor = ""
        while True:
            page = self._call("GET", f"/api/limits?limit=1000&{query}{cursor}", _Page)
            found += page.items
            if page.next is None:
                return found
            cursor = f"&cursor={quote(page.next)}"

    def _call(self, method: str, path: str, answer: Any, body: Any = None) -> Any:
        data = b"" if body is None else _encode(body)
        try:
            got = self._courier.call(method, path, data)
        except ServerAway as error:
            message = f"the server at {self._courier.url} cannot be reached: {error}"
            raise ConnectionError(message) from error
        except ServerRefused as error:
            kinds = {404: LimitNotFound, 409: LimitExists}
            raise kinds.get(error.status, ValueError)(str(error)) from error
        finally:  # limits are rarely asked about: nothing stays open for it
            self._courier.close()
        return None if answer is None else from_json(got, answer)


def _usage(one: _Limit) -> Usage:
    holders = tuple(
        Holder(
            slot=holder.slot,
            pid=holder.pid or 0,
            since=_time(holder.since),
            label=holder.label,
            host=holder.host,
            run=None if holder.run is None else holder.run.bytes,
            until=None if holder.until is None else _time(holder.until),
        )
        for holder in one.holders
    )
    waiters = tuple(
        Waiter(
            pid=waiter.pid or 0,
            label=waiter.label,
            host=waiter.host,
            run=None if waiter.run is None else waiter.run.bytes,
        )
        for waiter in one.waiters
    )
    return Usage(_limit(one), one.used, one.level, one.waiting, holders, waiters, one.overlaps)


def _limit(one: _Limit) -> Limit:
    return Limit(
        name=one.name,
        limit=one.limit,
        active=one.active,
        slot_decay_per_second=one.slot_decay_per_second,
        id=one.id.bytes,
        created=_time(one.created),
        updated=_time(one.updated),
    )


def _time(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
