"""Stories that suspend: what they ask for, and how they go on.

A submitted run's story hands out its body, and whoever runs it (a worker of a pool, a task of a
loop) sends it what came of it. What else it waits for gives its thread back.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import Context
from functools import partial
from itertools import count
from types import coroutine
from typing import Any, Protocol

import msgspec

from flowstone.core.context import RunContext
from flowstone.core.outcome import Outcome
from flowstone.core.stopping import STOPS, check_stops
from flowstone.core.upstream import Waitable
from flowstone.drive.left_behind import Ticket
from flowstone.drive.timers import TIMERS
from flowstone.drive.waiting import real
from flowstone.engine.ops import Shelf


class Job(Protocol):
    """What is submitted: it gives its story when it is begun, and takes the outcome."""

    def begin(self) -> tuple[Coroutine[Any, Any, Outcome], Context] | None:
        """Return the story and the context to run it in; None where it was withdrawn."""

    def record(self) -> None:
        """Put it on record that it waits; do nothing where it is, or has begun."""

    def finish(self, outcome: Outcome) -> None:
        """Take what the story came to."""


class Body(msgspec.Struct, frozen=True):
    """The body of a run, to be run for the story that awaits it."""

    context: RunContext
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Call(msgspec.Struct, frozen=True):
    """Other user code, to be run for the story that awaits it."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Errand(Call, frozen=True):
    """Work of ours with results; a loop leaves it to a thread, unless it `is_quick()`."""

    is_quick: Callable[[], bool]


class Pause:
    """A delay or the end of other runs, for which a story waits without a thread."""

    __slots__ = ("context", "runs", "seconds")

    def __init__(self, context: RunContext, runs: Sequence[Waitable], seconds: float) -> None:
        self.context, self.runs, self.seconds = context, runs, seconds

    def __await__(self) -> Generator[Pause, None, None]:
        yield self
        if STOPS.any:
            check_stops(self.context)


class Suspending:
    """The verbs of a submitted run's story: each suspends it."""

    blocks = False
    yields = False

    @coroutine
    def body(
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Body, Outcome, Outcome]:
        """Hand out the body."""
        return (yield Body(context, args, kwargs))

    @coroutine
    def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Call, Outcome, Outcome]:
        """Hand out the call."""
        return (yield Call(fn, args, kwargs))

    def replay(self, context: RunContext, values: Sequence[Any], returned: Any) -> Any:
        """Nothing: what does not hand out values is given them all."""
        raise NotImplementedError

    @coroutine
    def load(self, shelf: Shelf, key: str, now: int) -> Generator[Errand, Outcome, Outcome]:
        """Look on a shelf."""
        return (yield Errand(shelf.load, (key, now), {}, partial(shelf.is_quick, key)))

    @coroutine
    def save(
        self, shelf: Shelf, key: str, value: Any, origin: Any
    ) -> Generator[Errand, Outcome, Outcome]:
        """Put a value on a shelf."""
        return (yield Errand(shelf.save, (key, value, origin), {}, bool))

    def sleep(self, context: RunContext, seconds: float) -> Pause:
        """Give the thread back for so long."""
        return Pause(context, (), real(seconds))

    def wait(
        self, context: RunContext | None, runs: Sequence[Waitable], timeout: float | None = None
    ) -> Pause:
        """Give the thread back until all of these have ended."""
        # Only flow runs wait with a timeout or whatever happens, and they are not submitted.
        assert context is not None
        assert timeout is None
        return Pause(context, runs, 0.0)


SUSPENDING = Suspending()


class _Paused(Ticket):
    """A story that waits; whoever comes first, what it waits for or a stop, lets it go on."""

    __slots__ = ("_resume",)

    def __init__(self, resume: Callable[[], object]) -> None:
        super().__init__()
        self._resume = resume

    def interrupt(self) -> None:
        """Let the story go on, once."""
        if self.claim():
            self._resume()


def suspend(pause: Pause, resume: Callable[[], object]) -> bool:
    """Arrange for a story to go on later; False where it can go on at once."""
    left = [run for run in pause.runs if not run.is_done]
    if not left and not pause.seconds:
        return False
    paused = _Paused(resume)
    pause.context.reach = paused
    if pause.seconds:
        TIMERS.after(pause.seconds, paused.interrupt)
    ended = count(1)

    def note(_run: Waitable) -> None:
        if next(ended) == len(left):
            paused.interrupt()

    for run in left:
        run.when_done(note)
    return True
