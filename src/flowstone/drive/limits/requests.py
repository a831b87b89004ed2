"""What somebody asks of limits: to be let in, and to hold its slots until it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.drive.limits.files import LimitFile
    from flowstone.drive.limits.limiter import Limiter


class Request:
    """So many slots of each of some limits, all or none; `is_rate` where they are used up at once.

    It is done when it has them, or when `error` says why it cannot have them. Only the limiter
    changes it: `slots` are those it holds, `tickets` its places in the queues, and `aside` the
    queues in which it lets others pass, because it could not use a free slot yet; `idle` says since
    when (monotonic seconds) it lets one be unused. `missing` are the limits that were not there.
    """

    __slots__ = (
        "__weakref__",
        "aside",
        "calls",
        "error",
        "idle",
        "is_done",
        "is_rate",
        "label",
        "limiter",
        "missing",
        "names",
        "occupy",
        "patience",
        "slots",
        "tickets",
    )

    def __init__(
        self, names: Sequence[str], occupy: int = 1, *, is_rate: bool = False, label: str = ""
    ) -> None:
        self.names = tuple(sorted(set(names)))
        self.occupy = occupy
        self.is_rate = is_rate
        self.label = label
        self.limiter: Limiter | None = None
        self.is_done = False
        self.error: Exception | None = None
        self.missing: tuple[str, ...] = ()
        self.slots: dict[LimitFile, list[int]] = {}
        self.tickets: dict[LimitFile, int] = {}
        self.aside: set[LimitFile] = set()
        self.idle: dict[LimitFile, float] = {}
        self.patience = 1.0
        self.calls: list[Callable[[Any], object]] = []

    def waiting_for(self) -> str:
        """Return what is waited for, in words; empty where nothing is."""
        return self.limiter.waiting_for(self) if self.limiter is not None else ""

    def release(self) -> None:
        """Give the slots back, or the place in the queue."""
        if self.limiter is not None:
            self.limiter.release(self)

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this, when it is done, on the thread that decided; now if it is."""
        self.calls.append(call)
        if self.is_done:
            self.tell()

    def tell(self) -> None:
        """Call everybody who wants to know that it is done; nobody twice."""
        while self.calls:
            try:
                call = self.calls.pop()
            except IndexError:  # another thread tells
                return
            call(self)
