"""Processes of this machine: where a `ProcessPoolTaskRunner` runs the bodies of tasks.

Each run's story is told here, by a thread that waits for a worker's answer; only the body runs
there. So inputs, retries, limits, hooks and states are what they are anywhere, futures never
leave this process, and a worker that dies takes one body with it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, copy_context
from itertools import count
from typing import Any

import msgspec

from flowstone.core.context import NO_INPUTS, RunContext, get_current, tags_around
from flowstone.core.declared import DeclaredTask
from flowstone.core.facts import UsageMeasured
from flowstone.core.outcome import Err, Outcome
from flowstone.core.stopping import STOPS, Interrupted, check_stops
from flowstone.drive.pool import Pool
from flowstone.drive.run_logger import log_for
from flowstone.drive.stories import Suspending
from flowstone.engine.inputs import Inputs, known_inputs, merged
from flowstone.engine.ops import Env
from flowstone.exceptions import WorkerDied
from flowstone.results.buffers import Buffer
from flowstone.runners.failures import no_way
from flowstone.runners.pickles import packed
from flowstone.runners.remote import (
    CALL,
    Call,
    came_to,
    interrupted,
    packed_call,
    sent_flow,
    sent_run,
    task_alone,
)
from flowstone.runners.submitted import TaskFuture
from flowstone.runners.usage import Usage
from flowstone.runners.workers import RemoteReach, Worker, rest, rested

_NUMBERS = count(1)
"""By which workers know things: the same thing has one number in this whole process."""
_MOST_KNOWN = 1000
"""Things that are remembered at once: of tasks that are made anew for each submission, a few."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Usage).decode


class _Known:
    """Something that workers are told once: a task, a flow run, settings, the environment."""

    __slots__ = ("body", "number", "thing")

    def __init__(self, thing: Any, body: Sequence[Buffer]) -> None:
        self.thing, self.body = thing, body  # held, so that nothing else has its `id()`
        self.number = next(_NUMBERS)


class _Stories(Pool):
    """Threads that tell stories, as many as there may be workers: each waits for one."""

    def put(self, item: Any) -> None:
        """Let a thread take it; a new one where none is free."""
        if not self._idle and self.most is not None and self._threads < self.most:
            self._grow(1)
        super().put(item)


class Processes:
    """Submits task runs whose bodies run in at most `most` worker processes.

    `settings` gives those of the moment. `initializer` is called with `initargs` in each worker
    before its first body; `variables` are the context variables whose values go along.
    """

    def __init__(
        self,
        most: int,
        settings: Callable[[], Any],
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        variables: Iterable[ContextVar[Any]] = (),
    ) -> None:
        self._stories = _Stories(most, "flowstone-process")
        self._settings = settings
        self._initializer, self._initargs = initializer, initargs
        self._variables = tuple(variables)
        self._known: dict[int, _Known] = {}
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._ops: _Away | None = None
        self._env: Env | None = None

    def submit(
        self,
        spec: DeclaredTask,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        env: Env,
        inputs: Inputs = NO_INPUTS,
    ) -> TaskFuture:
        """Begin a task run's existence, and run it as soon as it can."""
        outer = get_current()
        if outer is not None and outer.flow is not None and outer.flow.origins:
            known = known_inputs(outer.flow, spec.binding, args, kwargs, wait_for)
            inputs = merged(inputs, known)
        self._env = env
        call = (spec, args, kwargs, wait_for, self._ops_now(), env, copy_context(), inputs)
        future = TaskFuture(call, outer.flow if outer is not None else None)
        if inputs:
            future.record()
        self._stories.put(future)
        return future

    def close(self) -> None:
        """Let threads and workers end; those that any flow run can use stay warm for a while."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            self._dismiss(worker)
        self._stories.close()

    def take(self) -> Worker:
        """Return a worker that has nothing to do, a new one where there is none."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
        warm = rested() if self._initializer is None else None
        if warm is not None:
            return warm
        start = sys.argv, self._settings(), self._initializer, self._initargs
        try:
            return Worker(packed(start))
        except Exception as error:
            raise no_way(
                "The initializer of a process pool, or what it is given,", error
            ) from error

    def give_back(self, worker: Worker) -> None:
        """Take a worker back that has answered."""
        if worker.is_alive:
            with self._lock:
                if not self._is_closed:
                    self._idle.append(worker)
                    return
            self._dismiss(worker)

    def known(self, thing: Any, pack: Callable[[], Sequence[Buffer]]) -> _Known:
        """Return what workers know something by; `pack` gives it as bytes, once."""
        known = self._known.get(id(thing))
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            # Of two threads that come here at once, one packs for nothing.
            known = self._known.setdefault(id(thing), _Known(thing, pack()))
        return known

    def note(self, context: RunContext, used: bytes) -> None:
        """Record what a body used."""
        usage = _decode(used)
        env = self._env
        if env is not None and usage.cpu is not None:
            key = context.run.key
            env.log.append(UsageMeasured(key, env.now(), usage.cpu, usage.memory))

    def variables(self) -> bytes:
        """Return the context variables that go along, and their values here."""
        told = [(one, one.get()) for one in self._variables if one in copy_context()]
        return b"".join(packed(told)) if told else b""

    def _dismiss(self, worker: Worker) -> None:
        if self._initializer is None:
            rest(worker)
        else:
            worker.end()

    def _ops_now(self) -> _Away:
        """Return the verbs of a run that is submitted now: with the settings of now."""
        ops, settings = self._ops, self._settings()
        environment: Any = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001  its texts are decoded one by one, which would cost 20 µs
        if ops is None or ops.settings is not settings or ops.environment != environment:
            same = ops is not None and ops.environment == environment
            kept = ops.environment if ops is not None and same else dict(environment)
            self._ops = ops = _Away(self, settings, kept)
        return ops


class _Away(Suspending):
    """The verbs of a run whose body runs in another process, with these settings."""

    def __init__(
        self, processes: Processes, settings: Any, environment: dict[bytes, bytes]
    ) -> None:
        self._processes = processes
        self.settings, self.environment = settings, environment

    def body(  # type: ignore[override]  # answers at once, as it blocks its thread
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        """Run the body in a worker, in another one where that dies and the task wants it."""
        spec: Any = context.spec
        left = spec.infrastructure_retries
        slots = context.slots
        workers: list[Worker] = []
        try:
            while True:
                try:
                    return self._once(context, args, kwargs, workers)
                except WorkerDied as death:
                    if not left:
                        raise
                    left -= 1
                    log_for(context).warning("%s It is run in another one.", death)
        finally:
            if slots is not None:
                # A body that was left behind holds them until its process has ended.
                last = workers[-1] if workers else None
                last.when_ended(slots.release) if last and last.is_left else slots.release()

    def _once(
        self,
        context: RunContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        workers: list[Worker],
    ) -> Outcome:
        """Run the body in a worker, which is added to these."""
        worker: Worker | None = None
        reach: RemoteReach | None = None
        try:
            told = [self._task(context.spec), *self._surroundings(context)]
            body = packed_call(context, args, kwargs)
            call = self._call(context, *(one.number if one is not None else 0 for one in told))
            worker = self._processes.take()
            workers.append(worker)
            context.reach = reach = RemoteReach(worker, context.run.key)
            if STOPS.any:
                check_stops(context)
            worker.make_room(_MOST_KNOWN)
            for one in told:
                if one is not None:
                    worker.tell(one.number, one.body)
            answer = worker.ask(CALL, call, body)
            self._processes.note(context, answer.head)
            return came_to(answer.kind, answer.body)
        except WorkerDied:
            if worker is None or not worker.is_left:
                raise
            return interrupted(context)
        except Interrupted:
            return interrupted(context)
        except Exception as error:  # noqa: BLE001  what cannot be pickled, or understood here
            return Err(error, error.__traceback__)
        finally:
            context.reach = None
            if reach is not None:
                reach.end()
            if worker is not None:
                self._processes.give_back(worker)

    def _task(self, spec: Any) -> _Known:
        try:
            return self._processes.known(spec, lambda: task_alone(spec))
        except Exception as error:
            raise no_way(f"Task {spec.name!r}", error) from error

    def _surroundings(self, context: RunContext) -> tuple[_Known | None, _Known, _Known]:
        known, flow = self._processes.known, context.flow
        return (
            known(flow, lambda: packed(sent_flow(flow))) if flow is not None else None,
            known(self.settings, lambda: packed(self.settings)),
            known(self.environment, lambda: packed(self.environment)),
        )

    def _call(
        self, context: RunContext, task: int, flow: int, settings: int, environment: int
    ) -> bytes:
        return _encode(
            Call(
                task,
                flow,
                settings,
                environment,
                sent_run(context.run),
                context.log_prints,
                tags_around.get(),
                dict(context.inputs),
                self._processes.variables() if self._processes._variables else b"",  # noqa: SLF001  one thing with them
            )
        )
