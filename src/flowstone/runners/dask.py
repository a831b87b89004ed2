"""Dask: where a `DaskTaskRunner` runs the bodies of tasks, one Dask task for each.

Its answer and a large result are data that nothing can compute again, so a body never runs twice
because they were lost.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Any, NamedTuple

from flowstone.exceptions import CrashedRun, MissingResult, WorkerDied
from flowstone.results.buffers import Buffer
from flowstone.runners.places import Places
from flowstone.runners.telling import Sent

_SMALL = 64 << 10
"""Bytes up to which a result comes home at once, and arguments go with the call."""
_LOOK = 1.0
"""Seconds between two looks at how many threads the cluster has."""
_logger = logging.getLogger("flowstone.task_runners")
_FORGOTTEN = ("unknown", "already forgotten")
"""Why Dask says that it gave up a task whose answer was lost with a worker."""
KEY = "flowstone-run"
"""What the keys of our Dask tasks begin with."""

Run = Callable[..., tuple[bytes, bytes]]


class DaskScheduler:
    """Lets the workers of a Dask cluster run bodies.

    `run` does it there, `interrupt` ends one there. `ends` is closed with this: the client, and the
    cluster where it is this process's own.
    """

    def __init__(self, client: Any, run: Run, interrupt: Callable[[bytes], bool]) -> None:
        self._client, self.ends = client, ExitStack()
        self._run, self._interrupt = run, interrupt
        self._is_closed = False
        self.address: str = client.scheduler.address
        self._where = f"at {self.address}"
        client.register_plugin(_one_life())

    def count(self) -> int:
        """Return how many threads the workers have together."""
        return sum(self._client.nthreads().values())

    def connect(self, places: Places) -> None:
        """Tell how many threads there are, again and again: workers come and go."""
        self._on_loop(self._watch(places))

    def options(self) -> dict[str, Any]:
        """Return the annotations around the code (`dask.annotate`)."""
        return dict(import_module("dask").get_annotations())

    def send(
        self, sent: Sent, errand: bytes, body: Sequence[Buffer], refs: list[Any], label: str
    ) -> None:
        """Submit a body; large arguments go as data of their own."""
        blob: Any = b"".join(body)
        if len(blob) > _SMALL:
            blob = self._client.scatter(blob, hash=False)
        sent.handle = self._client.submit(
            _there,
            self._run,
            errand,
            blob,
            *refs,
            key=f"{KEY}-{label}-{uuid.uuid4()}",
            pure=False,
        )
        self._on_loop(self._follow(sent))

    def fetch(self, ref: Any) -> Buffer:
        """Return a result from the worker that has it. Raises `MissingResult`."""
        try:
            blob: Buffer = self._client.gather(ref)
        except Exception as error:
            message = (
                f"The result lay on the Dask cluster {self._where} and is lost: its worker, or the "
                f"cluster, has ended ({type(error).__name__}). Ask for it while the flow runs, or "
                "declare the task with persist_result=True."
            )
            raise MissingResult(message) from error
        return blob

    def interrupt(self, sent: Sent) -> None:
        """Interrupt the body where it runs; it does not begin where it has not."""
        self._on_loop(self._stop(sent))

    def give_up(self, sent: Sent) -> None:
        """Nothing: a worker's process has the results of others, so it lives on with the body."""

    def close(self) -> None:
        """Close the client, and the cluster where it is our own."""
        self._is_closed = True
        self.ends.close()

    def _on_loop(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._client.loop.add_callback(lambda: coroutine)

    async def _watch(self, places: Places) -> None:
        sleep = import_module("asyncio").sleep
        while not self._is_closed:
            threads = await self._client.scheduler.ncores(workers=None)
            places.resize(sum(threads.values()))
            await sleep(_LOOK)

    async def _follow(self, sent: Sent) -> None:
        """Take the answer when it is there; its Dask task is forgotten then."""
        try:
            head, blob, key = await self._client.gather(sent.handle, asynchronous=True)
        except BaseException as error:  # noqa: BLE001  told to who waits
            sent.fail(self.failure(error))
        else:
            ref = _future(self._client, key) if key is not None else None
            sent.answer(head, blob, ref)
        finally:
            sent.handle = None

    async def _stop(self, sent: Sent) -> None:
        found = await self._client.run(
            self._interrupt, sent.run, asynchronous=True, on_error="ignore"
        )
        handle = sent.handle
        if not any(found.values()) and handle is not None:
            await self._client.cancel([handle], asynchronous=True, force=True)

    def failure(self, error: BaseException) -> BaseException:
        """Return why there is no answer, as the run's caller is told."""
        name = type(error).__name__
        if name == "KilledWorker":
            worker = getattr(error, "last_worker", None)
            where = getattr(worker, "address", "") or "gone"
            return _caused(
                WorkerDied(
                    f"The Dask worker {where} died before the task had ended, maybe because "
                    "memory ran out; its own log may say more."
                ),
                error,
            )
        if getattr(error, "reason", None) in _FORGOTTEN:
            return _caused(
                WorkerDied(
                    f"The Dask cluster {self._where} has forgotten the task: the worker that had "
                    "its answer died, or somebody cancelled it there."
                ),
                error,
            )
        if "Cancelled" in name or "Comm" in name or isinstance(error, OSError):
            return _caused(
                CrashedRun(
                    f"The Dask cluster {self._where} gave the task up before it had ended: {error}"
                ),
                error,
            )
        return error


class Source(NamedTuple):
    """Where a cluster comes from: one that is `there`, or its address; else how to make one."""

    there: Any
    make: str | Callable[..., Any]
    options: dict[str, Any]
    adapt: dict[str, Any] | None


def opened(
    source: Source,
    client_options: dict[str, Any],
    report: str | None,
    run: Run,
    interrupt: Callable[[bytes], bool],
) -> DaskScheduler:
    """Return a scheduler for a cluster. Raises what making it or connecting to it raises."""
    distributed = _distributed()
    with ExitStack() as ends:
        cluster = source.there
        if cluster is None:
            make = source.make if callable(source.make) else _named(source.make)
            _logger.info("Starting a Dask cluster (%s)", getattr(make, "__name__", make))
            cluster = ends.enter_context(make(**source.options))
            if source.adapt is not None:
                cluster.adapt(**source.adapt)
        client = distributed.Client(cluster, **{"set_as_default": False, **client_options})
        ends.callback(client.close)
        if report is not None:
            with client.as_current():
                ends.enter_context(distributed.performance_report(filename=report))
        scheduler = DaskScheduler(client, run, interrupt)
        scheduler.ends = ends.pop_all()
        return scheduler


def _named(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    made: Callable[..., Any] = getattr(import_module(module), name)
    return made


def _there(run: Run, errand: bytes, body: Buffer, *results: Buffer) -> tuple[bytes, Any, Any]:
    """Run a body on the worker. Returns the answer, and its result or what keeps that there."""
    distributed = _distributed()
    worker = distributed.get_worker()
    head, blob = run(errand, body, results, is_alone=worker.state.nthreads == 1)
    if len(blob) <= _SMALL:
        return head, blob, None
    client = distributed.get_client()
    return head, None, _Kept(client.scatter(blob, direct=True, hash=False))


class _Kept:
    """Keeps data on the cluster as long as the answer is there; elsewhere it is the data's key."""

    def __init__(self, future: Any) -> None:
        self.future = future

    def __reduce__(self) -> Any:
        return str, (self.future.key,)


def _future(client: Any, key: str) -> Any:
    """Return a future of data on the cluster, which lives as long as that."""
    future = _distributed().Future(key, client)
    # A future made of a key says nothing to the scheduler by itself.
    client._send_to_scheduler(  # noqa: SLF001
        {"op": "client-desires-keys", "keys": [key], "client": client.id}
    )
    return future


def _distributed() -> Any:
    # By name: only who uses Dask loads it.
    return import_module("distributed")


def _caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _one_life() -> Any:
    """Return what makes the scheduler run a body once, whatever is lost with a worker."""
    base: Any = _distributed().SchedulerPlugin

    class OneLife(base):  # type: ignore[misc]  # made here: a scheduler need not have this package
        name = "flowstone"
        idempotent = True

        async def start(self, scheduler: Any) -> None:
            self.tasks = scheduler.tasks

        def update_graph(self, scheduler: Any, *, keys: set[Any], **_rest: Any) -> None:
            for key in keys:
                if isinstance(key, str) and key.startswith(KEY):
                    scheduler.tasks[key].suspicious = scheduler.allowed_failures

        def transition(self, key: Any, _start: Any, finish: Any, *_: Any, **_rest: Any) -> None:
            if finish == "memory" and isinstance(key, str) and key.startswith(KEY):
                # An answer is data now: one that nobody had yet is lost, not computed again.
                self.tasks[key].run_spec = None

    return OneLife()
