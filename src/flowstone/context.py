"""The run that code belongs to, as an object; tags for a block; the run in other threads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

import msgspec

from flowstone.core.context import FlowContext, RunContext, current, tags_around, within
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.plain import clean_text
from flowstone.exceptions import MissingContextError
from flowstone.runtime.attributes import flow_context, task_context, task_parameters
from flowstone.settings import Settings
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.core.runs import FlowRun, TaskRun
    from flowstone.flows import Flow
    from flowstone.tasks import Task

P = ParamSpec("P")
R = TypeVar("R")


class FlowRunContext(msgspec.Struct, frozen=True):
    """A flow run while its body runs; made of what the engine keeps of it."""

    inner: FlowContext

    @staticmethod
    def get() -> FlowRunContext | None:
        """Return the nearest flow run around this code, None where there is none."""
        inner = flow_context()
        return FlowRunContext(inner) if inner is not None else None

    @property
    def flow(self) -> Flow[..., Any]:
        """The flow."""
        return cast("Flow[..., Any]", self.inner.spec)

    @property
    def flow_run(self) -> FlowRun:
        """The run."""
        return self.inner.run

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the run by name, as its body has them."""
        return dict(self.inner.run.parameters)

    @property
    def task_runner(self) -> Any:
        """The task runner that the flow was given, None where it has the usual one."""
        return self.inner.spec.task_runner

    @property
    def log_prints(self) -> bool:
        """Whether what is printed goes to the run's log."""
        return self.inner.log_prints

    @property
    def persist_result(self) -> bool:
        """Whether the results of the run, and of what it calls that does not say, are kept."""
        return self.inner.persists

    @property
    def start_time(self) -> datetime | None:
        """When the run was Running first."""
        return self.inner.run.start_time


class TaskRunContext(msgspec.Struct, frozen=True):
    """A task run while its body runs; made of what the engine keeps of it."""

    inner: RunContext

    @staticmethod
    def get() -> TaskRunContext | None:
        """Return the nearest task run around this code, None where there is none."""
        inner = task_context()
        return TaskRunContext(inner) if inner is not None else None

    @property
    def task(self) -> Task[..., Any]:
        """The task."""
        return cast("Task[..., Any]", self.inner.spec)

    @property
    def task_run(self) -> TaskRun:
        """The run."""
        run: TaskRun = self.inner.run
        return run

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the run by name, as its body has them."""
        return task_parameters(self.inner)

    @property
    def log_prints(self) -> bool:
        """Whether what is printed goes to the run's log."""
        return self.inner.log_prints

    @property
    def persist_result(self) -> bool:
        """Whether the result of the run is kept."""
        return self.inner.keeping is not None

    @property
    def start_time(self) -> datetime | None:
        """When the run was Running first."""
        start: datetime | None = self.inner.run.start_time
        return start


class SettingsContext(msgspec.Struct, frozen=True):
    """The settings that the runs of this process use."""

    settings: Settings

    @staticmethod
    def get() -> SettingsContext:
        """Return the settings of now."""
        return SettingsContext(PROCESS.settings)


def get_run_context() -> FlowRunContext | TaskRunContext:
    """Return the innermost run around this code: a task's, or a flow's that was called in it.

    Raises `MissingContextError` outside of a run.
    """
    inner = current.get()
    if inner is None:
        message = (
            "There is no run around this code. Call it from a function with @flow or @task; in a "
            "thread of your own, hand it the run with `with_context`."
        )
        raise MissingContextError(message)
    return FlowRunContext(inner) if isinstance(inner, FlowContext) else TaskRunContext(inner)


def get_settings_context() -> SettingsContext:
    """Return the settings that the runs of this process use."""
    return SettingsContext.get()


@contextmanager
def use_profile(
    profile: str,
    *,
    override_environment_variables: bool = False,
    include_current_context: bool = True,
) -> Iterator[SettingsContext]:
    """Let the settings of a profile hold in the `with`; gives them all.

    What outranks a profile still does, unless it is to be overridden. Without the current context
    nothing of `temporary_settings` around holds. Raises `SettingsError` where there is no such
    profile.
    """
    # By name: few programs do so, and those that have tags load this module.
    temporary = import_module("flowstone.wiring.temporary_settings")
    with temporary.use_profile(
        profile,
        override_environment_variables=override_environment_variables,
        include_current_context=include_current_context,
    ) as settings:
        yield SettingsContext(settings)


@contextmanager
def tags(*new_tags: str) -> Iterator[set[str]]:
    """Give every run that begins within the block these tags; yield all that are in force.

    Blocks add up. Raises `TypeError` for a tag that is no text.
    """
    given: tuple[object, ...] = new_tags
    for tag in given:
        if not isinstance(tag, str):
            message = f"A tag is a text; got {tag!r}. Give each as an argument: tags('a', 'b')."
            raise TypeError(message)
    before = tags_around.get()
    after = {*before, *map(clean_text, new_tags)}
    tags_around.set(tuple(sorted(after)))
    try:
        yield after
    finally:
        tags_around.set(before)


def with_context(fn: Callable[P, R]) -> Callable[P, R]:
    """Return the function so that it runs in the run and with the tags of now, anywhere.

    The threads of a `ThreadPoolExecutor` have them anyway. In another process, where
    what is returned can be sent to, what the function logs and the tasks that it calls belong to
    the run too, and are recorded by that process, in the same home where it has recorded nothing
    else before.
    """
    return _WithContext(fn)


class _WithContext(Generic[P, R]):
    """A function with the run and the tags that it is to be called in."""

    def __init__(self, fn: Callable[P, R]) -> None:
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._around = current.get(), tags_around.get()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        with within(*self._around):
            value = self._fn(*args, **kwargs)
        if isinstance(value, Coroutine):
            later: Any = self._await(value)
            return later  # type: ignore[no-any-return]
        return value

    async def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with within(*self._around):
            return await coroutine

    def __reduce__(self) -> Any:
        sent = import_module("flowstone.runners.remote").sent_around(*self._around)
        log = (PROCESS.engine or PROCESS.start()).log
        home = os.path.dirname(log.directory)
        settings = msgspec.structs.replace(PROCESS.settings, home=home, live=False)
        packed = import_module("flowstone.runners.pickles").packed
        return _arrived, (b"".join(packed((self._fn, settings))), sent)


class _Arrived(_WithContext[P, R]):
    """A function with a run of another process, to be called in this one."""

    def __init__(self, fn: Callable[P, R], sent: bytes) -> None:
        super().__init__(fn)
        self._remote = import_module("flowstone.runners.remote")
        self._around = self._remote.around_there(sent, os.getpid())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            value = super().__call__(*args, **kwargs)
        except Exception as error:
            self._settle(Err(error))
            raise
        if not isinstance(value, Coroutine):
            self._settle(Ok(value)).unwrap()
        return value

    async def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        import asyncio

        try:
            value = await super()._await(coroutine)
        except Exception as error:
            await asyncio.to_thread(self._settle, Err(error))
            raise
        (await asyncio.to_thread(self._settle, Ok(value))).unwrap()
        return value

    def _settle(self, outcome: Outcome) -> Outcome:
        """Let what the function submitted end; return what came of it all."""
        run, env = self._around[0], (PROCESS.engine or PROCESS.start()).env
        if run is None:
            return outcome
        settled: Outcome = self._remote.settled(run, outcome, env)
        return settled


def _arrived(packed: bytes, sent: bytes) -> Any:
    """Return a function that another process sent with its run; records where that one does."""
    fn, settings = import_module("flowstone.runners.pickles").unpacked(packed)
    if PROCESS.log is None and settings != PROCESS.settings:
        PROCESS.restart(settings)
    PROCESS.start()
    return _Arrived(fn, sent)


__all__ = [
    "FlowRunContext",
    "SettingsContext",
    "TaskRunContext",
    "get_run_context",
    "get_settings_context",
    "tags",
    "use_profile",
    "with_context",
]
