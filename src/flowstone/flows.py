"""`@flow`: a function that runs tasks, tracked as one run."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Coroutine, Iterable
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

from flowstone.core.facts import FlowDefined
from flowstone.core.parameters import complete
from flowstone.core.plain import clean_text, plain
from flowstone.core.policy import Delays, Policy, make_delays
from flowstone.exceptions import InvalidNameError
from flowstone.face import declaring
from flowstone.face.declaring import Declaration
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.core.declared import Hook
    from flowstone.core.schemas import ParameterSchema
    from flowstone.core.states import State
    from flowstone.results.filesystems import Place
    from flowstone.results.serializers import Serializer
    from flowstone.task_runners import TaskRunner

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
H = TypeVar("H", bound=Callable[..., Any])
_BANNED = ("/", "%", "&", ">", "<")


class FlowOptions(TypedDict, total=False):
    """The options of a flow; what each means stands at `flow`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    flow_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: Delays | None
    task_runner: TaskRunner | type[TaskRunner] | None
    validate_parameters: bool
    log_prints: bool | None
    timeout_seconds: float | None
    persist_result: bool | None
    result_storage: Place | None
    result_serializer: Serializer | str | None
    cache_result_in_memory: bool
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_cancellation: Iterable[Hook] | None
    on_crashed: Iterable[Hook] | None


class Flow(Declaration[P, R_co]):
    """A function as a flow. Call it as you would the function; each call is a flow run.

    Options as at `flow`. `fn` is the function itself, for calls that are not to be tracked.
    """

    kind = "Flow"

    def __init__(self, fn: Callable[P, R_co], /, **options: Unpack[FlowOptions]) -> None:
        super().__init__(fn, options, FlowOptions.__annotations__)
        self.name = _name(options.get("name"), self.fn)
        self.version = declaring.text_option("flow", "version", options) or _source_version(self.fn)
        self.should_validate_parameters = bool(options.get("validate_parameters", True))
        self._task_runner = _runner(options.get("task_runner"))
        self.policy = _policy(self._options)
        hooks = functools.partial(declaring.check_hooks, "flow")
        self.on_cancellation_hooks = hooks("on_cancellation", options.get("on_cancellation"))
        self.on_crashed_hooks = hooks("on_crashed", options.get("on_crashed"))
        self.definition = FlowDefined(
            0,
            clean_text(self.name),
            self.version,
            self.description,
            self.run_tags,
            self.policy.retries,
            f"{declaring.importable_module(self.fn)}:{declaring.qualified_name(self.fn)}",
        )

    @property
    def flow_run_name(self) -> str | Callable[..., str] | None:
        """The template or function of the run's names."""
        return self.run_name

    @flow_run_name.setter
    def flow_run_name(self, name: str | Callable[..., str] | None) -> None:
        self.run_name = name

    @property
    def task_runner(self) -> TaskRunner:
        """Where submitted tasks run."""
        if self._task_runner is None:  # made here: programs that submit nothing need none
            self._task_runner = import_module("flowstone.task_runners").ThreadPoolTaskRunner()
        return self._task_runner

    @property
    def parameters(self) -> ParameterSchema:
        """The flow's parameters as a JSON schema; made by pydantic at each call."""
        schema: ParameterSchema = import_module("flowstone.core.schemas").parameter_schema(
            self.binding, self.description or ""
        )
        return schema

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters made to fit their annotations, defaults included.

        Raises `ParameterTypeError` for values that do not fit or are missing, `ParameterBindError`
        for names that are none.
        """
        return complete(self.name, self.binding, parameters)

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON can carry them: `"<TypeName>"` for what it cannot."""
        serialized: dict[str, Any] = plain(parameters)
        return serialized

    def on_cancellation(self, hook: H) -> H:
        """Call the hook when a run was cancelled; usable as a decorator."""
        self.on_cancellation_hooks.append(hook)
        return hook

    def on_crashed(self, hook: H) -> H:
        """Call the hook when something from outside ends a run; usable as a decorator."""
        self.on_crashed_hooks.append(hook)
        return hook

    @overload
    def __call__(
        self: Flow[..., Coroutine[Any, Any, T]],
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
        """Run the function here, as a flow run; return what it returns, raise what it raises.

        `return_state=True` gives the final `State` instead, and raises nothing of the function's.
        Futures and states in the arguments and in `wait_for` are waited for; the function gets
        their values. Raises `UpstreamTaskError` where one of them failed.
        An async flow gives a coroutine, a generator function a generator, whose run begins with
        the first value. Raises `ParameterBindError` where the arguments do not fit,
        `ParameterTypeError` where a value cannot be made to fit its annotation.
        """
        __tracebackhide__ = True
        if (sketch := declaring.drawing.get()) is not None:
            return sketch.call(self, args, kwargs, wait_for)
        self.binding.check(args, kwargs)
        engine = PROCESS.engine or PROCESS.start()
        run = engine.new_flow_run()
        if not self._is_plain:
            return self._call_otherwise(
                engine, run, args, kwargs, wait_for, return_state=return_state
            )
        outcome = engine.tell(
            engine.flow_run, self, run, args, kwargs, engine.blocking, engine.env, wait_for
        )
        return engine.state_after(run, outcome) if return_state else outcome.unwrap()

    def with_options(self, **options: Unpack[FlowOptions]) -> Flow[P, R_co]:
        """Return a new flow with these options and otherwise this one's; `None` clears one."""
        return self._with(options, FlowOptions.__annotations__)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Flow[P, R_co]: ...
    @overload
    def __get__(
        self: Flow[Concatenate[Any, Q], T], instance: object, owner: type | None = None
    ) -> Flow[Q, T]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the flow for calls on the instance; on the class where it is a classmethod's."""
        if self.isclassmethod:
            return BoundFlow(self, owner or type(instance))
        if instance is None or not self._takes_instance:
            return self
        return BoundFlow(self, instance)

    def visualize(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Draw the tasks and flows that a call would call, without running them.

        A notebook shows the picture; elsewhere it is written to `<flow name>.svg` in the current
        directory, and the path printed. Code of the flow outside of tasks does run, and so do tasks
        that it calls in threads of its own. Raises `VisualizationUnsupportedError` for `submit`
        and `map`.
        """
        _drawing().visualize(self, args, kwargs)

    async def avisualize(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Do what `visualize` does, on the running loop."""
        await _drawing().avisualize(self, args, kwargs)

    def generate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return what `visualize` draws as the text of a Mermaid flowchart."""
        return str(_drawing().generate(self, args, kwargs))

    async def agenerate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Do what `generate_mermaid_graph` does, on the running loop."""
        return str(await _drawing().agenerate(self, args, kwargs))

    deploy = declaring.absent("flowstone.flows.Flow", "deploy")
    from_source = declaring.absent("flowstone.flows.Flow", "from_source")
    serve = declaring.absent("flowstone.flows.Flow", "serve")
    to_deployment = declaring.absent("flowstone.flows.Flow", "to_deployment")


class BoundFlow(declaring.Bound, Flow[P, R_co]):
    """The flow of a method, for calls on one instance or class."""

    __doc__ = declaring.Bound.own_doc

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the method's parameters as `Flow.validate_parameters`, without the instance."""
        first = next(iter(self.binding.signature.parameters))
        checked = complete(self.name, self.binding, {first: self.instance, **parameters})
        del checked[first]
        return checked

    def visualize(self, *args: Any, **kwargs: Any) -> None:
        """Draw what a call would call, as `Flow.visualize`."""
        self.declared.visualize(self.instance, *args, **kwargs)

    async def avisualize(self, *args: Any, **kwargs: Any) -> None:
        """Do what `visualize` does, on the running loop."""
        await self.declared.avisualize(self.instance, *args, **kwargs)

    def generate_mermaid_graph(self, *args: Any, **kwargs: Any) -> str:
        """Return what `visualize` draws as the text of a Mermaid flowchart."""
        return str(self.declared.generate_mermaid_graph(self.instance, *args, **kwargs))

    async def agenerate_mermaid_graph(self, *args: Any, **kwargs: Any) -> str:
        """Do what `generate_mermaid_graph` does, on the running loop."""
        return str(await self.declared.agenerate_mermaid_graph(self.instance, *args, **kwargs))


@overload
def flow(fn: Callable[P, R_co], /, **options: Unpack[FlowOptions]) -> Flow[P, R_co]: ...
@overload
def flow(
    fn: None = None, /, **options: Unpack[FlowOptions]
) -> Callable[[Callable[P, R_co]], Flow[P, R_co]]: ...
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
    - `timeout_seconds`: how long one attempt may take, with all that it submitted; then what runs
      is stopped and the run ends as TimedOut.
    - `log_prints`: whether what it and its tasks print goes to their logs.
    - `persist_result`: whether its result is kept, and those of tasks and flows called in it that
      do not say; `result_storage` (a `Path` or a URL) and `result_serializer`: where and how.
      `cache_result_in_memory`: whether small ones may be held at hand.
    - `on_running`, `on_completion`, `on_failure`, `on_cancellation`, `on_crashed`: lists of
      `hook(flow, flow_run, state)`. A crash is an interrupt, SIGTERM or `SystemExit`.

    Raises `TypeError` or `ValueError` at the declaration for an option that cannot be.
    """
    if fn is None:
        return functools.partial(Flow, **options)
    return Flow(fn, **options)


def _drawing() -> Any:
    """Return the module that draws flows; programs that do not draw never load it."""
    return import_module("flowstone.graphs.sketch")


flow.from_source = Flow.from_source  # type: ignore[attr-defined]


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


def _runner(given: Any) -> TaskRunner | None:
    runner: TaskRunner | None = given() if isinstance(given, type) else given
    if runner is not None and not hasattr(runner, "start"):
        message = f"`task_runner` must be a task runner; got {type(given).__name__}."
        raise TypeError(message)
    return runner


def _policy(options: Any) -> Policy:
    defaults = PROCESS.settings.flows
    retries = declaring.check_retries(options.get("retries"), defaults.default_retries)
    delay = options.get("retry_delay_seconds")
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
        return declaring.checksum(file.read())


__all__ = ["Flow", "flow"]
