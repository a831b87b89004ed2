"""`@task`: a function whose calls are tracked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from importlib import import_module
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from flowstone.annotations import unmapped
from flowstone.core.facts import TaskDefined
from flowstone.core.plain import clean_text
from flowstone.core.policy import (
    Delays,
    Policy,
    exponential_backoff,
    make_delays,
    make_jitter,
)
from flowstone.face import declaring
from flowstone.face.declaring import Declaration, F
from flowstone.wiring.process import PROCESS

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

if TYPE_CHECKING:
    from datetime import timedelta

    from flowstone.cache_policies import CachePolicy, task_input_hash
    from flowstone.core.context import RunContext
    from flowstone.core.declared import Hook
    from flowstone.core.states import State
    from flowstone.core.transactions import BaseTransaction
    from flowstone.futures import FutureList, TaskFuture
    from flowstone.results.filesystems import Place
    from flowstone.results.serializers import Serializer

    Yielding = Generator[T, Any, Any] | AsyncGenerator[T, Any]


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
    infrastructure_retries: int | None
    log_prints: bool | None
    timeout_seconds: float | None
    timeout_isolated: bool
    viz_return_value: Any
    cache_policy: CachePolicy | None
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None
    cache_expiration: timedelta | None
    refresh_cache: bool | None
    persist_result: bool | None
    result_storage: Place | None
    result_storage_key: str | None
    result_serializer: Serializer | str | None
    cache_result_in_memory: bool
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_commit: Iterable[Hook] | None
    on_rollback: Iterable[Hook] | None


class Task(Declaration[P, R_co]):
    """A function as a task. Call it as you would the function; each call is a task run.

    Options as at `task`. `fn` is the function itself, for calls that are not to be tracked.
    """

    kind = "Task"

    def __init__(self, fn: Callable[P, R_co], /, **options: Unpack[TaskOptions]) -> None:
        super().__init__(fn, options, TaskOptions.__annotations__)
        self.name = declaring.text_option("task", "name", options) or declaring.own_name(self.fn)
        self.version = declaring.text_option("task", "version", options)
        self.policy = _policy(self._options)
        self.infrastructure_retries = declaring.check_retries(
            options.get("infrastructure_retries"), 0
        )
        defaults = PROCESS.settings.tasks
        if defaults.default_no_cache or defaults.disable_caching:
            self._keep_results(
                no_cache=defaults.default_no_cache, never_cache=defaults.disable_caching
            )
        self.on_commit_hooks = declaring.check_hooks("task", "on_commit", options.get("on_commit"))
        self.on_rollback_hooks = declaring.check_hooks(
            "task", "on_rollback", options.get("on_rollback")
        )
        self.viz_return_value = options.get("viz_return_value")
        self.task_key = _key(self.fn, self.name, self.run_tags)
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

    @task_run_name.setter
    def task_run_name(self, name: str | Callable[..., str] | None) -> None:
        self.run_name = name

    @functools.cached_property
    def source_code(self) -> str | None:
        """The text of the function; None where it has no source file."""
        try:
            return inspect.getsource(self.fn)
        except (OSError, TypeError):
            return None

    @property
    def cache_policy(self) -> CachePolicy | None:
        """What the key of a call is made of; None where calls have none."""
        keeping = self.keeping
        if not keeping.is_usual:
            policy: CachePolicy | None = keeping.policy
            return policy
        usual: CachePolicy = import_module("flowstone.cache_policies").DEFAULT
        return usual

    @property
    def cache_key_fn(self) -> Callable[..., str | None] | None:
        """The function that makes the key of a call, as it was given."""
        fn: Callable[..., str | None] | None = self._options.get("cache_key_fn")
        return fn

    @property
    def cache_expiration(self) -> timedelta | None:
        """How long a kept result may be used."""
        expiration: timedelta | None = self._options.get("cache_expiration")
        return expiration

    @property
    def refresh_cache(self) -> bool | None:
        """Whether kept results are made anew; None where the settings decide."""
        refresh: bool | None = self._options.get("refresh_cache")
        return refresh

    @property
    def result_storage_key(self) -> str | None:
        """The template of the name under which results are kept."""
        return self.keeping.storage_key

    @property
    def retry_jitter_factor(self) -> float | None:
        """The factor that spreads the delays."""
        factor: float | None = self._options.get("retry_jitter_factor")
        return factor

    @property
    def retry_condition_fn(self) -> Callable[..., Any] | None:
        """The function that may refuse a retry."""
        return self.policy.condition

    def on_commit(self, hook: F) -> F:
        """Call the hook with the transaction when a run's work takes effect; as a decorator."""
        self.on_commit_hooks.append(hook)
        return hook

    def on_rollback(self, hook: F) -> F:
        """Call the hook with the transaction to undo a run that completed; as a decorator."""
        self.on_rollback_hooks.append(hook)
        return hook

    def begin_transaction(self, context: RunContext) -> BaseTransaction:
        """Return the transaction of a run, begun."""
        begun: BaseTransaction = import_module("flowstone.transactions").begin_for(context)
        return begun

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        **kwargs: Any,
    ) -> Coroutine[Any, Any, State[T]]: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R_co]: ...
    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R_co: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    # No function has parameters of these names: the declaration refuses them.
    def __call__(  # type: ignore[misc]
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the function here, as a task run; return what it returns, raise what it raises.

        `return_state=True` gives the final `State` instead, and raises nothing of the function's.
        Futures and states in the arguments and in `wait_for` are waited for; the function gets
        their values. Raises `UpstreamTaskError` where one of them failed.
        An async task gives a coroutine, a generator function a generator, whose run begins with
        the first value. Raises `ParameterBindError` where the arguments do not fit.
        """
        __tracebackhide__ = True
        if (sketch := declaring.drawing.get()) is not None:
            return sketch.call(self, args, kwargs, wait_for)
        self.binding.check(args, kwargs)
        engine = PROCESS.engine or PROCESS.start()
        run = engine.new_task_run()
        if not self._is_plain:
            return self._call_otherwise(
                engine, run, args, kwargs, wait_for, return_state=return_state
            )
        outcome = engine.tell(
            engine.task_run, self, run, args, kwargs, engine.blocking, engine.env, wait_for
        )
        return engine.state_after(run, outcome) if return_state else outcome.unwrap()

    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        **kwargs: Any,
    ) -> State[T]: ...
    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Any = None,
        **kwargs: Any,
    ) -> TaskFuture[T]: ...
    @overload
    def submit(
        self: Task[..., Yielding[T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        **kwargs: Any,
    ) -> State[list[T]]: ...
    @overload
    def submit(
        self: Task[..., Yielding[T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Any = None,
        **kwargs: Any,
    ) -> TaskFuture[list[T]]: ...
    @overload
    def submit(
        self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any
    ) -> State[R_co]: ...
    @overload
    def submit(
        self, *args: Any, return_state: Literal[False] = False, wait_for: Any = None, **kwargs: Any
    ) -> TaskFuture[R_co]: ...
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

    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        **kwargs: Any,
    ) -> list[State[T]]: ...
    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Any = None,
        **kwargs: Any,
    ) -> FutureList[T]: ...
    @overload
    def map(
        self: Task[..., Yielding[T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        **kwargs: Any,
    ) -> list[State[list[T]]]: ...
    @overload
    def map(
        self: Task[..., Yielding[T]],
        *args: Any,
        return_state: Literal[False] = False,
        wait_for: Any = None,
        **kwargs: Any,
    ) -> FutureList[list[T]]: ...
    @overload
    def map(
        self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any
    ) -> list[State[R_co]]: ...
    @overload
    def map(
        self, *args: Any, return_state: Literal[False] = False, wait_for: Any = None, **kwargs: Any
    ) -> FutureList[R_co]: ...
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

    def with_options(self, **options: Unpack[TaskOptions]) -> Task[P, R_co]:
        """Return a new task with these options and otherwise this one's; `None` clears one."""
        return self._with(options, TaskOptions.__annotations__)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Task[P, R_co]: ...
    @overload
    def __get__(
        self: Task[Concatenate[Any, Q], T], instance: object, owner: type | None = None
    ) -> Task[Q, T]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the task for calls on the instance; on the class where it is a classmethod's."""
        if self.isclassmethod:
            return BoundTask(self, owner or type(instance))
        if instance is None or not self._takes_instance:
            return self
        return BoundTask(self, instance)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source_code": self.source_code}

    apply_async = declaring.absent("flowstone.tasks.Task", "apply_async")
    delay = declaring.absent("flowstone.tasks.Task", "delay")
    serve = declaring.absent("flowstone.tasks.Task", "serve")


class BoundTask(declaring.Bound, Task[P, R_co]):
    """The task of a method, for calls on one instance or class."""

    __doc__ = declaring.Bound.own_doc

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Run the method beside the caller, as `Task.submit`."""
        return self.declared.submit(self.instance, *args, **kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """Run the method once for each item of its iterable arguments, as `Task.map`."""
        return self.declared.map(unmapped(self.instance), *args, **kwargs)


@overload
def task(fn: Callable[P, R_co], /, **options: Unpack[TaskOptions]) -> Task[P, R_co]: ...
@overload
def task(
    fn: None = None, /, **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, R_co]], Task[P, R_co]]: ...
def task(fn: Any = None, /, **options: Any) -> Any:
    """Make a task of a function: `@task`, `@task(retries=3)`, `task(fn, name="load")`.

    - `name`: what the task is called; default: the function's name. `description`: default its
      docstring. `version`, `tags`: recorded with each run.
    - `task_run_name`: a template over the parameters (`"load-{date:%A}"`) or a function that
      returns a name; it may take `parameters`.
    - `retries`: how often a failed run is tried again; `retry_delay_seconds`: a number of seconds,
      up to 50 of them (the last repeats), or a function such as `exponential_backoff(10)`;
      `retry_jitter_factor`: spreads each delay, keeping its mean; `retry_condition_fn(task,
      task_run, state)`: whether to try again. `infrastructure_retries`: how often it is begun
      again in another worker process when the one that ran it died; those count by themselves.
    - `timeout_seconds`: how long one attempt may take; at its end the function is interrupted and
      the run ends as TimedOut. A submitted run's future resolves then in any case; a direct call
      returns when the function lets it, which a blocking call into C may delay.
      `timeout_isolated=True` runs direct calls in a thread of their own that can be left behind.
    - `log_prints`: whether what it prints goes to its log; default: as the flow does.
    - `cache_policy`: what makes two calls the same (`INPUTS + TASK_SOURCE`); a call whose result is
      kept already is not run again. `cache_key_fn(context, arguments)` makes the key itself.
      `cache_expiration`: how long a result may be used; `refresh_cache`: whether to make it anew.
    - `persist_result`: whether results are kept; default: where one of the options about results
      is given, else as the flow does. `result_storage`: where, a `Path` or a URL;
      `result_storage_key`: under which name, a template over `parameters[...]`, `task_run`,
      `flow_run`; `result_serializer`: how (`"pickle"`, `"json"`, `"compressed/pickle"`, ...);
      `cache_result_in_memory`: whether small ones may be held at hand.
    - `on_running`, `on_completion`, `on_failure`: lists of `hook(task, task_run, state)`.
      `on_commit`, `on_rollback`: lists of `hook(transaction)`, called when the work of a run takes
      effect, or is undone because something in the `transaction()` around it failed.
    - `viz_return_value`: what a call gives while `Flow.visualize` draws; default: a placeholder.

    Raises `TypeError` or `ValueError` at the declaration for an option that cannot be.
    """
    if fn is None:
        return functools.partial(Task, **options)
    return Task(fn, **options)


@functools.cache
def _submitting() -> Any:
    """Return the module that submits; programs that only call tasks never load it."""
    return import_module("flowstone.face.submitting")


def _policy(options: Any) -> Policy:
    condition: Any = options.get("retry_condition_fn")
    if condition is not None and not callable(condition):
        message = (
            f"Expected `retry_condition_fn` to be callable, got {type(condition).__name__} instead."
        )
        raise TypeError(message)
    defaults = PROCESS.settings.tasks
    retries = declaring.check_retries(options.get("retries"), defaults.default_retries)
    delays = options.get("retry_delay_seconds")
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
    return f"{qualified.rpartition('.')[2]}-{declaring.checksum(text.encode('utf-8', 'replace'))}"


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name != "task_input_hash":  # programs that cache nothing never load it
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return import_module("flowstone.cache_policies").task_input_hash


__all__ = ["Task", "exponential_backoff", "task", "task_input_hash"]
