"""What declaring a task and declaring a flow have in common: every option is checked then."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar

from flowstone.core.binding import Binding
from flowstone.core.naming import check_source, entry_module
from flowstone.core.plain import clean_text
from flowstone.core.policy import AS_USUAL, Policy

if TYPE_CHECKING:
    from flowstone.core.declared import Hook
    from flowstone.wiring.starting import Engine

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])
RESULT_OPTIONS = frozenset(
    {
        "cache_expiration",
        "cache_key_fn",
        "cache_policy",
        "cache_result_in_memory",
        "persist_result",
        "refresh_cache",
        "result_serializer",
        "result_storage",
        "result_storage_key",
    }
)
"""The options that say how results are kept."""
drawing: ContextVar[Any] = ContextVar("flowstone_drawing", default=None)
"""What notes the calls of tasks and flows instead of running them, while a flow is drawn."""
get_drawing = drawing.get  # bound once, as `core.context.get_current`


class Declaration(Generic[P, R_co]):
    """What a task and a flow share: the function, the options of both, the hooks."""

    kind: str
    name: str
    policy: Policy

    def __init__(self, fn: Callable[P, R_co], options: Any, known: Iterable[str]) -> None:
        kind = self.kind.lower()
        check_options(kind, options, known)
        self._options = options = {name: _kept(value) for name, value in options.items()}
        self.isclassmethod = isinstance(fn, classmethod)
        self.isstaticmethod = isinstance(fn, staticmethod)
        wrapper: Any = self
        if self.isclassmethod or self.isstaticmethod:
            fn = wrapped_method(fn)
        check_function(fn)
        functools.update_wrapper(wrapper, fn)
        self.fn = fn
        self.ismethod = False  # until it stands in a class
        self._takes_instance = not self.isstaticmethod and takes_instance(fn)
        innermost = callable_of(fn)
        self.isgenerator = is_generator(innermost)
        self.isasync = is_async(innermost)
        self._is_plain = not self.isasync and not self.isgenerator
        self.binding = Binding(fn)
        self.description: str | None = text_option(kind, "description", options) or inspect.getdoc(
            without_partials(fn)
        )
        self.tags = check_tags(options.get("tags"))
        self.run_tags = tuple(sorted(map(clean_text, self.tags)))
        name = f"{kind}_run_name"
        self.run_name: str | Callable[..., Any] | None = check_source(name, options.get(name))
        self.log_prints: bool | None = options.get("log_prints")
        if self.log_prints:
            expect_prints()
        hooks = functools.partial(check_hooks, kind)
        self.on_running_hooks = hooks("on_running", options.get("on_running"))
        self.on_completion_hooks = hooks("on_completion", options.get("on_completion"))
        self.on_failure_hooks = hooks("on_failure", options.get("on_failure"))
        self.on_cancellation_hooks: list[Hook] = []
        self.on_crashed_hooks: list[Hook] = []
        self.timeout = check_timeout(options.get("timeout_seconds"))
        self.timeout_isolated = bool(options.get("timeout_isolated"))
        self.persists: bool | None = None
        self.keeping = AS_USUAL
        if not RESULT_OPTIONS.isdisjoint(options):
            self._keep_results()

    @property
    def persist_result(self) -> bool | None:
        """Whether results are kept; None where the surroundings decide."""
        return self.persists

    @property
    def result_storage(self) -> Any:
        """Where results are kept, as it was given."""
        return self._options.get("result_storage")

    @property
    def result_serializer(self) -> Any:
        """What writes results, as it was given."""
        return self._options.get("result_serializer")

    @property
    def cache_result_in_memory(self) -> bool:
        """Whether results may be held at hand."""
        return self.keeping.in_memory

    @property
    def timeout_seconds(self) -> float | None:
        """How long one attempt may take."""
        return self.timeout

    @property
    def retries(self) -> int:
        """How often a failed run is tried again."""
        return self.policy.retries

    @property
    def retry_delay_seconds(self) -> float | list[float]:
        """The seconds before a retry: one number, or one for each."""
        delays = self.policy.delays
        return list(delays) if len(delays) > 1 else delays[0] if delays else 0

    def __set_name__(self, owner: type, name: str) -> None:
        self.ismethod = self._takes_instance and not self.isclassmethod

    def on_running(self, hook: F) -> F:
        """Call the hook whenever an attempt begins; usable as a decorator."""
        self.on_running_hooks.append(hook)
        return hook

    def on_completion(self, hook: F) -> F:
        """Call the hook when a run completes; usable as a decorator."""
        self.on_completion_hooks.append(hook)
        return hook

    def on_failure(self, hook: F) -> F:
        """Call the hook when a run fails for good; usable as a decorator."""
        self.on_failure_hooks.append(hook)
        return hook

    def _keep_results(self, **by_settings: bool) -> None:
        """Take the options that say how results are kept; only programs that give some pay."""
        made = import_module("flowstone.face.result_options").keeping_of(
            self._options.get("name") or own_name(self.fn), self._options, **by_settings
        )
        self.persists, self.keeping = made

    def _with(self, options: Any, known: Iterable[str]) -> Self:
        """Return the same with other options; those that changed since are carried as they are."""
        names = list(known)
        check_options("with_options", options, names)
        hooks = {name: getattr(self, f"{name}_hooks") for name in names if name.startswith("on_")}
        run_name = {f"{self.kind.lower()}_run_name": self.run_name}
        fn: Any = self.fn
        if self.isclassmethod or self.isstaticmethod:
            fn = classmethod(fn) if self.isclassmethod else staticmethod(fn)
        again: Callable[..., Self] = type(self)
        return again(fn, **{**self._options, **hooks, **run_name, **options})

    def _call_otherwise(
        self,
        engine: Engine,
        run: Any,
        args: Any,
        kwargs: Any,
        wait_for: Any,
        *,
        return_state: bool,
    ) -> Any:
        """Return what calling an async function or a generator function gives."""
        if not self.isgenerator:
            return self._call_async(engine, run, args, kwargs, wait_for, return_state=return_state)
        if return_state:
            message = (
                f"{self.kind} {self.name!r} is a generator: its call gives values and has no state "
                "to return. Leave `return_state` out, or submit it: that gives a list."
            )
            raise ValueError(message)
        tell = engine.task_run if self.kind == "Task" else engine.flow_run
        generating = import_module("flowstone.drive.generating")  # few programs need it
        if self.isasync:
            make, ops = generating.agenerate, generating.ASYNC_GENERATING
        else:
            make, ops = generating.generate, generating.GENERATING
        return make(tell, self, run, args, kwargs, ops, engine.env, wait_for)

    async def _call_async(
        self,
        engine: Engine,
        run: Any,
        args: Any,
        kwargs: Any,
        wait_for: Any,
        *,
        return_state: bool,
    ) -> Any:
        __tracebackhide__ = True
        tell = engine.task_run if self.kind == "Task" else engine.flow_run
        story = tell(self, run, args, kwargs, engine.awaiting, engine.env, wait_for)
        if return_state:
            return engine.state_after(run, await story)
        return (await story).unwrap()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}>"


class Bound(functools.partial[Any]):
    """A task or flow with what its calls are for: the instance or the class of a method.

    Made anew by each access, as Python's own bound methods are, so that threads share none. A
    partial, because making and calling one takes 0.4 µs, where methods of our own take 1.2 µs.
    """

    __init__ = object.__init__  # `partial` needs none, and a declaration's would declare anew

    @property
    def declared(self) -> Any:
        """The task or flow."""
        return self.func

    @property
    def instance(self) -> Any:
        """The instance or the class."""
        return self.args[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.func, name)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self

    def with_options(self, **options: Any) -> Any:
        """Return the same method with these options and otherwise this one's."""
        return type(self)(self.declared.with_options(**options), self.instance)

    @property
    def own_doc(self) -> str | None:
        """The method's docstring; a subclass takes this as its `__doc__`."""
        return self.func.__doc__

    def __repr__(self) -> str:
        return repr(self.func)

    @property
    def __signature__(self) -> inspect.Signature:
        signature: inspect.Signature = self.binding.signature
        return signature.replace(parameters=[*signature.parameters.values()][1:])


def absent(owner: str, name: str) -> Callable[..., Any]:
    """Return a method that users of Prefect look for: it raises `NotInFlowstoneError`."""

    def call(*_args: Any, **_options: Any) -> Any:
        return import_module("flowstone.face.old_names").find(owner, name)()

    return call


def check_options(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `TypeError` for an option that is none, with the likely one."""
    names = list(known)
    for option in given:
        if option not in names:
            # Looked up here because `difflib` would cost each start more than a millisecond.
            hint = import_module("flowstone.core.suggestion").suggestion(option, names)
            message = f"{kind}() got an unexpected keyword argument {option!r}.{hint}"
            raise TypeError(message)


def check_function(fn: object) -> None:
    """Raise `TypeError` for what cannot be called."""
    if not callable(fn):
        message = f"'fn' must be callable; got {fn!r} of type {type(fn).__name__}."
        raise TypeError(message)


def text_option(kind: str, name: str, options: Any) -> str | None:
    """Return an option that is a text. Raises `TypeError` for anything else."""
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        message = (
            f"Expected string for {kind} parameter {name!r}; got {type(value).__name__} instead."
        )
        raise TypeError(message)
    return value


def check_tags(tags: Any) -> set[str]:
    """Return the tags as a set. Raises `TypeError` where one is no string."""
    found = set(tags or ())
    for tag in found:
        if not isinstance(tag, str):
            message = f"Expected strings in 'tags'; got {tag!r} of type {type(tag).__name__}."
            raise TypeError(message)
    return found


def check_retries(given: Any, default: int) -> int:
    """Return how often to try again. Raises `TypeError` for what is no whole number."""
    retries = default if given is None else given
    if not isinstance(retries, int):
        message = (
            f"`retries` must be a whole number; got {retries!r} of type {type(retries).__name__}."
        )
        raise TypeError(message)
    return retries


def check_hooks(kind: str, option: str, hooks: Any) -> list[Hook]:
    """Return the hooks as a list. Raises `TypeError` for anything but an iterable of callables."""
    if hooks is None:
        return []
    example = (
        f" Please provide a list of hooks to '{option}':\n\n"
        f"@{kind}({option}=[hook1, hook2])\ndef my_{kind}():\n\tpass"
    )
    try:
        found = list(hooks)
    except TypeError:
        message = f"Expected iterable for '{option}'; got {type(hooks).__name__} instead."
        raise TypeError(message + example) from None
    for hook in found:
        if not callable(hook):
            message = f"Expected callables in '{option}'; got {type(hook).__name__} instead."
            raise TypeError(message + example)
    return found


def check_timeout(seconds: Any) -> float | None:
    """Return the seconds, None where there is no limit (None or 0).

    Raises `TypeError` for what is no number, `ValueError` for a negative one.
    """
    if seconds is None:
        return None
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        message = f"`timeout_seconds` must be a number of seconds; got {seconds!r}."
        raise TypeError(message)
    if not seconds >= 0:
        message = f"`timeout_seconds` must not be negative; got {seconds!r}."
        raise ValueError(message)
    return float(seconds) or None


def expect_prints() -> None:
    """Make sure that what is printed can be sent to a run's log; only programs that ask pay."""
    import_module("flowstone.drive.capture").redirect_print()


def wrapped_method(method: Any) -> Any:
    """Return the function of a classmethod or staticmethod."""
    return method.__func__


def takes_instance(fn: Callable[..., Any]) -> bool:
    """Whether the function, as an attribute of a class, is a method."""
    # Python 3.13 gives partials a __get__ that does not bind yet.
    return inspect.isfunction(fn) or (
        inspect.ismethoddescriptor(fn) and not isinstance(fn, functools.partial)
    )


def without_partials(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function within partials."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def callable_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function whose colour a call has: that within partials, wraps and objects."""
    fn = without_partials(fn)
    if is_async(fn) or is_generator(fn) or inspect.isfunction(fn):
        return fn
    wrapped = getattr(fn, "__wrapped__", None)
    if wrapped is not None:
        return callable_of(wrapped)
    call = None if inspect.isroutine(fn) or inspect.isclass(fn) else getattr(fn, "__call__", None)  # noqa: B004
    return fn if call is None else call


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling the function gives a coroutine or an async generator."""
    return inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn)


def is_generator(fn: Callable[..., Any]) -> bool:
    """Whether calling the function gives a generator."""
    return inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn)


def checksum(data: bytes) -> str:
    """Return the CRC-32 of something, as eight hexadecimal digits."""
    # By name: loading the library is a hundredth of the time that importing this package takes.
    return f"{import_module('zlib').crc32(data):08x}"


def own_name(fn: Callable[..., Any]) -> str:
    """Return the function's name; for an object without one the name of its class."""
    fn = without_partials(fn)
    return getattr(fn, "__name__", None) or type(fn).__name__


def qualified_name(fn: Callable[..., Any]) -> str:
    """Return the function's name with the classes and functions around it."""
    fn = without_partials(fn)
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def importable_module(fn: Callable[..., Any]) -> str:
    """Return the module by which the function can be imported; a script's is its file's name."""
    return entry_module(without_partials(fn))


def _kept(value: Any) -> Any:
    """Return an option's value so that it can be read more than once."""
    return list(value) if isinstance(value, Iterator) else value
