"""Where submitted tasks run: give one to `@flow(task_runner=...)`, or use it as a context."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from flowstone.core.context import NO_INPUTS, current
from flowstone.engine.inputs import Inputs
from flowstone.exceptions import ConfigurationError, NotInFlowstoneError
from flowstone.face.mapping import Split
from flowstone.futures import FutureList
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.threads import Threads
from flowstone.wiring.process import PROCESS

if TYPE_CHECKING:
    from flowstone.core.declared import DeclaredTask
    from flowstone.engine.ops import Env
    from flowstone.runners.cluster import Cluster
    from flowstone.runners.processes import Processes
    from flowstone.settings import Settings


class StartedRunner(Protocol):
    """The threads or workers of one flow run: what `TaskRunner.start` returns.

    `flowstone.runners.threads.Threads` is the shortest one.
    """

    def submit(
        self,
        spec: DeclaredTask,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        env: Env,
        inputs: Inputs = NO_INPUTS,
    ) -> TaskFuture:
        """Begin a run of a task with these arguments, and return its future at once.

        The run waits for the futures in its arguments and in `wait_for`. `env` is the log, the
        clock and the limits of the process; `inputs` are runs known to be inputs beside them.
        """

    def close(self) -> None:
        """Let threads or workers end; called once, when all runs have ended."""


class TaskRunner(ABC):
    """What all task runners have in common; `max_workers` bodies run at once.

    One of your own has a `start` that returns a `StartedRunner`.
    """

    def __init__(self, max_workers: int | None) -> None:
        self.max_workers = max_workers
        self._started: StartedRunner | None = None
        self._futures: set[TaskFuture] = set()

    @property
    def name(self) -> str:
        """The name of the class in small letters, without `taskrunner`."""
        return type(self).__name__.lower().replace("taskrunner", "")

    @abstractmethod
    def start(self) -> StartedRunner:
        """Return threads or workers for one flow run."""

    def duplicate(self) -> Self:
        """Return a runner with the same settings that has not begun."""
        copy = type(self).__new__(type(self))
        vars(copy).update(self.__getstate__())
        return copy

    def submit(self, task: Any, parameters: dict[str, Any], wait_for: Any = None) -> TaskFuture:
        """Run a task with parameters by name; only inside `with`.

        Raises `RuntimeError` where the runner has not been started, or has been closed.
        """
        if self._started is None:
            message = "Task runner is not started. Use it as a context: `with runner:`."
            raise RuntimeError(message)
        return self._begin(self._started, task, parameters, wait_for, NO_INPUTS)

    def map(self, task: Any, parameters: dict[str, Any], wait_for: Any = None) -> FutureList:
        """Run a task once for each item of the iterable parameters; only inside `with`."""
        if self._started is None:
            message = (
                "Task runner must be started before submitting work. Use it as a context: "
                "`with runner:`."
            )
            raise RuntimeError(message)
        around = current.get()
        calls = Split(task.binding, (), parameters, around.flow if around is not None else None)
        return FutureList(
            self._begin(self._started, task, kwargs, wait_for, calls.inputs) for _, kwargs in calls
        )

    def _begin(
        self,
        started: StartedRunner,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Any,
        inputs: Inputs,
    ) -> TaskFuture:
        args, kwargs = task.binding.unbind(task.binding.bind((), parameters))
        env = (PROCESS.engine or PROCESS.start()).env
        future = started.submit(task, args, kwargs, wait_for, env, inputs)
        self._futures.add(future)
        future.when_done(self._futures.discard)
        return future

    def __enter__(self) -> Self:
        if self._started is not None:
            message = "This task runner is already started."
            raise RuntimeError(message)
        self._started = self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        for future in list(self._futures):
            future.wait()
        if self._started is not None:
            self._started.close()
            self._started = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_started": None, "_futures": set()}  # it has not begun elsewhere

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskRunner) or type(self) is not type(other):
            return False
        return self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.max_workers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_workers={self.max_workers})"


class ThreadPoolTaskRunner(TaskRunner):
    """Runs submitted tasks in threads of this process, at most `max_workers` at once.

    Without a bound (and where the setting `tasks.runner.thread_pool_max_workers` gives none)
    there are as many threads as are needed for the tasks to get on. Raises
    `ValueError` for a bound under 1.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        _check_bound(max_workers, least=1, otherwise="None for no bound")
        super().__init__(max_workers)

    def start(self) -> Threads:
        """Return threads for one flow run."""
        return Threads(self.max_workers or PROCESS.settings.tasks.runner.thread_pool_max_workers)


class ProcessPoolTaskRunner(TaskRunner):
    """Runs submitted tasks in worker processes, at most `max_workers` at once.

    None or 0 workers are what the setting `tasks.runner.process_pool_max_workers` says, else one
    for each processor that this process may use. `initializer` is called with `initargs` in each
    worker before its first task. A task sees the tags, the settings and the environment of where
    it was submitted, and the values of these `context_variables`. Workers import no script:
    what one declares is sent along, and needs no `if __name__ == "__main__"`.

    Arguments and results must be such that they can be pickled, by cloudpickle at least. A worker
    that dies makes the run Crashed that it had; the task option `infrastructure_retries` says how
    often such a run is begun again. Raises `ValueError` for fewer than 0 workers.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        subprocess_message_processor_factories: Iterable[Any] | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        context_variables: Iterable[ContextVar[Any]] = (),
    ) -> None:
        _check_bound(max_workers, least=0, otherwise="None for one a processor")
        if subprocess_message_processor_factories:
            message = (
                "subprocess_message_processor_factories is not in Flowstone: workers send no "
                "messages to process, they record what they log themselves. Add a logging filter "
                "in `initializer`."
            )
            raise NotInFlowstoneError(message)
        given: object = initializer
        if given is not None and not callable(given):
            message = f"initializer must be callable, or None; got {given!r}."
            raise TypeError(message)
        super().__init__(max_workers or None)
        self.initializer = initializer
        self.initargs = tuple(initargs)
        self.context_variables = tuple(context_variables)

    def start(self) -> Processes:
        """Return workers for one flow run; processes begin when they are needed."""
        bound = self.max_workers or PROCESS.settings.tasks.runner.process_pool_max_workers
        # By name: who runs tasks in threads loads none of it.
        processes: Processes = import_module("flowstone.runners.processes").Processes(
            bound or _processors(),
            _SettingsHere().get,
            self.initializer,
            self.initargs,
            self.context_variables,
        )
        return processes


class DaskTaskRunner(TaskRunner):
    """Runs submitted tasks on a Dask cluster, one Dask task for each.

    Without arguments a `distributed.LocalCluster` is made for each flow run and closed at its end;
    a script needs its `if __name__ == "__main__"` then. `cluster_class` makes another one, a class,
    a function or the dotted name of one, called with `cluster_kwargs`; `adapt_kwargs` let it grow
    and shrink. `address` or `cluster` name one that is there and is left running. `client_kwargs`
    are those of `distributed.Client`; `performance_report_path` is where Dask writes its report.

    A result stays on the cluster until it is asked for; a task there that takes it gets it there.
    `dask.annotate` around a `submit` holds for its Dask task (`resources`, `workers`, `priority`).
    A worker that dies makes the runs Crashed that it had, unless they have `infrastructure_retries`
    left. Raises `ValueError` for arguments that contradict each other, and when it starts
    `ConfigurationError` where Dask is not installed.
    """

    def __init__(
        self,
        cluster: Any = None,
        address: str | None = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        performance_report_path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(None)
        made = {"cluster_class": cluster_class, "cluster_kwargs": cluster_kwargs}
        _check_one_source(
            {"cluster": cluster, "address": address}, made | {"adapt_kwargs": adapt_kwargs}
        )
        self.cluster, self.address = cluster, address
        self.cluster_class = cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs) if adapt_kwargs is not None else None
        self.client_kwargs = dict(client_kwargs or {})
        self.performance_report_path = performance_report_path

    def start(self) -> Cluster:
        """Return a cluster for one flow run."""
        _require("distributed", "dask")
        dask = import_module("flowstone.runners.dask")
        worker = import_module("flowstone.wiring.cluster_worker")
        report = self.performance_report_path
        scheduler = dask.opened(
            dask.Source(
                self.cluster or self.address,
                self.cluster_class or "distributed.LocalCluster",
                self.cluster_kwargs,
                self.adapt_kwargs,
            ),
            self.client_kwargs,
            os.fspath(report) if report is not None else None,
            worker.run,
            worker.interrupt,
        )
        grows = self.adapt_kwargs is not None
        # Others too may grow: when there is more to do than they can.
        spread = 2 if grows or self.address is not None else 1
        return _clustered(scheduler, spread=spread, grows=grows)


class RayTaskRunner(TaskRunner):
    """Runs submitted tasks on a Ray cluster, one Ray task for each.

    Where Ray was not begun in this process (`ray.init`), it is begun with `address` and
    `init_kwargs` for each flow run and ended after it; without them on this machine.

    A result stays on the cluster until it is asked for; a task there that takes it gets it there.
    `flowstone.ray.remote_options` around a `submit` holds for its Ray task (`num_cpus`,
    `num_gpus`, `resources`, ...). A worker that dies makes the run Crashed that it had, unless that
    has `infrastructure_retries` left. Raises `ConfigurationError` when it starts where Ray is not
    installed.
    """

    def __init__(
        self, address: str | None = None, init_kwargs: dict[str, Any] | None = None
    ) -> None:
        super().__init__(None)
        self.address = address
        self.init_kwargs = dict(init_kwargs or {})

    def start(self) -> Cluster:
        """Return a cluster for one flow run."""
        _require("ray", "ray")
        options: dict[str, Any] = {"namespace": "flowstone", **self.init_kwargs}
        if self.address is not None:
            options["address"] = self.address
        worker = import_module("flowstone.wiring.cluster_worker")
        scheduler = import_module("flowstone.runners.ray").opened(options, worker.run)
        return _clustered(scheduler, spread=2 if self.address is not None else 1)


class _SettingsHere:
    """The settings of the moment, as workers get them: no live display there, and the home in
    which runs are really recorded."""

    def __init__(self) -> None:
        self._made: tuple[Settings, str, Settings] | None = None

    def get(self) -> Settings:
        """Return them: the same object as long as nothing changed."""
        directory = (PROCESS.engine or PROCESS.start()).log.directory
        settings, home = PROCESS.settings, os.path.dirname(directory)
        if self._made is None or self._made[0] is not settings or self._made[1] != home:
            workers = msgspec.structs.replace(settings, home=home, live=False)
            self._made = settings, home, workers
        return self._made[2]


def _clustered(scheduler: Any, *, spread: int, grows: bool = False) -> Cluster:
    """Return what submits to a cluster."""
    made: Cluster = import_module("flowstone.runners.cluster").Cluster(
        scheduler, _SettingsHere().get, count=scheduler.count(), spread=spread, grows=grows
    )
    return made


def _require(module: str, extra: str) -> None:
    """Raise `ConfigurationError` where a library is not installed."""
    if find_spec(module) is None:
        message = f'{module} is not installed. Install it: pip install "flowstone[{extra}]"'
        raise ConfigurationError(message)


def _check_one_source(there: dict[str, Any], made: dict[str, Any]) -> None:
    """Raise `ValueError` where more than one cluster is asked for."""
    given = [name for name, value in there.items() if value is not None]
    making = [name for name, value in made.items() if value is not None]
    if len(given) > 1 or (given and making):
        names = " and ".join(f"`{name}`" for name in [*given, *making])
        message = (
            f"{names} contradict each other: give a cluster that is there, or how to make one."
        )
        raise ValueError(message)


def _check_bound(max_workers: object, *, least: int, otherwise: str) -> None:
    if max_workers is None:
        return
    if type(max_workers) is not int:
        message = f"max_workers must be a whole number, or None; got {max_workers!r}."
        raise TypeError(message)
    if max_workers < least:
        message = f"max_workers must be at least {least}, or {otherwise}; got {max_workers}"
        raise ValueError(message)


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if TYPE_CHECKING:
    ConcurrentTaskRunner = ThreadPoolTaskRunner
else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # what imports ask for
            raise AttributeError(name)
        return import_module("flowstone.face.old_names").find(__name__, name)


__all__ = [
    "DaskTaskRunner",
    "ProcessPoolTaskRunner",
    "RayTaskRunner",
    "StartedRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]
