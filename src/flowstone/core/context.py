"""The run that the code on this thread, or in this coroutine, belongs to: one context variable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from flowstone.core.origins import Origins

if TYPE_CHECKING:
    from flowstone.core.declared import Declared, DeclaredFlow
    from flowstone.core.runs import FlowRun, TaskRun
    from flowstone.core.stopping import Deadline, Reach
    from flowstone.core.tracked import Loops
    from flowstone.core.transactions import BaseTransaction
    from flowstone.core.upstream import Input, Slots, Upstream
    from flowstone.engine.caching import KeptRun


NO_INPUTS: Mapping[str, tuple[Input, ...]] = MappingProxyType({})


class RunContext:
    """A run while its body runs: the run, what it is a run of, and the contexts around it.

    `flow` is the nearest flow run's context, itself for a flow run. `deadline` is that of the
    present attempt, `request` why the run is to be cancelled; `is_sealed` tells that what it came
    to is decided, so that neither matters any more. `reach` is how to get at what it does now.
    `call` is what a task's body is called with, once its inputs are there; `inputs`
    are the runs whose results it takes, by the parameters that they are given for. `loops` are
    those of its body that are tracked, once there was one. `slots` are those of limits that it
    holds or waits for; `keeping` is there where the run's result is kept, `transaction` where it
    has one of its own.
    """

    run: Any
    spec: Any
    call: tuple[tuple[Any, ...], dict[str, Any]]
    loops: Loops
    # What a context begins with stands in the class: so making one stores little.
    deadline: Deadline | None = None
    request: str | None = None
    inputs: Mapping[str, tuple[Input, ...]] = NO_INPUTS
    is_sealed = False
    reach: Reach | None = None
    slots: Slots | None = None
    keeping: KeptRun | None = None
    transaction: BaseTransaction | None = None

    def __init__(
        self,
        run: TaskRun | FlowRun,
        spec: Declared,
        outer: RunContext | None,
        flow: FlowContext | None,
        log_prints: bool,  # noqa: FBT001  by name it would cost each call of a task 0.1 µs
    ) -> None:
        self.run = run
        self.spec = spec
        self.outer = outer
        self.flow = flow
        self.log_prints = log_prints

    @property
    def is_late(self) -> bool:
        """Whether the present attempt has used up its time."""
        return self.deadline is not None and self.deadline.is_past

    @property
    def is_stopped(self) -> bool:
        """Whether the run is to end: its time is over, or it is to be cancelled."""
        return self.request is not None or self.is_late


class FlowContext(RunContext):
    """A flow run while its body runs, with what it counts.

    `names` counts the task runs created, by task; `tally` the ended ones, by state name; `shown`
    the lines printed about completed ones, by task. `children` are the submitted runs that have
    not ended, `failures` the first failed ones that nobody has looked at; `runner` is what
    submits, once it was needed; `origins` knows results that are passed on as plain values.
    `maps` has by task how many runs its `map` has, and how many had ended before; `ended` how many
    have, counted where somebody watches. `persists` tells whether results are kept of flows called
    in it that do not say, `tasks_persist` of tasks; `shelves` are where, by task or flow.
    `ended_flows` has the keys of subflows' results, by call; `met_flows` counts the calls of an
    attempt.
    """

    run: FlowRun
    spec: DeclaredFlow
    persists = False
    tasks_persist = False

    def __init__(
        self, run: FlowRun, spec: DeclaredFlow, outer: RunContext | None, *, log_prints: bool
    ) -> None:
        super().__init__(run, spec, outer, self, log_prints)
        # Any thread counts in these, with nothing called between reading and storing a number:
        # a call is where threads switch.
        self.names: dict[str, int] = defaultdict(int)
        self.tally: dict[str, int] = defaultdict(int)
        self.shown: dict[str, int] = defaultdict(int)
        self.ended: dict[str, int] = {}
        self.maps: dict[str, tuple[int, int]] = {}
        self.children: set[Upstream] = set()
        self.failures: list[Upstream] = []
        self.runner: Any = None
        self.origins = Origins()
        self.shelves: dict[Any, Any] = {}
        self.ended_flows: dict[Any, list[str]] = {}
        self.met_flows: dict[Any, int] = {}

    def close(self) -> None:
        """Let go of what submitted for this flow run."""
        runner, self.runner = self.runner, None
        if runner is not None:
            runner.close()


current: ContextVar[RunContext | None] = ContextVar("flowstone_run", default=None)
# Bound once, for what is called with every run: CPython makes a new bound method each time that a
# method of an imported name is called (0.05 µs).
get_current = current.get
set_current = current.set
tags_around: ContextVar[tuple[str, ...]] = ContextVar("flowstone_tags", default=())
"""The tags of the `tags(...)` blocks that the code is in, sorted."""
get_tags_around = tags_around.get  # bound once, as `get_current`
transaction_around: ContextVar[BaseTransaction | None] = ContextVar(
    "flowstone_transaction", default=None
)
"""The innermost transaction that is open around the code."""
get_transaction_around = transaction_around.get


def tags_of(own: tuple[str, ...], flow: FlowContext | None) -> tuple[str, ...]:
    """Return the tags of a run: its task's or flow's own, those around it, its flow run's."""
    around = tags_around.get()
    inherited = flow.run.tags if flow is not None else ()
    if around or inherited:
        return tuple(sorted({*own, *around, *inherited}))
    return own


@contextmanager
def within(run: RunContext | None, tags: tuple[str, ...]) -> Iterator[None]:
    """Let the code of the block belong to this run, and to these tags."""
    outer, around = current.get(), tags_around.get()
    current.set(run)
    tags_around.set(tags)
    try:
        yield
    finally:
        current.set(outer)
        tags_around.set(around)
