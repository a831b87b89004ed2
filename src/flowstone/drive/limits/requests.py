"""What somebody asks of limits: to be let in, and to hold its slots until it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from flowstone.drive.run_logger import log_for

if TYPE_CHECKING:
    from flowstone.core.context import RunContext
    from flowstone.core.upstream import Waitable
    from flowstone.drive.limits.files import LimitFile
    from flowstone.drive.limits.notes import Lease

_LOGGER = logging.getLogger("flowstone")


class Limiter(Protocol):
    """Who gives slots: the limiter of a home's files, or one that asks a server."""

    def ask(self, request: Request) -> None:
        """Give a request its slots, or a place in the queues."""

    def release(self, request: Request) -> None:
        """Free what a request holds, or take it out of the queues."""

    def waiting_for(self, request: Request) -> str:
        """Return what a request waits for, in words; empty where nothing is."""

    def seconds_to_room(self, request: Request) -> float:
        """Return after how long the rates have room for a request, 0 where that is not known."""


class Request:
    """So many slots of each of some limits, all or none; `is_rate` where they are used up at once.

    It is done when it has them, or when `error` says why it cannot have them. Only the limiter
    changes it: `slots` are those it holds, `tickets` its places in the queues, and `aside` the
    queues in which it lets others pass, because it could not use a free slot yet; `idle` says since
    when (monotonic seconds) it lets one be unused. `missing` are the limits that were not there.
    With a `lease` it is held for somebody elsewhere. Where a server gives the slots, `answer` is
    done when it has answered first, `lease_seconds` is how long a lease to ask for, and `lapsed` is
    called, with words, when the lease could not be renewed in time.
    """

    __slots__ = (
        "__weakref__",
        "answer",
        "aside",
        "calls",
        "error",
        "idle",
        "is_done",
        "is_rate",
        "label",
        "lapsed",
        "lease",
        "lease_seconds",
        "limiter",
        "missing",
        "names",
        "occupy",
        "patience",
        "slots",
        "tickets",
    )

    def __init__(
        self,
        names: Sequence[str],
        occupy: int = 1,
        *,
        is_rate: bool = False,
        label: str = "",
        lease: Lease | None = None,
    ) -> None:
        self.names = tuple(sorted(set(names)))
        self.occupy = occupy
        self.is_rate = is_rate
        self.label = label
        self.lease = lease
        self.answer: Waitable | None = None
        self.lease_seconds: float | None = None
        self.lapsed: Callable[[str], object] | None = None
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


def warn(context: RunContext | None, text: str) -> None:
    """Tell people what became of a run's slots."""
    if context is None:
        _LOGGER.warning("%s", text)
    else:
        log_for(context).warning("%s", text)
