"""A run whose result others may take before it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import msgspec

from flowstone.core.outcome import Outcome


class Input(msgspec.Struct, frozen=True):
    """A run whose result another run takes, with its state as that one began.

    `name` and `task` (or the name of the flow) are None where only the id is at hand.
    """

    run: bytes
    name: str | None
    task: str | None
    state: str

    @property
    def id(self) -> UUID:
        """The id of the run."""
        return UUID(bytes=self.run)


class Waitable(Protocol):
    """What a story can wait for."""

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to wait for."""

    def when_done(self, call: Callable[[Any], object], /) -> None:
        """Call with this when it is done, on the thread that did it; now if it is."""


class Slots(Waitable, Protocol):
    """Slots of limits, asked for; `error` says why they cannot be had.

    `answer` is done when it is known whether they are there at once, None where that is known.
    """

    @property
    def error(self) -> Exception | None:
        """Why they cannot be had."""

    @property
    def answer(self) -> Waitable | None:
        """What tells whether they are there at once."""

    def waiting_for(self) -> str:
        """Return what is waited for, in words; empty where nothing is."""

    def release(self) -> None:
        """Give them back, or the place in the queue."""


class Upstream:
    """What arguments may hold in place of a value: the engine waits for it and passes the value."""

    __slots__ = ()

    @property
    def key(self) -> bytes:
        """The id of the run."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """Whether the run has ended."""
        raise NotImplementedError

    @property
    def outcome(self) -> Outcome | None:
        """What the run came to, once it has ended."""
        raise NotImplementedError

    def as_input(self) -> Input:
        """Return the run as one whose result is taken."""
        raise NotImplementedError

    def final_state(self) -> Any:
        """Return the state that the run ended in, with its value or its exception."""
        raise NotImplementedError

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this, when the run has ended, on the thread that ended it; now if it has."""
        raise NotImplementedError

    def withdraw(self) -> bool:
        """End the run as Cancelled if its body has not begun; return whether that was so."""
        raise NotImplementedError

    def stop(self, reason: str, patience: float) -> bool:
        """Cancel the run, begun or not; return whether it will end so.

        A body that has not ended after `patience` seconds is left behind.
        """
        raise NotImplementedError

    @property
    def is_touched(self) -> bool:
        """Whether somebody has looked at what became of the run."""
        raise NotImplementedError

    def touch(self) -> None:
        """Note that somebody has looked at what became of the run."""
        raise NotImplementedError
