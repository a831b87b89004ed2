"""What the engine needs from outside: verbs it may wait on, and a place to write and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.facts import Defined, Fact
from flowstone.core.outcome import Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.stopping import Deadline
from flowstone.core.upstream import Slots, Upstream, Waitable

if TYPE_CHECKING:
    from flowstone.core.keys import Policy
    from flowstone.results.kept import Kept


class Ops(Protocol):
    """The only verbs the engine may wait on.

    `blocks` tells that they keep the thread meanwhile, `yields` that they hand out a generator's
    values; such ones have `replay`, too.
    """

    blocks: bool
    yields: bool

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

    def replay(
        self, context: RunContext, values: Sequence[Any], returned: Any
    ) -> Awaitable[Outcome]:
        """Hand out a generator's values as if it yielded them; give what it returned."""

    def load(self, shelf: Shelf, key: str, now: int) -> Awaitable[Outcome]:
        """Look on a shelf (see `Shelf.load`); no loop waits where that takes long."""

    def save(
        self, shelf: Shelf, key: str, value: Any, origin: tuple[int, str, float, str]
    ) -> Awaitable[Outcome]:
        """Put a value on a shelf; no loop waits meanwhile."""

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
    """What says how many runs of a tag may run at once.

    `gives_places` tells that runs without tags are to ask too: there are only so many places.
    """

    gives_places: bool

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

    def warned(self, context: RunContext, text: str) -> None:
        """Something about a run's result is not as its user wants it."""

    def uncached(self, context: RunContext, text: str) -> None:
        """The results of a task cannot be kept or found again; told once a task."""

    def condition_failed(self, context: RunContext, error: BaseException) -> None:
        """A `retry_condition_fn` raised."""


class Flight(Waitable, Protocol):
    """An identical call under way, done when it has ended.

    `holder` is the run that computes it, None where another process does; `at` is its place in the
    order in which runs that hold flights may wait for others.
    """

    at: int
    holder: RunContext | None

    def would_hang(self, context: RunContext, *, blocks: bool) -> bool:
        """Whether the wait of a run would never end; it `blocks` its thread, or not."""

    def awaited_by(self, context: RunContext) -> Waitable:
        """Return what a run waits for: the flight, or the flight for a time."""

    def end(self) -> None:
        """Let it be over."""


class Shelf(Protocol):
    """Where the results of a task or flow are kept. `policy` makes keys, where there are any.

    `refresh` tells that what is there is not used, `lock_manager` has a lock for each key, where it
    is not None. Loading and saving may take time, and raise.
    """

    place: str
    policy: Policy | None
    refresh: bool
    lock_manager: Any

    def load(self, key: str, now: int) -> Kept | str:
        """Return what is kept under a key and good to use at a time, or why there is nothing."""

    def save(self, key: str, value: Any, origin: tuple[int, str, float, str]) -> int:
        """Keep a value; return its size.

        `origin` is when it was made, the packed ingredients of its key, the seconds that it took,
        and the name of the task.
        """

    def copied(self, value: Any) -> tuple[Any, int]:
        """Return a copy of a value and its bytes. Raises where it cannot be written down."""

    def is_quick(self, key: str) -> bool:
        """Whether to load this holds nobody up."""

    def begin(self, key: str, holder: RunContext) -> Flight:
        """Return the flight of a key: a new one of this holder, or the one under way."""


class Results(Protocol):
    """The results of this process's runs."""

    def shelf(self, context: RunContext) -> Shelf:
        """Return where the result of a run goes. Raises where what was asked for cannot be."""


class Env(msgspec.Struct, frozen=True):
    """The surroundings of a process's runs: its log, its voice, its clock, its dice, its ids.

    `now` gives nanoseconds since 1970, `draw` numbers from [0, 1), `new_id` an id for a time;
    `watch` looks after deadlines, `limits` are those of tags, `results` where results are kept.
    `log_prints` holds for what neither a task nor a flow decides; `stop_grace` is how many seconds
    running tasks get when their flow run is stopped. Of what does not say itself whether its
    results are kept, `persists` tells it for flows, `tasks_persist` for tasks outside of them, and
    `all_tasks_persist`, where it is not None, for all tasks.
    """

    log: Recorder
    report: Reporter
    now: Callable[[], int]
    draw: Callable[[], float]
    new_id: Callable[[int], bytes]
    watch: Watch
    limits: Limits
    results: Results
    log_prints: bool = False
    stop_grace: float = 5.0
    persists: bool = False
    tasks_persist: bool = False
    all_tasks_persist: bool | None = None
