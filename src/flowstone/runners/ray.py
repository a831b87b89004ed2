"""Ray: where a `RayTaskRunner` runs the bodies of tasks, one Ray task for each.

A body runs once: Ray's own retries are off unless the user asks for them (`max_retries`).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from struct import Struct
from types import MappingProxyType
from typing import Any

from flowstone.exceptions import CrashedRun, MissingResult, WorkerDied
from flowstone.results.buffers import Buffer
from flowstone.runners.places import Places
from flowstone.runners.process_marks import mark_of
from flowstone.runners.ray_answers import Answers
from flowstone.runners.telling import Sent

_logger = logging.getLogger("flowstone.task_runners")
_SMALL = 64 << 10
"""Bytes up to which a result comes home with the answer."""
_LOOK = 1.0
"""Seconds between two looks at how many processors the cluster has."""
_NONE: Any = MappingProxyType({})
options_around: ContextVar[Any] = ContextVar("flowstone_ray_options", default=_NONE)
"""What the user asks of Ray for the tasks that are submitted (`remote_options`)."""
_DEATHS = ("WorkerCrashedError", "LocalRayletDiedError", "NodeDiedError", "OutOfMemoryError")

_SHORT = 0.02
"""Seconds up to which a body is short."""
_FRAME = Struct(">??I")
"""Whether a result is, or may lie, beside its answer; whether the body was short; the length of
what comes first."""

Run = Callable[..., tuple[bytes, bytes]]


class RayScheduler:
    """Lets the workers of a Ray cluster run bodies; `run` does it there.

    `is_own` tells that this process began Ray for it, and ends it.
    """

    def __init__(self, ray: Any, run: Run, *, is_own: bool) -> None:
        self._ray, self._is_own = ray, is_own
        self._body = ray.remote(max_retries=0)(_sent_with(run))
        self._named: dict[tuple[str, int], Any] = {}
        self._small: set[str] = set()  # tasks whose results were, by name
        self._short: set[str] = set()  # tasks whose bodies were
        self._answers = Answers(ray)
        self._is_closed = False

    def count(self) -> int:
        """Return how many processors the cluster has, at least one."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def connect(self, places: Places) -> None:
        """Tell how many processors there are, again and again: nodes come and go."""
        threading.Thread(target=self._watch, args=(places,), daemon=True).start()

    def options(self) -> dict[str, Any]:
        """Return the options around the code (`remote_options`)."""
        return dict(options_around.get())

    def send(
        self, sent: Sent, errand: bytes, body: Sequence[Buffer], refs: list[Any], label: str
    ) -> None:
        """Submit a body."""
        returns = 1 if label in self._small else 2
        wanted = self._wanted(label, returns)
        # One argument: each costs as much as the next, however small it is.
        made = wanted.remote(_framed(errand, body, is_beside=returns == 2), *refs)
        answer, result = made if returns == 2 else (made, None)
        sent.handle = answer
        if label in self._short and self._answers.has_room:
            self._answers.expect(
                answer, lambda value: self._take(sent, label, value, result, here=True)
            )
        else:
            answer.future().add_done_callback(
                lambda future: self._take(
                    sent, label, future.exception() or future.result(), result
                )
            )

    def fetch(self, ref: Any) -> Buffer:
        """Return a result from where it lies. Raises `MissingResult`."""
        try:
            blob: Buffer = self._ray.get(ref)
        except Exception as error:
            message = (
                "The result lay on the Ray cluster and is lost: its node, or the cluster, has "
                f"ended ({type(error).__name__}). Ask for it while the flow runs, or declare the "
                "task with persist_result=True."
            )
            raise MissingResult(message) from error
        return blob

    def interrupt(self, sent: Sent) -> None:
        """Interrupt the body, or keep it from beginning."""
        handle = sent.handle
        if handle is not None:
            self._ray.cancel(handle, recursive=False)

    def give_up(self, sent: Sent) -> None:
        """Kill the process of a body that did not hear.

        Not by a forced `cancel`: behind one that the worker never answered it does nothing. Each
        node looks for a process that is marked with the run.
        """
        if sent.handle is None:
            return
        kill = self._ray.remote(_kill)
        for node in self._ray.nodes():
            if node["Alive"]:
                there = {f"node:{node['NodeManagerAddress']}": 0.001}
                kill.options(num_cpus=0, resources=there).remote(mark_of(sent.run))

    def close(self) -> None:
        """End Ray where it was begun for this."""
        self._is_closed = True
        self._answers.close()
        if self._is_own:
            self._ray.shutdown()

    def _wanted(self, label: str, returns: int) -> Any:
        options = self.options()
        if options:
            return self._body.options(**{"name": label, "num_returns": returns, **options})
        wanted = self._named.get((label, returns))
        if wanted is None:  # kept: making it takes as long as a tenth of a task
            wanted = self._body.options(name=label, num_returns=returns)
            self._named[label, returns] = wanted
        return wanted

    def _take(
        self,
        sent: Sent,
        label: str,
        answer: bytes | BaseException,
        result: Any,
        *,
        here: bool = False,
    ) -> None:
        sent.handle = None
        if isinstance(answer, BaseException):
            sent.fail(_failure(answer))
            return
        is_beside, is_short, head, blob = _unframed(answer)
        if is_short:
            self._short.add(label)
        else:
            self._short.discard(label)
        # A second value costs a tenth of a task: not where results are small. A large one that
        # comes all the same comes home; the next ones of its task do not.
        if not is_beside and len(blob) <= _SMALL:
            self._small.add(label)
        else:
            self._small.discard(label)
        if is_beside:
            sent.answer(head, None, result, here=here)
        else:
            sent.answer(head, blob, here=here)

    def _watch(self, places: Places) -> None:
        while not self._is_closed:
            if self._ray.is_initialized():
                places.resize(self.count())
            time.sleep(_LOOK)


def opened(options: dict[str, Any], run: Run) -> RayScheduler:
    """Return a scheduler for Ray: as it was begun in this process, else begun with these options.

    Raises what `ray.init` raises.
    """
    loaded: Any = sys.modules.get("ray")
    is_own = loaded is None or not loaded.is_initialized()
    if is_own:
        where = options.get("address")  # said before seconds of importing it
        _logger.info(f"Connecting to Ray at {where}" if where else "Starting Ray")
    ray: Any = import_module("ray")
    if is_own:
        with process_left_as_it_is():
            ray.init(**options)
    return RayScheduler(ray, run, is_own=is_own)


@contextmanager
def process_left_as_it_is() -> Iterator[None]:
    """Keep what `ray.init` would change in this process.

    It makes its own debugger what `breakpoint()` opens, here and in child processes, and lets
    SIGTERM exit from whatever runs, also in processes that are forked later.
    """
    breakpoints = os.environ.get("PYTHONBREAKPOINT")
    listening = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if breakpoints is None:
            os.environ.pop("PYTHONBREAKPOINT", None)
        else:
            os.environ["PYTHONBREAKPOINT"] = breakpoints
        # In another thread nobody can listen to signals, nor does Ray.
        if listening is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, listening)


def _sent_with(run: Run) -> Callable[..., Any]:
    """Return what Ray sends to its workers, once: it runs a body with the results it takes."""

    def there(sent: bytes, *results: Buffer) -> Any:
        return _there(run, sent, results)

    return there


def _there(run: Run, sent: bytes, results: tuple[Buffer, ...]) -> Any:
    """Run a body on the worker.

    Returns the answer with its result; where two values are wanted, with a small one, and a large
    one beside it.
    """
    began = time.perf_counter()
    may_be_beside, _, errand, body = _unframed(sent)
    head, blob = run(errand, body, results, is_alone=True, marks=True)
    is_short = time.perf_counter() - began <= _SHORT
    if not may_be_beside:
        return _framed(head, [blob], is_short=is_short)
    if len(blob) <= _SMALL:
        return _framed(head, [blob], is_short=is_short), None
    return _framed(head, [], is_beside=True, is_short=is_short), blob


def _framed(
    head: bytes, rest: Sequence[Buffer], *, is_beside: bool = False, is_short: bool = False
) -> bytes:
    """Return two things as one of bytes: what is not bytes Ray pickles, which takes longer."""
    return b"".join([_FRAME.pack(is_beside, is_short, len(head)), head, *rest])


def _unframed(blob: bytes) -> tuple[bool, bool, bytes, memoryview]:
    is_beside, is_short, length = _FRAME.unpack_from(blob)
    end = _FRAME.size + length
    return is_beside, is_short, blob[_FRAME.size : end], memoryview(blob)[end:]


def _kill(mark: str) -> None:
    """Kill the Ray worker on this machine that runs the run with this mark."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # it has ended meanwhile, or is not ours
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
            if name == mark:
                os.kill(int(pid), signal.SIGKILL)


def _failure(error: BaseException) -> BaseException:
    """Return why there is no answer, as the run's caller is told."""
    name = type(error).__name__
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception) and name.startswith("RayTaskError"):
        return cause
    reason = " ".join(str(error).split())
    failure: BaseException
    if name in _DEATHS:
        failure = WorkerDied(f"The Ray worker died before the task had ended: {reason}")
    else:
        failure = CrashedRun(f"Ray gave the task up before it had ended: {name}: {reason}")
    failure.__cause__ = error
    return failure
