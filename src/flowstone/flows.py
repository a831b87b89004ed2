"""`@flow`: a function that runs tasks, tracked as one run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Coroutine, Iterable
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
from flowstone.core.facts import FlowDefined
from flowstone.core.plain import clean_text
from flowstone.core.policy import Policy, make_delays
from flowstone.declaring import Declaration
from flowstone.exceptions import InvalidNameError
from flowstone.wiring import PROCESS

if TYPE_CHECKING:
    from flowstone.core.declared import Hook
    from flowstone.core.states import State
    from flowstone.task_runners import ThreadPoolTaskRunner

P = ParamSpec("P")
R = TypeVar("R")
_BANNED = ("/", "%", "&", ">", "<")


class FlowOptions(TypedDict, total=False):
    """The options of a flow; what each means stands at `flow`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    flow_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: float | None
    task_runner: ThreadPoolTaskRunner | type[ThreadPoolTaskRunner] | None
    validate_parameters: bool
    log_prints: bool | None
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None


class Flow(Declaration[P, R]):
    """A function as a flow. Call it as you would the function; each call is a flow run.

    Options as at `flow`. `fn` is the function itself, for calls that are not to be tracked.
    """

    kind = "Flow"

    def __init__(self, fn: Callable[P, R], /, **options: Unpack[FlowOptions]) -> None:
        super().__init__(fn, options, FlowOptions.__annotations__)
        self.name = _name(options.get("name"), fn)
        self.version = options.get("version") or _source_version(fn)
        self.should_validate_parameters = bool(options.get("validate_parameters", True))
        self.task_runner = _runner(options.get("task_runner"))
        self.policy = _policy(options)
        self.definition = FlowDefined(
            0,
            clean_text(self.name),
            self.version,
            self.description,
            self.run_tags,
            self.policy.retries,
            f"{declaring.importable_module(fn)}:{declaring.qualified_name(fn)}",
        )

    @property
    def flow_run_name(self) -> str | Callable[..., str] | None:
        """The template or function of the run's names."""
        return self.run_name

    @property
    def retries(self) -> int:
        """How often a failed run is tried again."""
        return self.policy.retries

    @property
    def retry_delay_seconds(self) -> float:
        """The seconds before a retry."""
        return self.policy.delays[0] if self.policy.delays else 0

    @overload
    def __call__(
        self: Flow[..., Coroutine[Any, Any, Any]],
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
        """Run the function here, as a flow run; return what it returns, raise what it raises.

        `return_state=True` gives the final `State` instead, and raises nothing of the function's.
        Futures and states in the arguments and in `wait_for` are waited for; the function gets
        their values. Raises `UpstreamTaskError` where one of them failed.
        An async flow gives a coroutine. Raises `ParameterBindError` where the arguments do not
        fit, `ParameterTypeError` where a value cannot be made to fit its annotation.
        """
        __tracebackhide__ = True
        self.binding.check(args, kwargs)
        engine = PROCESS.engine or PROCESS.start()
        run = engine.new_flow_run()
        if self.isasync:
            return self._call_async(engine, run, args, kwargs, wait_for, return_state=return_state)
        story = engine.flow_run(self, run, args, kwargs, engine.blocking, engine.env, wait_for)
        if return_state:
            return engine.state_after(run, engine.finish(story))
        return engine.finish(story).unwrap()

    def with_options(self, **options: Unpack[FlowOptions]) -> Flow[P, R]:
        """Return a new flow with these options and otherwise this one's; `None` clears one."""
        declaring.check_options("with_options", options, FlowOptions.__annotations__)
        merged: FlowOptions = {**self._options, **options}
        return type(self)(self.fn, **merged)


@overload
def flow(fn: Callable[P, R], /, **options: Unpack[FlowOptions]) -> Flow[P, R]: ...
@overload
def flow(
    fn: None = None, /, **options: Unpack[FlowOptions]
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **options: Any) -> Any:
    """Make a flow of a function: `@flow`, `@flow(log_prints=True)`, `flow(fn, name="etl")`.

    - `name`: what the flow is called; default: the function's name with `-` for `_`.
      `description`: default its docstring. `version`: default a checksum of its source file.
      `tags`: recorded with each run.
    - `flow_run_name`: a template over the parameters or a function that returns a name.
    - `retries`, `retry_delay_seconds`: how often, and after how long, a failed run is tried again
      as a whole.
    - `task_runner`: where submitted tasks run; default: `ThreadPoolTaskRunner()`.
    - `validate_parameters`: whether arguments are held against the annotations, and converted
      where pydantic can.
    - `log_prints`: whether what it and its tasks print goes to their logs.
    - `on_running`, `on_completion`, `on_failure`: lists of `hook(flow, flow_run, state)`.

    Raises `TypeError` or `ValueError` at the declaration for an option that cannot be.
    """
    if fn is None:
        return functools.partial(Flow, **options)
    return Flow(fn, **options)


def _name(name: object, fn: Callable[..., Any]) -> str:
    if name is None or name == "":
        own = declaring.own_name(fn)
        return "unknown-lambda" if own == "<lambda>" else own.replace("_", "-")
    if not isinstance(name, str):
        hint = ""
        if callable(name):
            hint = (
                " Perhaps you meant to call it? e.g. "
                f"'@flow(name={getattr(name, '__name__', 'get_name')}())'"
            )
        message = (
            f"Expected string for flow parameter 'name'; got {type(name).__name__} instead.{hint}"
        )
        raise TypeError(message)
    if any(character in name for character in _BANNED):
        message = (
            f"Name {name!r} contains an invalid character. Must not contain any of: "
            f"{list(_BANNED)}."
        )
        raise InvalidNameError(message)
    return name


def _runner(given: Any) -> ThreadPoolTaskRunner | None:
    runner: ThreadPoolTaskRunner | None = given() if isinstance(given, type) else given
    if runner is not None and not hasattr(runner, "start"):
        message = f"`task_runner` must be a task runner; got {type(given).__name__}."
        raise TypeError(message)
    return runner


def _policy(options: FlowOptions) -> Policy:
    defaults = PROCESS.settings.flows
    retries, delay = options.get("retries"), options.get("retry_delay_seconds")
    retries = defaults.default_retries if retries is None else retries
    delay_given: Any = defaults.default_retry_delay_seconds if delay is None else delay
    return Policy(retries=retries, delays=make_delays(delay_given, retries))


def _source_version(fn: Callable[..., Any]) -> str | None:
    try:
        path = inspect.getsourcefile(inspect.unwrap(fn))
    except TypeError:  # an object or a function without Python source
        return None
    if path is None or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return f"{crc32(file.read()):08x}"


__all__ = ["Flow", "flow"]
