"""Bodies that a run can go on without: who is first, the body or the one who gives it up."""

from __future__ import annotations

from flowstone.core.stopping import Reach
from flowstone.drive.seats import Seat
from flowstone.drive.timers import TIMERS

_BEAT = 0.1
"""Seconds between two attempts to end a body that was left behind."""


class Ticket(Reach):
    """Something that happens once, whoever comes first."""

    __slots__ = ("_undecided",)

    def __init__(self) -> None:
        self._undecided = [None]

    def claim(self) -> bool:
        """Whether the caller is the first one to ask."""
        try:
            self._undecided.pop()  # one step: two threads cannot both have it
        except IndexError:
            return False
        return True

    def give_up(self) -> None:
        """Nothing, unless it can be left behind."""


class Bout(Ticket):
    """One call of a body; `is_over` once it has ended."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False

    def leave(self) -> None:
        """Go on without the body, which is interrupted until it ends."""
        if not self.is_over:
            self.interrupt()
            TIMERS.after(_BEAT, self.leave)


class SeatBout(Bout):
    """One call of a body in a thread that can be left behind."""

    __slots__ = ("seat",)

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.seat = seat

    def interrupt(self) -> None:
        """End the user code, or the wait that it is in."""
        self.seat.interrupt()

    def leave(self) -> None:
        """Go on without the body: it starts nothing more, and is interrupted until it ends."""
        self.seat.is_left = True
        super().leave()
