"""What the engine needs from outside: verbs it may wait on, and a place to write and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.facts import Defined, Fact
from flowstone.core.outcome import Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.stopping import Deadline
from flowstone.core.upstream import Slots, Upstream, Waitable


class Ops(Protocol):
    """The only verbs the engine may wait on."""

    def body(
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome | Awaitable[Outcome]:
        """Call the function of a run; whatever it raises of `Exception` is a value.

        What has its answer at once gives that itself, because nothing is called as often.
        Where the run is stopped the body is interrupted, and what it came to does not matter.
        Raises `Interrupted` where a run around it is stopped.
        """

    def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Outcome]:
        """Call other user code, a hook for instance; it is not interrupted."""

    def sleep(self, context: RunContext, seconds: float) -> Awaitable[None]:
        """Wait. Raises `Interrupted` where the run, or one around it, is stopped."""

    def wait(
        self, context: RunContext | None, runs: Sequence[Waitable], timeout: float | None = None
    ) -> Awaitable[None]:
        """Wait until all of these have ended, or for so many seconds.

        Raises `Interrupted` where the run, or one around it, is stopped; never for None.
        """


class Watch(Protocol):
    """Looks at the clock for attempts that have a deadline, and out for the process's end."""

    def begin(self, context: RunContext, seconds: float) -> Deadline:
        """Let an attempt's time begin; when it is over the run is stopped."""

    def end(self, deadline: Deadline) -> None:
        """Note that the attempt is over; its deadline cannot pass any more."""

    def listen(self, context: RunContext) -> Callable[[], None] | None:
        """Let what ends the process (SIGTERM) end this run first; return what stops that."""


class Limits(Protocol):
    """What says how many runs of a tag may run at once."""

    def holding(self, tags: Sequence[str], label: str) -> Slots | None:
        """Ask for a slot of each limit that these tags have; None where they have none.

        `label` is what is shown of who holds them.
        """


class Recorder(Protocol):
    """Where facts go. Nothing here waits or raises."""

    def define(self, definition: Defined, /) -> int:
        """Return the number by which facts refer to this task or flow."""

    def opened(self, run: TaskRun | FlowRun, fact: Fact, /) -> None:
        """Record the first fact of a run."""

    def append(self, fact: Fact, /) -> None:
        """Record a fact."""

    def closed(self, run: TaskRun | FlowRun, fact: Fact, /) -> None:
        """Record the last fact of a run."""


class Reporter(Protocol):
    """Tells people. Nothing here raises."""

    def began(self, context: FlowContext) -> None:
        """A flow run began."""

    def ended(self, context: RunContext) -> None:
        """A run ended."""

    def waiting(self, context: FlowContext, children: list[Upstream]) -> None:
        """A flow run's body is over, and what it submitted still runs."""

    def unseen(self, context: FlowContext, children: list[Upstream]) -> None:
        """Submitted runs failed, and nobody looked at them."""

    def searched(self, context: RunContext, argument: str, nodes: int, seconds: float) -> None:
        """An argument was searched for futures for nothing, and it was large."""

    def failed(self, context: RunContext, error: BaseException, suffix: str) -> None:
        """An attempt failed; `suffix` says what comes of it."""

    def hook_ran(self, context: RunContext, hook: Any, state: str) -> None:
        """A hook is about to run."""

    def hook_ended(self, context: RunContext, hook: Any, error: BaseException | None) -> None:
        """A hook ended, well or with an error."""

    def condition_failed(self, context: RunContext, error: BaseException) -> None:
        """A `retry_condition_fn` raised."""


class Env(msgspec.Struct, frozen=True):
    """The surroundings of a process's runs: its log, its voice, its clock, its dice, its ids.

    `now` gives nanoseconds since 1970, `draw` numbers from [0, 1), `new_id` an id for a time;
    `watch` looks after deadlines, `limits` are those of tags.
    `log_prints` holds for what neither a task nor a flow decides; `stop_grace` is how many seconds
    running tasks get when their flow run is stopped.
    """

    log: Recorder
    report: Reporter
    now: Callable[[], int]
    draw: Callable[[], float]
    new_id: Callable[[int], bytes]
    watch: Watch
    limits: Limits
    log_prints: bool = False
    stop_grace: float = 5.0
