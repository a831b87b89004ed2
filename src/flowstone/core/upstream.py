"""A run whose result others may take before it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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

    def final_state(self) -> Any:
        """Return the state that the run ended in, with its value or its exception."""
        raise NotImplementedError

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this, when the run has ended, on the thread that ended it; now if it has."""
        raise NotImplementedError

    def withdraw(self) -> bool:
        """End the run as Cancelled if its body has not begun; return whether that was so."""
        raise NotImplementedError

    @property
    def is_touched(self) -> bool:
        """Whether somebody has looked at what became of the run."""
        raise NotImplementedError

    def touch(self) -> None:
        """Note that somebody has looked at what became of the run."""
        raise NotImplementedError


class Seen:
    """Whether this process has made anything that arguments would have to be searched for."""

    __slots__ = ("any",)

    def __init__(self) -> None:
        self.any = False


SEEN = Seen()
