"""Tells open pages what changed, within a fifth of a second, whichever process changed it.

The transactions that change runs write down which; here that list is read while somebody listens.
What a listener has not taken yet is kept as sets, so a slow one costs no more than a quick one; one
that is too far behind is told to read everything anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable

import msgspec
from litestar.datastructures import State
from litestar.response.sse import ServerSentEventMessage

from flowstone.core.ids import id_text
from flowstone.server.errors import ApiError
from flowstone.store.changes import (
    ARTIFACTS,
    FLOW_RUN,
    KEPT,
    LIMITS,
    LINES,
    TASK_RUNS,
    Change,
    changes_since,
    forget_changes,
    newest_change,
)
from flowstone.store.databases import Database

_LOGGER = logging.getLogger("flowstone.server")
_HUB = "flowstone_changes"
_PERIOD = 0.1
_AFTER_FAILURE = 1.0
_HEARTBEAT = 15.0
_TOLD_AT_ONCE = 1000
_MOST_LISTENERS = 1000
_TIDIED_EVERY = 600  # looks: a minute
_NAMES = {FLOW_RUN: "flow_runs", TASK_RUNS: "task_runs", LINES: "lines"}
_encode = msgspec.json.Encoder().encode


class Topics(msgspec.Struct, frozen=True):
    """What a listener wants to hear of: all runs or some, lines of some, limits, artifacts."""

    all_runs: bool
    runs: frozenset[bytes]
    lines: frozenset[bytes]
    limits: bool
    artifacts: bool

    def want(self, change: Change) -> bool:
        """Whether a change is of interest."""
        if change.topic in (FLOW_RUN, TASK_RUNS):
            return self.all_runs or change.run in self.runs
        if change.topic == LINES:
            return change.run in self.lines
        return self.limits if change.topic == LIMITS else self.artifacts


class _Listener:
    """One open stream: what it was not told yet."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.news = asyncio.Event()
        self.is_behind = False
        self._found: set[tuple[int, bytes | None]] = set()
        self._ref = 0

    def hear(self, changes: Iterable[Change]) -> None:
        """Take what changed, as far as it is of interest."""
        for change in changes:
            self._ref = change.ref
            if self.topics.want(change):
                self._found.add((change.topic, change.run))
                self.news.set()
        if len(self._found) > _TOLD_AT_ONCE:
            self._found.clear()
            self.is_behind = True

    def lose_track(self) -> None:
        """Take it that changes were missed."""
        self.is_behind = True
        self.news.set()

    def take(self) -> ServerSentEventMessage:
        """Return what there is to tell, and begin anew."""
        self.news.clear()
        found, self._found = self._found, set()
        if self.is_behind:
            self.is_behind = False
            return ServerSentEventMessage(event="resync", id=self._ref, data="{}")
        told: dict[str, object] = {
            name: [id_text(run) for kind, run in sorted(found, key=_order) if kind == topic and run]
            for topic, name in _NAMES.items()
        }
        kinds = {kind for kind, _ in found}
        told |= {"limits": LIMITS in kinds, "artifacts": ARTIFACTS in kinds}
        return ServerSentEventMessage(event="changes", id=self._ref, data=_encode(told).decode())


class Changes:
    """Reads the list of changes while somebody listens, for all who do."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[_Listener] = set()
        self._beginning = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._ref = 0

    def stream(self, topics: Topics, last: int | None) -> AsyncIterator[ServerSentEventMessage]:
        """Return what changes from now on, or behind `last`, as far as that is still known.

        Raises `ApiError` where too many listen.
        """
        if len(self._listeners) >= _MOST_LISTENERS:
            message = f"{_MOST_LISTENERS} streams are open; this server takes no more."
            raise ApiError(503, "too_many_streams", message, "Close some, or ask again later.")
        return self._told(_Listener(topics), last)

    async def _told(
        self, listener: _Listener, last: int | None
    ) -> AsyncIterator[ServerSentEventMessage]:
        self._listeners.add(listener)
        try:
            async with self._beginning:  # of several that come at once, one begins to read
                if self._reader is None or self._reader.done():
                    self._ref = await asyncio.to_thread(self._newest)
                    self._reader = asyncio.create_task(self._read_on())
            yield ServerSentEventMessage(event="hello", id=self._ref, data="{}", retry=1000)
            if last is not None and last != self._ref:
                await self._catch_up(listener, last)
            while True:
                try:
                    await asyncio.wait_for(listener.news.wait(), _HEARTBEAT)
                except TimeoutError:
                    yield ServerSentEventMessage(comment="still here", data=None)
                    continue
                yield listener.take()
        finally:
            self._listeners.discard(listener)

    async def _catch_up(self, listener: _Listener, last: int) -> None:
        missed = await asyncio.to_thread(self._since, last)
        if last > self._ref or _are_gone(last, missed):
            listener.lose_track()
        else:
            listener.hear(missed)

    async def _read_on(self) -> None:
        looks, failure = 0, ""
        while self._listeners:
            await asyncio.sleep(_PERIOD)
            try:
                found = await asyncio.to_thread(self._since, self._ref)
                looks += 1
                if looks % _TIDIED_EVERY == 0:
                    await asyncio.to_thread(self._tidy)
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                if text != failure:  # a database that is away for an hour is one line, not 3600
                    _LOGGER.exception("What changed could not be read; it is tried again.")
                failure = text
                await asyncio.sleep(_AFTER_FAILURE)
                continue
            failure = ""
            if not found:
                continue
            for listener in list(self._listeners):
                if _are_gone(self._ref, found):
                    listener.lose_track()
                listener.hear(found)
            self._ref = found[-1].ref

    def _newest(self) -> int:
        with self._database.store() as store:
            return newest_change(store.connection)

    def _since(self, ref: int) -> list[Change]:
        with self._database.store() as store:
            return changes_since(store.connection, ref)

    def _tidy(self) -> None:
        with self._database.transaction() as connection:
            forget_changes(connection)


def _are_gone(ref: int, found: list[Change]) -> bool:
    """Whether changes behind a number are not kept any more; numbers may have gaps."""
    return bool(found) and ref < found[-1].ref - KEPT


def changes_of(state: State, database: Database) -> Changes:
    """Return what tells changes in this server: one for as long as it runs."""
    found = state.get(_HUB)
    if found is None:
        found = state[_HUB] = Changes(database)
    assert isinstance(found, Changes)
    return found


def _order(one: tuple[int, bytes | None]) -> tuple[int, bytes]:
    return one[0], one[1] or b""
