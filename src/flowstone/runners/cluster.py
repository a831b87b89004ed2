"""Tasks on a cluster that others schedule: what Dask and Ray have in common.

Each run's story is told here, and waits without a thread while the cluster has its body: inputs,
retries, limits, hooks and states are what they are anywhere. A result stays where it was made; who
takes it there gets it there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from threading import Lock
from typing import Any, Protocol

import msgspec

from flowstone.core.context import (
    NO_INPUTS,
    FlowContext,
    RunContext,
    get_current,
    get_transaction_around,
    tags_around,
    within,
)
from flowstone.core.declared import DeclaredTask
from flowstone.core.facts import UsageMeasured
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.stopping import Interrupted
from flowstone.core.upstream import Waitable
from flowstone.drive.run_logger import log_for
from flowstone.drive.stories import Pause, Suspending
from flowstone.engine.inputs import Inputs, known_inputs, may_hold_inputs, merged
from flowstone.engine.ops import Env
from flowstone.exceptions import CrashedRun, WorkerDied
from flowstone.results.buffers import Buffer
from flowstone.runners.failures import no_way
from flowstone.runners.held import Held, HoldingFuture, packed_with_refs, taker
from flowstone.runners.landing import incoming
from flowstone.runners.pickles import packed
from flowstone.runners.places import Place, Places
from flowstone.runners.remote import (
    INTERRUPTED,
    RETURNED,
    Answer,
    Call,
    Errand,
    came_to,
    interrupted,
    packed_call,
    sent_flow,
    sent_run,
    task_alone,
)
from flowstone.runners.telling import Sent, Stories

_HEARS = 1.0
"""Seconds in which a body on a cluster hears that it is to end."""
_MOST_KNOWN = 1000
"""Things that are kept packed at once."""
_MOST_BEGUN = 500
"""Stories that are under way at once without a place: one takes some kilobytes."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class Scheduler(Protocol):
    """What decides where bodies run. All of it may be called in any thread, and blocks none long.

    `places` is told how many run at once.
    """

    def connect(self, places: Places) -> None:
        """Begin to tell how many bodies run at once."""

    def options(self) -> dict[str, Any]:
        """Return what the user asks of it for the run whose context this is."""

    def send(
        self, sent: Sent, errand: bytes, body: Sequence[Buffer], refs: list[Any], label: str
    ) -> None:
        """Let a body run, with the results that these name. `sent` takes what comes of it."""

    def fetch(self, ref: Any) -> Buffer:
        """Return the packed result that this names. Raises `MissingResult` where it is lost."""

    def interrupt(self, sent: Sent) -> None:
        """Let a body end; one that has not begun does not begin."""

    def give_up(self, sent: Sent) -> None:
        """End what did not hear, as far as that can be done."""

    def close(self) -> None:
        """Let go of the cluster."""


class Cluster:
    """Submits task runs whose bodies run on a cluster.

    `settings` gives those of the moment; `count`, `spread` and `grows` are as `Places` wants them.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        settings: Callable[[], Any],
        *,
        count: int,
        spread: int = 1,
        grows: bool = False,
    ) -> None:
        self.scheduler = scheduler
        self._settings = settings
        self._count, self._spread, self._grows = count, spread, grows
        self.stories = Stories("flowstone-cluster")
        self._env: Env | None = None
        self._own_env: Env | None = None
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._behind: deque[tuple[HoldingFuture[Any], _Away]] = deque()
        self._begun = 0
        self._lock = Lock()
        self.places: Places | None = None

    def submit(
        self,
        spec: DeclaredTask,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
        env: Env,
        inputs: Inputs = NO_INPUTS,
    ) -> HoldingFuture[Any]:
        """Begin a task run's existence, and run it as soon as it can."""
        outer = get_current()
        flow = outer.flow if outer is not None else None
        if flow is not None and flow.origins:
            known = known_inputs(flow, spec.binding, args, kwargs, wait_for)
            inputs = merged(inputs, known)
        own, around = self._env_with_places(env), copy_context()
        ops = _Away(self, self._settings())
        needs_values = _needs_values(spec, flow, env)
        has_inputs = bool(inputs) or wait_for is not None or may_hold_inputs(args, kwargs)
        is_ready = not (needs_values or has_inputs)
        # Not None: a run without inputs asks for its place too.
        asks = None if is_ready else () if wait_for is None else wait_for
        future: HoldingFuture[Any] = HoldingFuture(
            (spec, args, kwargs, asks, ops, own, around, inputs), flow, self
        )
        future.calls_users_code = needs_values
        around.run(taker.set, None if needs_values else (self, future.run))
        if inputs:
            future.record()
        future.when_done(ops.leave)
        if is_ready and not future.run.tags and self.places is not None:
            place = self.places.place(is_timed=spec.timeout is not None)
            self._begin_in_place(future, ops, place)
        else:
            self._begin(future, ops)
        return future

    def close(self) -> None:
        """Let go of the cluster, and of the threads."""
        self.stories.close()
        with within(None, ()):  # what is printed then is not the run's, which is over
            self.scheduler.close()

    def known(self, thing: Any, pack: Callable[[], Sequence[Buffer]]) -> bytes:
        """Return something packed, once for all calls."""
        found = self._known.get(id(thing))
        if found is None or found[0] is not thing:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[id(thing)] = found = thing, b"".join(pack())
        return found[1]

    def _begin_in_place(self, future: HoldingFuture[Any], ops: _Away, place: Place) -> None:
        """Let a story begin that waits for nothing but its place."""
        import asyncio

        ops.place = place
        if not place.is_done:
            future.queued = place.waiting_for()
            future.record()
            place.when_done(lambda _place: self.stories.start(future))
        elif asyncio._get_running_loop() is None:  # noqa: SLF001  documented for such use
            self.stories.begin(future)  # here: the way to another thread takes as long
        else:
            self.stories.put(future)

    def _begin(self, future: HoldingFuture[Any], ops: _Away) -> None:
        """Let a story begin, or wait outside while many have begun that have no place yet."""
        with self._lock:
            if self._begun < _MOST_BEGUN:
                self._begun += 1
                ops.has_begun = True
            else:
                self._behind.append((future, ops))
        if ops.has_begun:
            self.stories.put(future)
        else:
            future.record()

    def next(self) -> None:
        """Let the next story begin instead of one that waits for no place any more."""
        with self._lock:
            while self._behind:
                future, ops = self._behind.popleft()
                if not ops.has_left:
                    ops.has_begun = True
                    break
            else:
                self._begun -= 1
                return
        self.stories.put(future)

    def _env_with_places(self, env: Env) -> Env:
        if self._env is not env or self._own_env is None:
            self.places = Places(
                env.limits,
                self._count,
                self._spread,
                lambda: bool(self.scheduler.options()),
                grows=self._grows,
            )
            self.scheduler.connect(self.places)
            self._env, self._own_env = env, msgspec.structs.replace(env, limits=self.places)
        return self._own_env


class _Away(Suspending):
    """The verbs of a run whose body runs on a cluster, with these settings."""

    def __init__(self, cluster: Cluster, settings: Any) -> None:
        self._cluster, self._settings = cluster, settings
        self.has_begun = self.has_left = False
        self.place: Place | None = None
        self._lock = Lock()

    def leave(self, _run: Any = None) -> None:
        """Note that the story waits for no place any more: it has one, or needs none now."""
        with self._lock:
            if self.has_left:
                return
            self.has_left = True
        if self.place is not None:
            self.place.release()
        if self.has_begun:
            self._cluster.next()

    def wait(
        self, context: RunContext | None, runs: Sequence[Waitable], timeout: float | None = None
    ) -> Pause:
        """Give the thread back until all of these have ended."""
        if not isinstance(runs[0], Place):
            self.leave()  # who waits for inputs, however long, holds up nobody behind it
        return super().wait(context, runs, timeout)

    def body(  # type: ignore[override]  # a coroutine, which waits by the verbs of its base
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Coroutine[Any, Any, Outcome]:
        """Run the body on the cluster, once more where its worker dies and the task wants it."""
        if self.place is not None:
            context.slots, self.place = self.place, None
        self.leave()
        return self._run(context, args, kwargs)

    async def _run(
        self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        left = context.spec.infrastructure_retries
        slots = context.slots
        while True:
            try:
                sent = self._send(context, args, kwargs)
            except Exception as error:  # noqa: BLE001  what cannot be pickled
                if slots is not None:
                    slots.release()
                return Err(error, error.__traceback__)
            try:
                outcome = await self._came_to(context, sent)
            except WorkerDied as death:
                if not left:
                    if slots is not None:
                        slots.release()
                    raise
                left -= 1
                log_for(context).warning("%s It is run in another one.", death)
                continue
            if slots is not None:
                # A body that was left behind holds them until it has ended.
                sent.when_done(lambda _sent: slots.release())
            return outcome

    async def _came_to(self, context: RunContext, sent: Sent) -> Outcome:
        if not await self._ended(context, sent):
            sent.when_done(self._land_late)
            return interrupted(context)
        if sent.error is not None:
            if context.is_stopped:
                return interrupted(context)
            if isinstance(sent.error, CrashedRun) or not isinstance(sent.error, Exception):
                raise sent.error
            return Err(sent.error, sent.error.__traceback__)
        answer = self._land(sent)
        usage = answer.usage
        if self._cluster.places is not None:
            self._cluster.places.note(usage.seconds)
        env = self._cluster._env  # noqa: SLF001  one thing with it
        if env is not None and usage.cpu is not None:
            env.log.append(UsageMeasured(context.run.key, env.now(), usage.cpu, usage.memory))
        return self._outcome(context, sent, answer)

    async def _ended(self, context: RunContext, sent: Sent) -> bool:
        """Wait for the answer; interrupt the body where its run is stopped.

        False where it has to be left behind.
        """
        asked: float | None = None
        try:
            while not sent.is_done:
                try:
                    await Pause(context, (sent,), 0.0)
                except Interrupted:  # each tenth of a second from now on
                    if asked is None:
                        asked = time.monotonic()
                        self._cluster.scheduler.interrupt(sent)
                    elif time.monotonic() - asked > _HEARS and not sent.is_done:
                        self._cluster.scheduler.give_up(sent)
                        return False
        finally:
            context.reach = None
        return True

    def _outcome(self, context: RunContext, sent: Sent, answer: Answer) -> Outcome:
        if answer.kind != RETURNED:
            if context.is_stopped or answer.kind == INTERRUPTED:
                return interrupted(context)
            blob = sent.blob if sent.blob is not None else self._cluster.scheduler.fetch(sent.ref)
            return came_to(answer.kind, blob)
        if answer.is_none:
            return Ok(None)
        held = Held(sent.blob, sent.ref, self._cluster.scheduler.fetch)
        if answer.is_state or taker.get() is None:
            try:
                return Ok(held.value())
            except Exception as error:  # noqa: BLE001  what cannot be understood here
                return Err(error, error.__traceback__)
        return Ok(held)

    def _send(self, context: RunContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sent:
        known, flow, spec = self._cluster.known, context.flow, context.spec
        env: Any = self._cluster._env  # noqa: SLF001
        body, refs = packed_with_refs(lambda: packed_call(context, args, kwargs))
        try:
            task = known(spec, lambda: task_alone(spec))
        except Exception as error:
            raise no_way(f"Task {spec.name!r}", error) from error
        errand = Errand(
            env.log.id,
            env.log.directory,
            known(self._settings, lambda: packed(self._settings)),
            known(flow, lambda: packed(sent_flow(flow))) if flow is not None else b"",
            task,
            _call_of(context),
            spec.name,
        )
        sent = Sent(context.run.key)
        self._cluster.scheduler.send(sent, _encode(errand), body, refs, spec.name)
        return sent

    def _land(self, sent: Sent) -> Answer:
        answer = _decode(sent.head)
        if answer.pieces:
            env: Any = self._cluster._env  # noqa: SLF001
            incoming(env.log.directory).land(answer.pieces)
        return answer

    def _land_late(self, sent: Sent) -> None:
        if sent.error is None:
            self._land(sent)


def _call_of(context: RunContext) -> Call:
    return Call(
        task=0,
        flow=0,
        settings=0,
        environment=0,
        run=sent_run(context.run),
        log_prints=context.log_prints,
        tags=tags_around.get(),
        inputs=dict(context.inputs),
        variables=b"",
    )


def _needs_values(spec: DeclaredTask, flow: FlowContext | None, env: Env) -> bool:
    """Whether somebody here may look at what the body takes and returns: then it must be here."""
    keeps = spec.persists
    keeps = (env if flow is None else flow).tasks_persist if keeps is None else keeps
    hooks = (
        *(spec.on_running_hooks, spec.on_completion_hooks, spec.on_failure_hooks),
        *(spec.on_cancellation_hooks, spec.on_crashed_hooks),
        *(spec.on_commit_hooks, spec.on_rollback_hooks),
    )
    asks = spec.run_name is not None or spec.policy.condition is not None
    return keeps or asks or any(hooks) or get_transaction_around() is not None
