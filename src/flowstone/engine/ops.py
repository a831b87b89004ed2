"""What the engine needs from outside: verbs it may wait on, and a place to write and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.facts import Defined, Fact
from flowstone.core.outcome import Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.upstream import Upstream


class Ops(Protocol):
    """The only verbs the engine may wait on."""

    def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Outcome]:
        """Call user code; whatever it raises of `Exception` is a value."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait."""

    def wait(self, runs: Sequence[Upstream], timeout: float | None = None) -> Awaitable[None]:
        """Wait until all of these have ended, or for so many seconds."""


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

    `now` gives nanoseconds since 1970, `draw` numbers from [0, 1), `new_id` an id for a time.
    `log_prints` holds for what neither a task nor a flow decides.
    """

    log: Recorder
    report: Reporter
    now: Callable[[], int]
    draw: Callable[[], float]
    new_id: Callable[[int], bytes]
    log_prints: bool = False
