"""Where submitted tasks run: give one to `@flow(task_runner=...)`, or use it as a context."""

from __future__ import annotations

from typing import Any, Self

from flowstone.futures import FutureList
from flowstone.mapping import split
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.threads import Threads
from flowstone.wiring import PROCESS


class ThreadPoolTaskRunner:
    """Runs submitted tasks in threads of this process, at most `max_workers` at once.

    Without a bound there are as many threads as are needed for the tasks to get on. Raises
    `ValueError` for a bound under 1.
    """

    name = "threadpool"

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            message = f"max_workers must be at least 1, or None for no bound; got {max_workers}."
            raise ValueError(message)
        self.max_workers = max_workers
        self._threads: Threads | None = None
        self._futures: set[TaskFuture] = set()

    def duplicate(self) -> ThreadPoolTaskRunner:
        """Return a runner with the same settings that has not begun."""
        return type(self)(self.max_workers)

    def start(self) -> Threads:
        """Return threads for one flow run."""
        return Threads(self.max_workers)

    def submit(self, task: Any, parameters: dict[str, Any], wait_for: Any = None) -> TaskFuture:
        """Run a task with parameters by name; only inside `with`.

        Raises `RuntimeError` where the runner has not been started, or has been closed.
        """
        args, kwargs = task.binding.unbind(task.binding.bind((), parameters))
        if self._threads is None:
            message = "Task runner is not started. Use it as a context: `with runner:`."
            raise RuntimeError(message)
        env = (PROCESS.engine or PROCESS.start()).env
        future = self._threads.submit(task, args, kwargs, wait_for, env)
        self._futures.add(future)
        future.when_done(self._futures.discard)
        return future

    def map(
        self, task: Any, parameters: dict[str, Any], wait_for: Any = None
    ) -> FutureList[TaskFuture]:
        """Run a task once for each item of the iterable parameters; only inside `with`."""
        if self._threads is None:
            message = "Task runner must be started before submitting work."
            raise RuntimeError(message)
        return FutureList(
            self.submit(task, kwargs, wait_for) for _, kwargs in split(task.binding, (), parameters)
        )

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

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self)["max_workers"] == vars(other)["max_workers"]

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.max_workers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"


__all__ = ["ThreadPoolTaskRunner"]
