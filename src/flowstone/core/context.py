"""The run that the code on this thread, or in this coroutine, belongs to: one context variable."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowstone.core.declared import Declared, DeclaredFlow
    from flowstone.core.runs import FlowRun, TaskRun
    from flowstone.core.upstream import Upstream


class RunContext:
    """A run while its body runs: the run, what it is a run of, and the contexts around it.

    `flow` is the nearest flow run's context, itself for a flow run.
    """

    __slots__ = ("flow", "log_prints", "outer", "run", "spec")

    run: Any
    spec: Any

    def __init__(
        self,
        run: TaskRun | FlowRun,
        spec: Declared,
        outer: RunContext | None,
        flow: FlowContext | None,
        *,
        log_prints: bool,
    ) -> None:
        self.run = run
        self.spec = spec
        self.outer = outer
        self.flow = flow
        self.log_prints = log_prints


class FlowContext(RunContext):
    """A flow run while its body runs, with what it counts.

    `names` counts the task runs created, by task; `tally` the ended ones, by state name; `shown`
    the lines printed about completed ones, by task. `children` are the submitted runs that have
    not ended, `failures` the first failed ones that nobody has looked at; `runner` is what
    submits, once it was needed.
    """

    __slots__ = ("children", "failures", "names", "runner", "shown", "tally")
    run: FlowRun
    spec: DeclaredFlow

    def __init__(
        self, run: FlowRun, spec: DeclaredFlow, outer: RunContext | None, *, log_prints: bool
    ) -> None:
        super().__init__(run, spec, outer, self, log_prints=log_prints)
        self.names: dict[str, int] = {}
        self.tally: dict[str, int] = {}
        self.shown: dict[str, int] = {}
        self.children: set[Upstream] = set()
        self.failures: list[Upstream] = []
        self.runner: Any = None

    def close(self) -> None:
        """Let go of what submitted for this flow run."""
        runner, self.runner = self.runner, None
        if runner is not None:
            runner.close()


current: ContextVar[RunContext | None] = ContextVar("flowstone_run", default=None)
