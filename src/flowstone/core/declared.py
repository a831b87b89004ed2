"""What the engine needs to know of a task or a flow, whatever declared it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from flowstone.core.binding import Binding
from flowstone.core.facts import FlowDefined, TaskDefined
from flowstone.core.policy import Keeping, Policy

if TYPE_CHECKING:
    from flowstone.core.context import RunContext
    from flowstone.core.transactions import BaseTransaction

Hook = Callable[..., Any]


class Declared(Protocol):
    """A task or a flow as it was declared; nothing of it changes while it runs."""

    kind: str
    """`Task` or `Flow`, as messages say it."""
    name: str
    fn: Callable[..., Any]
    run_tags: tuple[str, ...]
    policy: Policy
    binding: Binding
    run_name: str | Callable[..., Any] | None
    log_prints: bool | None
    isgenerator: bool
    timeout: float | None
    """Seconds that one attempt may take."""
    timeout_isolated: bool
    """Whether a direct call with a timeout runs in a thread that can be left behind."""
    persists: bool | None
    """Whether results are kept; None where the surroundings decide."""
    keeping: Keeping
    on_running_hooks: list[Hook]
    on_completion_hooks: list[Hook]
    on_failure_hooks: list[Hook]
    on_cancellation_hooks: list[Hook]
    on_crashed_hooks: list[Hook]


class DeclaredTask(Declared, Protocol):
    """A task."""

    definition: TaskDefined
    isasync: bool
    infrastructure_retries: int
    """How often a run is begun again whose worker died."""
    on_commit_hooks: list[Hook]
    on_rollback_hooks: list[Hook]

    def begin_transaction(self, context: RunContext) -> BaseTransaction:
        """Return the transaction of a run, begun."""


class DeclaredFlow(Declared, Protocol):
    """A flow."""

    definition: FlowDefined
    should_validate_parameters: bool
    task_runner: Any
    """What `start()`s threads or workers for a flow run's submitted tasks; None for the usual."""
