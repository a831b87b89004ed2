"""Surroundings for the engine that need no clock, no thread and no loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

from flowstone.core.binding import Binding
from flowstone.core.facts import FlowDefined, TaskDefined
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.policy import AS_USUAL, NO_RETRIES, Policy
from flowstone.core.states import DEFAULT_NAMES
from flowstone.core.stopping import Deadline
from flowstone.engine.ops import Env
from flowstone.engine.steps import Done


class Scripted:
    """Answers calls of the body with the outcomes it was given; calls everything else."""

    blocks = True
    yields = False

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.log: list[Any] = []

    async def call(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        self.log.append(fn)
        try:
            return Ok(fn(*args, **kwargs))
        except Exception as error:
            return Err(error)

    async def body(self, context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        if context.spec.fn is not body:
            return await self.call(context.spec.fn, args, kwargs)
        self.log.append("call")
        outcome = self.outcomes.pop(0)
        if callable(outcome):  # what happens to the run meanwhile
            outcome = outcome(context)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def sleep(self, context: Any, seconds: float) -> Done[None]:
        self.log.append(("sleep", seconds))
        return Done(None)


class Notebook:
    """A recorder and reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.facts: list[Any] = []
        self.told: list[Any] = []
        self.open: set[bytes] = set()

    def define(self, definition: Any) -> int:
        return 7

    def opened(self, run: Any, fact: Any) -> None:
        self.open.add(run.key)
        self.facts.append(fact)

    def append(self, fact: Any) -> None:
        self.facts.append(fact)

    def closed(self, run: Any, fact: Any) -> None:
        self.open.remove(run.key)
        self.facts.append(fact)

    def began(self, context: Any) -> None:
        self.told.append("began")

    def ended(self, context: Any) -> None:
        self.told.append(f"ended {context.run.state_name}")

    def failed(self, context: Any, error: BaseException, suffix: str) -> None:
        self.told.append(f"failed {error!r}{suffix}")

    def hook_ran(self, context: Any, hook: Any, state: str) -> None:
        self.told.append(f"hook {state}")

    def hook_ended(self, context: Any, hook: Any, error: BaseException | None) -> None:
        if error is not None:
            self.told.append(f"hook failed {error!r}")

    def condition_failed(self, context: Any, error: BaseException) -> None:
        self.told.append(f"condition failed {error!r}")

    @property
    def states(self) -> list[str]:
        """The names of the states recorded, in order; a created run that runs is "Running"."""
        return [name_of(fact) for fact in self.facts]


class NoLimits:
    """Limits of which there are none."""

    gives_places = False

    def holding(self, tags: Any, label: str) -> None:
        """No tag has one."""


class NoResults:
    """Results that cannot be kept."""

    def shelf(self, context: Any) -> Any:
        raise RuntimeError("there is no storage")


class Watch:
    """A watch without a clock: a body says that its time is over."""

    def begin(self, context: Any, seconds: float) -> Deadline:
        return Deadline(context, seconds)

    def end(self, deadline: Deadline) -> None:
        """Nothing to call off."""

    def listen(self, context: Any) -> None:
        """Nothing comes."""


def name_of(fact: Any) -> str:
    if type(fact).__name__.endswith("Created"):
        return "Running" if fact.running else "Pending"
    if type(fact).__name__ == "TaskRunCompleted":
        return "Completed"
    return fact.name or DEFAULT_NAMES[fact.type]


def body(*args: Any, **kwargs: Any) -> None:
    """Stand for the user's function; `Scripted` answers instead of it."""


class Spec:
    """A task or flow as the engine sees it."""

    def __init__(self, kind: str = "Task", fn: Callable[..., Any] = body, **options: Any) -> None:
        self.kind = kind
        self.name = options.get("name", "add")
        self.fn = fn
        self.run_tags: tuple[str, ...] = options.get("tags", ())
        self.policy: Policy = options.get("policy", NO_RETRIES)
        self.binding = Binding(options.get("signature", fn))
        self.run_name = options.get("run_name")
        self.log_prints = options.get("log_prints")
        self.on_running_hooks = options.get("on_running", [])
        self.on_completion_hooks = options.get("on_completion", [])
        self.on_failure_hooks = options.get("on_failure", [])
        self.on_cancellation_hooks = options.get("on_cancellation", [])
        self.on_commit_hooks = options.get("on_commit", [])
        self.on_rollback_hooks = options.get("on_rollback", [])
        self.on_crashed_hooks = options.get("on_crashed", [])
        self.isgenerator = False
        self.persists = options.get("persists")
        self.keeping = AS_USUAL
        self.timeout = options.get("timeout")
        self.timeout_isolated = False
        self.should_validate_parameters = options.get("validate", True)
        self.definition: Any = (
            TaskDefined(0, "add-1", "add") if kind == "Task" else FlowDefined(0, "etl")
        )


def surroundings(notebook: Notebook, draw: float = 0.5) -> Env:
    """Return surroundings whose clock goes one nanosecond a look."""
    ticks, ids = count(1000), count(1)
    return Env(
        log=notebook,
        report=notebook,
        now=lambda: next(ticks),
        draw=lambda: draw,
        new_id=lambda _now: next(ids).to_bytes(16, "big"),
        watch=Watch(),
        limits=NoLimits(),
        results=NoResults(),
    )


def finish(story: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run a story that never suspends, without an event loop."""
    try:
        story.send(None)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
    else:
        raise AssertionError(f"{story!r} suspended")
    finally:
        story.close()
