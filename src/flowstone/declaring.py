"""What declaring a task and declaring a flow have in common: every option is checked then."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from flowstone.core.binding import Binding
from flowstone.core.plain import clean_text

if TYPE_CHECKING:
    from flowstone.core.declared import Hook
    from flowstone.starting import Engine

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Declaration(Generic[P, R]):
    """What a task and a flow share: the function, the options of both, the hooks."""

    kind: str
    name: str

    def __init__(self, fn: Callable[P, R], options: Any, known: Iterable[str]) -> None:
        kind = self.kind.lower()
        check_function(fn)
        check_options(kind, options, known)
        wrapper: Any = self
        functools.update_wrapper(wrapper, fn)
        self.fn = fn
        self._options = options
        self.isasync = is_async(fn)
        self.binding = Binding(fn)
        self.description: str | None = options.get("description") or inspect.getdoc(fn)
        self.tags: set[str] = set(options.get("tags") or ())
        self.run_tags = tuple(sorted(map(clean_text, self.tags)))
        name = f"{kind}_run_name"
        self.run_name: str | Callable[..., Any] | None = check_run_name(name, options.get(name))
        self.log_prints: bool | None = options.get("log_prints")
        if self.log_prints:
            expect_prints()
        hooks = functools.partial(check_hooks, kind)
        self.on_running_hooks = hooks("on_running", options.get("on_running"))
        self.on_completion_hooks = hooks("on_completion", options.get("on_completion"))
        self.on_failure_hooks = hooks("on_failure", options.get("on_failure"))

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
    """Raise `TypeError` for what cannot be called, or cannot be run as a task or flow yet."""
    if not callable(fn):
        message = f"'fn' must be callable; got {fn!r} of type {type(fn).__name__}."
        raise TypeError(message)
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        message = f"{fn!r} is a generator function; tasks and flows cannot be generators yet."
        raise TypeError(message)


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


def expect_prints() -> None:
    """Make sure that what is printed can be sent to a run's log; only programs that ask pay."""
    import_module("flowstone.drive.capture").redirect_print()


def check_run_name(option: str, name: object) -> Any:
    """Return the template or function. Raises `TypeError` for anything else."""
    if name is not None and not isinstance(name, str) and not callable(name):
        message = f"Expected string or callable for '{option}'; got {type(name).__name__} instead."
        raise TypeError(message)
    return name


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling the function gives a coroutine; looks through partials, wraps and objects."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.iscoroutinefunction(fn):
        return True
    wrapped = getattr(fn, "__wrapped__", None)
    if wrapped is not None and not inspect.isfunction(fn):
        return is_async(wrapped)
    call = None if inspect.isroutine(fn) or inspect.isclass(fn) else getattr(fn, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(call)


def own_name(fn: Callable[..., Any]) -> str:
    """Return the function's name; for an object without one the name of its class."""
    return getattr(fn, "__name__", None) or type(fn).__name__


def qualified_name(fn: Callable[..., Any]) -> str:
    """Return the function's name with the classes and functions around it."""
    return getattr(fn, "__qualname__", None) or type(fn).__qualname__


def importable_module(fn: Callable[..., Any]) -> str:
    """Return the module by which the function can be imported; a script's is its file's name."""
    module: str = getattr(fn, "__module__", None) or type(fn).__module__
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return os.path.splitext(os.path.basename(file))[0] if file else "interactive"
