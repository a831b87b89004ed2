"""`track`: a loop whose progress is seen and recorded, and that a retry may go on with."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import chain, islice
from time import monotonic
from typing import Any, Generic, TypeVar, overload

from flowstone.core.context import RunContext, current
from flowstone.core.facts import ProgressMade
from flowstone.core.plain import clean_text
from flowstone.core.stopping import STOPS, Interrupted, TerminationSignal
from flowstone.core.tracked import OPEN, Cursor, Loops, LoopScope
from flowstone.drive.seats import HERE, Lowered
from flowstone.wiring.here import engine_here

T = TypeVar("T")
EACH = 0.2
"""Seconds between two records of a loop."""
_logger = logging.getLogger("flowstone.tracking")


@overload
def track(
    iterable: Iterable[T],
    total: int | None = None,
    description: str = "",
    *,
    resume: bool = False,
) -> Iterable[T]: ...
@overload
def track(
    iterable: AsyncIterable[T],
    total: int | None = None,
    description: str = "",
    *,
    resume: bool = False,
) -> AsyncIterable[T]: ...
def track(
    iterable: Any, total: int | None = None, description: str = "", *, resume: bool = False
) -> Any:
    """Return what to loop over, with `for` or `async for`, so that the run shows how far it is.

    The number of items is `total`, or `len(iterable)` where there is one. Loops of a run are told
    apart by `description`. Each turn is a point at which cancelling and deadlines take effect. An
    item counts as handled when the next one is asked for.

    With `resume`, a further attempt of the run passes the items that an earlier one has handled. An
    iterator that the attempts share goes on where it stopped, with the item that was not handled.
    Where the number of items is known and another than before, the loop begins anew.

    Outside of a run this is the iterable. Raises `TypeError` or `ValueError` for a wrong `total`.
    """
    given: object = total
    if given is not None and not isinstance(given, int):
        message = f"The total of a loop is a whole number; got {given!r}."
        raise TypeError(message)
    if total is not None and total < 0:
        message = f"The total of a loop is 0 or more; got {total}."
        raise ValueError(message)
    if total is None and hasattr(type(iterable), "__len__"):
        total = len(iterable)
    return _Tracked(iterable, total, clean_text(str(description)), resume=resume)


class _Tracked(Generic[T]):
    """An iterable, and how it is tracked; each `iter` of it within a run is a loop of its own."""

    def __init__(self, iterable: Any, total: int | None, description: str, *, resume: bool) -> None:
        self._iterable = iterable
        self._total, self._description, self._resume = total, description, resume

    def __iter__(self) -> Iterator[T]:
        context, source = current.get(), iter(self._iterable)
        return source if context is None else _items(self._loop(context, source), source)

    def __aiter__(self) -> AsyncIterator[T]:
        context, source = current.get(), aiter(self._iterable)
        return source if context is None else _AsyncItems(self._loop(context, source), source)

    def _loop(self, context: RunContext, source: object) -> _Loop:
        loop = _Loop(context, self._total, self._description)
        if self._resume:
            loop.resume(source, is_shared=source is self._iterable)
        return loop


class _Loop(LoopScope):
    """One loop of a run, from its first item to its last."""

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_context",
        "_due",
        "_log",
        "_loops",
        "_now",
        "_told",
        "began",
        "description",
        "first",
        "goes_on",
        "kept",
        "label",
        "total",
    )

    def __init__(self, context: RunContext, total: int | None, description: str) -> None:
        run, env = context.run, engine_here().env
        self._loops = _loops_of(context)
        self._attempt: int = run.run_count
        super().__init__(self._loops.innermost(self._attempt), description)
        self._context, self.total, self.description = context, total, description
        self.label: str = description or run.name
        self._log, self._now = env.log, env.now
        self._told, self._due, self.began = -1, 0.0, 0.0
        self.first = 0
        self.kept: Cursor | None = None
        self.goes_on = False

    @property
    def flow_run(self) -> bytes | None:
        """The key of the flow run that the loop belongs to."""
        return None if self._context.flow is None else self._context.flow.run.key

    def resume(self, source: object, *, is_shared: bool) -> None:
        """Begin where the attempt before stopped; `is_shared`: the caller owns the iterator.

        `goes_on` tells that the iterator is the one of that attempt, so nothing is to be passed.
        """
        self.kept = cursor = self.cursor
        self.goes_on = is_shared and cursor.source is source
        if self.goes_on:
            self.done = cursor.done
            return
        if cursor.done and cursor.length != self.total:
            _logger.warning(
                "Loop %r begins anew: it has %s items, and had %s in the attempt before.",
                self.label,
                _count(self.total),
                _count(cursor.length),
            )
            cursor.done = 0
            cursor.children = {}
        cursor.length, cursor.pending = self.total, []
        cursor.source = source if is_shared else None

    def begin(self) -> None:
        """Begin, as many items being `done` as are passed."""
        self.first = self.done
        self._loops.began(self)
        OPEN[self._context.run.key, self.description] = self
        self.began = now = monotonic()
        self._due = now + EACH
        if now - self._loops.told_at >= EACH:
            self._tell()

    def step(self) -> None:
        """Count one more item as handled, and do what is due between two."""
        self.done += 1
        cursor = self.kept
        if cursor is not None:
            cursor.done = self.done
            if cursor.pending:
                cursor.pending = []
            if cursor.children:
                cursor.children = {}
        if STOPS.any:
            HERE.seat.check(self._context)
        if monotonic() >= self._due:
            self._tell()

    def end(self) -> None:
        """Record where the loop ended: at its last item, or where it was left.

        That may be late, when a generator is collected, and then says nothing of a new attempt.
        """
        key = self._context.run.key, self.description
        if OPEN.get(key) is self:
            del OPEN[key]
        if self._loops.ended(self, self._attempt) and self._told != self.done:
            # Whoever is to be stopped is so already, or will be at the next look.
            with contextlib.suppress(Interrupted, TerminationSignal):
                self._tell()

    def _tell(self) -> None:
        self._told, now = self.done, monotonic()
        self._due = now + EACH
        self._loops.told_at = now
        run, description, total = self._context.run.key, self.description, self.total
        with Lowered():
            self._log.append(ProgressMade(run, description, self._now(), self._told, total))


def _items(loop: _Loop, source: Iterator[T]) -> Iterator[T]:
    """Give the items of a loop that are not handled yet."""
    cursor = loop.kept
    rest: Iterable[T] = source
    try:
        if cursor is not None and loop.goes_on:
            rest = chain(cursor.pending, source)
        elif cursor is not None:
            for _passed in islice(source, cursor.done):
                loop.done += 1
        loop.begin()
        for item in rest:
            if cursor is not None and cursor.source is not None:
                cursor.pending = [item]
            yield item
            loop.step()
    finally:
        loop.end()


class _AsyncItems(Generic[T]):
    """The same for `async for`; no generator, because one is closed too late to tell the end."""

    def __init__(self, loop: _Loop, source: AsyncIterator[T]) -> None:
        self._loop = loop
        self._next = source.__anext__
        self._is_begun = self._is_given = False
        self._again: list[T] = []

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._is_given:
            self._is_given = False  # first: no look at it may count it twice
            self._loop.step()
        elif not self._is_begun:
            self._is_begun = True
            await self._begin()
        try:
            item = self._again.pop() if self._again else await self._next()
        except StopAsyncIteration:
            self._loop.end()
            raise
        self._is_given = True
        cursor = self._loop.kept
        if cursor is not None and cursor.source is not None:
            cursor.pending = [item]
        return item

    async def _begin(self) -> None:
        loop, cursor = self._loop, self._loop.kept
        if cursor is not None and loop.goes_on:
            self._again = list(cursor.pending)
        elif cursor is not None:
            with contextlib.suppress(StopAsyncIteration):  # there are fewer than there were
                while loop.done < cursor.done:
                    await self._next()
                    loop.done += 1
        loop.begin()

    def __del__(self) -> None:
        self._loop.end()


def _loops_of(context: RunContext) -> Loops:
    loops = getattr(context, "loops", None)
    if loops is None:
        loops = context.loops = Loops()
    return loops


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"
