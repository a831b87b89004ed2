"""Futures: what `submit` and `map` return, and how to wait for many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, overload

from flowstone.core.context import current
from flowstone.core.inputs import Upstreams, find, resolve
from flowstone.core.outcome import Err
from flowstone.core.upstream import Upstream
from flowstone.core.value import V
from flowstone.drive.waiting import Pause, wait_all
from flowstone.engine.inputs import to_states, value_of
from flowstone.runners.submitted import TaskFuture

F = TypeVar("F", bound=TaskFuture)


class DoneAndNotDoneFutures(NamedTuple):
    """The futures that had ended when the wait was over, and the others."""

    done: set[Any]
    not_done: set[Any]


class FutureList(Upstreams[TaskFuture[V]]):
    """The futures of one `map`, in order."""

    def wait(self, timeout: float | None = None) -> None:
        """Block until all have ended, or for so many seconds; return None either way."""
        wait(self, timeout)

    @overload
    def result(
        self, timeout: float | None = None, raise_on_failure: Literal[True] = True
    ) -> list[V]: ...
    @overload
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]: ...
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]:
        """Return the values in order; raise what the first run to fail failed with.

        Raises `TimeoutError` where not all have ended after so many seconds.
        """
        __tracebackhide__ = True
        try:
            for future in as_completed(self, timeout):
                if raise_on_failure:
                    future.result()
        except TimeoutError as error:
            if any(future._outcome and _holds(future, error) for future in self):  # noqa: SLF001
                raise  # a TimeoutError of the task's own
            message = f"Timed out waiting for all futures to complete within {timeout} seconds"
            raise TimeoutError(message) from None
        return [future.result(raise_on_failure=raise_on_failure) for future in self]


def wait(futures: Iterable[F], timeout: float | None = None) -> DoneAndNotDoneFutures:
    """Block until all have ended, or for so many seconds; return those that have and have not.

    Raises `ValueError` for a negative time.
    """
    _check_timeout(timeout)
    unique = set(futures)
    for future in unique:
        future.touch()
    wait_all(unique, timeout, current.get())
    done = {future for future in unique if future.is_done}
    return DoneAndNotDoneFutures(done, unique - done)


def as_completed(futures: Iterable[F], timeout: float | None = None) -> Iterator[F]:
    """Give each future once it has ended: those that have first, the others as they do.

    Raises `TimeoutError` where some have not after so many seconds.
    """
    _check_timeout(timeout)
    unique = list(dict.fromkeys(futures))
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: SimpleQueue[F | None] = SimpleQueue()
    finished = [future for future in unique if future.is_done]
    for future in finished:
        future.touch()
        yield future
    seen = set(finished)
    pending = [future for future in unique if future not in seen]
    for future in pending:
        future.touch()
        future.when_done(ended.put)
    for left in range(len(pending), 0, -1):
        try:
            future = _next_of(ended, deadline)
            yield future
        except Empty:
            message = f"{left} (of {len(unique)}) futures unfinished"
            raise TimeoutError(message) from None


def resolve_futures_to_states(expr: Any) -> Any:
    """Return a value with the final states of the futures in it, waiting for them."""
    _wait_for_all(expr)
    return to_states(expr)


def resolve_futures_to_results(expr: Any) -> Any:
    """Return a value with the results of the futures in it, waiting for them.

    Raises `UpstreamTaskError` where a run did not complete; its exception is the cause.
    """
    _wait_for_all(expr)
    return resolve(expr, value_of, (Upstream,))


def _wait_for_all(expr: Any) -> None:
    sources = [found.source for found in find(expr) if isinstance(found.source, TaskFuture)]
    wait_all(sources, None, current.get())


def _next_of(ended: SimpleQueue[F | None], deadline: float | None) -> F:
    """Return the next future that ends. Raises `Empty` at the deadline."""
    try:
        found = ended.get_nowait()
    except Empty:
        found = None
    wake: Callable[[], object] = lambda: ended.put(None)  # noqa: E731
    while found is None:  # also where it is woken for another run on this thread
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        with Pause(current.get(), wake):
            found = ended.get(timeout=left)
    return found


def _holds(future: TaskFuture, error: BaseException) -> bool:
    outcome = future._outcome  # noqa: SLF001
    return isinstance(outcome, Err) and outcome.error is error


def _check_timeout(timeout: float | None) -> None:
    if timeout is not None and timeout < 0:
        message = f"'timeout' must be a non-negative number, got {timeout}"
        raise ValueError(message)


if TYPE_CHECKING:
    PrefectFuture = TaskFuture
    PrefectFutureList = FutureList
else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # what imports ask for
            raise AttributeError(name)
        return import_module("flowstone.face.old_names").find(__name__, name)


__all__ = [
    "DoneAndNotDoneFutures",
    "FutureList",
    "TaskFuture",
    "as_completed",
    "resolve_futures_to_results",
    "resolve_futures_to_states",
    "wait",
]
