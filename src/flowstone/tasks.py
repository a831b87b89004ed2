"""`@task`: a function whose calls are tracked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from importlib import import_module
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)
from zlib import crc32

from flowstone import declaring
from flowstone.core.facts import TaskDefined
from flowstone.core.plain import clean_text
from flowstone.core.policy import (
    Delays,
    Policy,
    exponential_backoff,
    make_delays,
    make_jitter,
)
from flowstone.declaring import Declaration
from flowstone.wiring import PROCESS

if TYPE_CHECKING:
    from flowstone.core.declared import Hook
    from flowstone.core.states import State

P = ParamSpec("P")
R = TypeVar("R")


class TaskOptions(TypedDict, total=False):
    """The options of a task; what each means stands at `task`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    task_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: Delays | None
    retry_jitter_factor: float | None
    retry_condition_fn: Callable[[Any, Any, State], Any] | None
    log_prints: bool | None
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None


class Task(Declaration[P, R]):
    """A function as a task. Call it as you would the function; each call is a task run.

    Options as at `task`. `fn` is the function itself, for calls that are not to be tracked.
    """

    kind = "Task"

    def __init__(self, fn: Callable[P, R], /, **options: Unpack[TaskOptions]) -> None:
        super().__init__(fn, options, TaskOptions.__annotations__)
        self.name = options.get("name") or declaring.own_name(fn)
        self.version = options.get("version")
        self.policy = _policy(options)
        self.task_key = _key(fn, self.name, self.run_tags)
        self.definition = TaskDefined(
            0,
            clean_text(self.task_key),
            clean_text(self.name),
            self.version,
            self.description,
            self.run_tags,
            self.policy.retries,
        )

    @property
    def task_run_name(self) -> str | Callable[..., str] | None:
        """The template or function of the run's names."""
        return self.run_name

    @property
    def retries(self) -> int:
        """How often a failed run is tried again."""
        return self.policy.retries

    @property
    def retry_delay_seconds(self) -> float | list[float]:
        """The seconds before a retry: one number, or one for each."""
        delays = self.policy.delays
        return list(delays) if len(delays) > 1 else delays[0] if delays else 0

    @property
    def retry_jitter_factor(self) -> float | None:
        """The factor that spreads the delays."""
        factor: float | None = self._options.get("retry_jitter_factor")
        return factor

    @property
    def retry_condition_fn(self) -> Callable[..., Any] | None:
        """The function that may refuse a retry."""
        return self.policy.condition

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, Any]],
        *args: Any,
        return_state: Literal[True],
        **kwargs: Any,
    ) -> Coroutine[Any, Any, State]: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State: ...
    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
    # No function has parameters of these names: the declaration refuses them.
    def __call__(  # type: ignore[misc]
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the function here, as a task run; return what it returns, raise what it raises.

        `return_state=True` gives the final `State` instead, and raises nothing of the function's.
        Futures and states in the arguments and in `wait_for` are waited for; the function gets
        their values. Raises `UpstreamTaskError` where one of them failed.
        An async task gives a coroutine. Raises `ParameterBindError` where the arguments do not fit.
        """
        __tracebackhide__ = True
        self.binding.check(args, kwargs)
        engine = PROCESS.engine or PROCESS.start()
        run = engine.new_task_run()
        if self.isasync:
            return self._call_async(engine, run, args, kwargs, wait_for, return_state=return_state)
        story = engine.task_run(self, run, args, kwargs, engine.blocking, engine.env, wait_for)
        if return_state:
            return engine.state_after(run, engine.finish(story))
        return engine.finish(story).unwrap()

    def submit(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the task beside the caller, on the flow's task runner; return a future.

        Arguments may be futures: the run begins when they have ended. `return_state=True` waits
        and gives the final `State`. Raises `RuntimeError` outside of a flow run.
        """
        future = _submitting().submit(self, args, kwargs, wait_for)
        if not return_state:
            return future
        future.wait()
        return future.state

    def map(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the task once for each item of its iterable arguments; return a list of futures.

        Arguments that cannot be iterated over, and those marked `unmapped`, go to every run.
        Raises `MappingMissingIterable` and `MappingLengthMismatch`.
        """
        futures = _submitting().submit_each(self, args, kwargs, wait_for)
        if not return_state:
            return futures
        futures.wait()
        return [future.state for future in futures]

    def with_options(self, **options: Unpack[TaskOptions]) -> Task[P, R]:
        """Return a new task with these options and otherwise this one's; `None` clears one."""
        declaring.check_options("with_options", options, TaskOptions.__annotations__)
        merged: TaskOptions = {**self._options, **options}
        return type(self)(self.fn, **merged)


@overload
def task(fn: Callable[P, R], /, **options: Unpack[TaskOptions]) -> Task[P, R]: ...
@overload
def task(
    fn: None = None, /, **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a task of a function: `@task`, `@task(retries=3)`, `task(fn, name="load")`.

    - `name`: what the task is called; default: the function's name. `description`: default its
      docstring. `version`, `tags`: recorded with each run.
    - `task_run_name`: a template over the parameters (`"load-{date:%A}"`) or a function that
      returns a name; it may take `parameters`.
    - `retries`: how often a failed run is tried again; `retry_delay_seconds`: a number of seconds,
      up to 50 of them (the last repeats), or a function such as `exponential_backoff(10)`;
      `retry_jitter_factor`: spreads each delay, keeping its mean; `retry_condition_fn(task,
      task_run, state)`: whether to try again.
    - `log_prints`: whether what it prints goes to its log; default: as the flow does.
    - `on_running`, `on_completion`, `on_failure`: lists of `hook(task, task_run, state)`.

    Raises `TypeError` or `ValueError` at the declaration for an option that cannot be.
    """
    if fn is None:
        return functools.partial(Task, **options)
    return Task(fn, **options)


@functools.cache
def _submitting() -> Any:
    """Return the module that submits; programs that only call tasks never load it."""
    return import_module("flowstone.submitting")


def _policy(options: TaskOptions) -> Policy:
    condition: Any = options.get("retry_condition_fn")
    if condition is not None and not callable(condition):
        message = (
            f"Expected `retry_condition_fn` to be callable, got {type(condition).__name__} instead."
        )
        raise TypeError(message)
    defaults = PROCESS.settings.tasks
    retries, delays = options.get("retries"), options.get("retry_delay_seconds")
    retries = defaults.default_retries if retries is None else retries
    delays = defaults.default_retry_delay_seconds if delays is None else delays
    return Policy(
        retries=retries,
        delays=make_delays(delays, retries),
        jitter=make_jitter(options.get("retry_jitter_factor")),
        condition=condition,
    )


def _key(fn: Callable[..., Any], name: str, tags: tuple[str, ...]) -> str:
    """Return a key that is the same on every Python and after every edit of the function's body."""
    qualified = declaring.qualified_name(fn)
    text = "\0".join((name, f"{declaring.importable_module(fn)}.{qualified}", *tags))
    return f"{qualified.rpartition('.')[2]}-{crc32(text.encode('utf-8', 'replace')):08x}"


__all__ = ["Task", "exponential_backoff", "task"]
