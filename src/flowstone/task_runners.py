"""Where submitted tasks run: give one to `@flow(task_runner=...)`, or use it as a context."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from flowstone.core.context import NO_INPUTS, current
from flowstone.engine.inputs import Inputs
from flowstone.futures import FutureList
from flowstone.mapping import Split
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.threads import Threads
from flowstone.wiring import PROCESS


class ThreadPoolTaskRunner:
    """Runs submitted tasks in threads of this process, at most `max_workers` at once.

    Without a bound (and where the setting `tasks.runner.thread_pool_max_workers` gives none)
    there are as many threads as are needed for the tasks to get on. Raises
    `ValueError` for a bound under 1.
    """

    name = "threadpool"

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None:
            if type(max_workers) is not int:
                message = f"max_workers must be a whole number, or None; got {max_workers!r}."
                raise TypeError(message)
            if max_workers < 1:
                message = f"max_workers must be at least 1, or None for no bound; got {max_workers}"
                raise ValueError(message)
        self.max_workers = max_workers
        self._threads: Threads | None = None
        self._futures: set[TaskFuture] = set()

    def duplicate(self) -> ThreadPoolTaskRunner:
        """Return a runner with the same settings that has not begun."""
        return type(self)(self.max_workers)

    def start(self) -> Threads:
        """Return threads for one flow run."""
        return Threads(self.max_workers or PROCESS.settings.tasks.runner.thread_pool_max_workers)

    def submit(self, task: Any, parameters: dict[str, Any], wait_for: Any = None) -> TaskFuture:
        """Run a task with parameters by name; only inside `with`.

        Raises `RuntimeError` where the runner has not been started, or has been closed.
        """
        if self._threads is None:
            message = "Task runner is not started. Use it as a context: `with runner:`."
            raise RuntimeError(message)
        return self._begin(self._threads, task, parameters, wait_for, NO_INPUTS)

    def map(self, task: Any, parameters: dict[str, Any], wait_for: Any = None) -> FutureList:
        """Run a task once for each item of the iterable parameters; only inside `with`."""
        if self._threads is None:
            message = "Task runner must be started before submitting work."
            raise RuntimeError(message)
        around = current.get()
        calls = Split(task.binding, (), parameters, around.flow if around is not None else None)
        return FutureList(
            self._begin(self._threads, task, kwargs, wait_for, calls.inputs) for _, kwargs in calls
        )

    def _begin(
        self, threads: Threads, task: Any, parameters: dict[str, Any], wait_for: Any, inputs: Inputs
    ) -> TaskFuture:
        args, kwargs = task.binding.unbind(task.binding.bind((), parameters))
        env = (PROCESS.engine or PROCESS.start()).env
        future = threads.submit(task, args, kwargs, wait_for, env, inputs)
        self._futures.add(future)
        future.when_done(self._futures.discard)
        return future

    def __enter__(self) -> Self:
        if self._threads is not None:
            message = "This task runner is already started."
            raise RuntimeError(message)
        self._threads = self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        for future in list(self._futures):
            future.wait()
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_threads": None, "_futures": set()}  # it has not begun elsewhere

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self)["max_workers"] == vars(other)["max_workers"]

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.max_workers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"


if TYPE_CHECKING:
    ConcurrentTaskRunner = ThreadPoolTaskRunner
else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # what imports ask for
            raise AttributeError(name)
        return import_module("flowstone.old_names").find(__name__, name)


__all__ = ["ThreadPoolTaskRunner"]
