"""A submitted task run: the future that its caller holds and the job that a pool runs."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Generic, Literal, overload

from flowstone.annotations import SEEN
from flowstone.core.context import FlowContext, RunContext, current
from flowstone.core.declared import DeclaredTask
from flowstone.core.final import state_after
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.states import CANCELLED, State
from flowstone.core.stopping import STOPS, Interrupted, stopper_of, why_stopped
from flowstone.core.upstream import Input, Upstream
from flowstone.core.value import V_co
from flowstone.drive.seats import Lowered
from flowstone.drive.stopper import PATIENCE, STOPPER
from flowstone.drive.waiting import wait_all
from flowstone.engine.inputs import Inputs, inputs_found
from flowstone.engine.ops import Env, Ops
from flowstone.engine.task_run import create, identify, task_run
from flowstone.exceptions import CancelledRun

_logger = logging.getLogger("flowstone")
_KEPT_FAILURES = 1000
_INSTANT = 0.001


class _Process:
    """Which process it is: a forked child has the number of its parent plus one.

    `recording` is held while a run that waits is recorded, `asking` while somebody begins to wait
    for one; each stands for all futures.
    """

    def __init__(self) -> None:
        self.number = -1
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.number += 1
        # A log that cannot be written says so by a line, whose handler may look at a future.
        self.recording = threading.RLock()
        self.asking = threading.Lock()


_process = _Process()

Call = tuple[DeclaredTask, tuple[Any, ...], dict[str, Any], Any, Ops, Env, Context, Inputs]
"""What is needed to begin a run, gone once it has begun: task, `args`, `kwargs`, `wait_for`, ..."""


class TaskFuture(Upstream, Generic[V_co]):
    """Stands for a submitted task run until it has ended, and for its result then.

    A run that begins soon is on record from then on. One that waits longer is recorded as Pending
    by whoever runs it, and at once where somebody asks for its id or its state: what a caller has
    seen is on record.
    All methods may be called from any thread of the process that submitted it.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_callbacks",
        "_outcome",
        "_process",
        "_touched",
        "flow",
        "home",
        "label",
        "run",
    )

    def __init__(self, call: Call, flow: FlowContext | None) -> None:
        SEEN.any = True
        spec, env = call[0], call[5]
        self.run = run = TaskRun()
        self.label = spec.name  # what it is called in messages
        self.flow: FlowContext | None = flow
        self.home = 0  # the thread of the loop that runs it, where one does
        self._callbacks: list[Callable[[Any], object]] | None = None
        self._outcome: Outcome | None = None
        self._process = _process.number
        self._touched = False
        self._call: Call | None = call
        identify(run, spec, flow, env.new_id(env.now()))
        if flow is not None:
            flow.children.add(self)

    @property
    def task_run_id(self) -> uuid.UUID:
        """The id of the task run."""
        return self._known().id

    @property
    def key(self) -> bytes:
        """The id of the run, as bytes."""
        return self._known().key

    @property
    def is_done(self) -> bool:
        """Whether the run has ended."""
        return self._outcome is not None

    @property
    def state(self) -> State[V_co]:
        """The state that the run is in now; with its value or exception once it has ended."""
        if self._outcome is None:
            return self._known().state
        self._touched = True
        return self.final_state()

    @property
    def outcome(self) -> Outcome | None:
        """What the run came to, once it has ended."""
        return self._outcome

    def as_input(self) -> Input:
        """Return the run as one whose result is taken."""
        run = self._known()
        return Input(run.key, run.name, self.label, run.state_name)

    def final_state(self) -> State[V_co]:
        """Return the state that the run ended in, with its value or its exception."""
        assert self._outcome is not None
        return state_after(self.run, self._outcome)

    def wait(self, timeout: float | None = None) -> None:
        """Block until the run has ended, or for so many seconds; return None either way."""
        self._touched = True
        if self._outcome is None:
            self._check_place()
            wait_all([self], timeout, current.get())

    @overload
    def result(
        self, timeout: float | None = None, raise_on_failure: Literal[True] = True
    ) -> V_co: ...
    @overload
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any: ...
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """Return the run's value, blocking until it is there, or raise what the run failed with.

        With `raise_on_failure=False` the exception is returned. Raises `TimeoutError` where the
        run has not ended after so many seconds.
        """
        __tracebackhide__ = True
        outcome = self._outcome
        if outcome is None:
            self.wait(timeout)
            outcome = self._outcome
        self._touched = True
        if isinstance(outcome, Ok):
            return outcome.value
        if outcome is None:
            message = f"Task run {self.task_run_id} did not complete within {timeout} seconds"
            raise TimeoutError(message)
        if not raise_on_failure:
            return outcome.error
        return outcome.unwrap()

    def add_done_callback(self, fn: Callable[[TaskFuture], object]) -> None:
        """Call `fn(future)` when the run has ended, on the thread that ended it; now if it has."""
        self.when_done(fn)

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this when the run has ended; now if it has."""
        if self._outcome is not None:
            call(self)
            return
        with _process.asking:
            if self._callbacks is None:
                self._callbacks = []
            callbacks = self._callbacks
            callbacks.append(call)
        if self.is_done:  # since just now: who ended it may have looked before that
            self._tell(callbacks)

    def cancel(self) -> bool:
        """Cancel the run, begun or not; return whether it will end as Cancelled.

        A body that runs is interrupted; where it does not end within a second the run ends without
        it. `.result()` then raises `CancelledRun`.
        """
        return self.stop(f"Task run {self.run.name!r} was cancelled.", PATIENCE)

    def stop(self, reason: str, patience: float) -> bool:
        """Cancel the run for this reason, leaving its body behind after so many seconds."""
        if self._outcome is None:
            self._check_place()
        while self._outcome is None:
            handle = self.run.handle
            if self.withdraw(reason):
                return True
            if isinstance(handle, RunContext) and STOPPER.cancel(handle, reason, patience):
                return True
            time.sleep(_INSTANT)  # what it came to is being recorded just now, or it begins
        return self.run.state_number == CANCELLED

    def withdraw(self, reason: str | None = None) -> bool:
        """End the run as Cancelled if its body has not begun; return whether that was so."""
        self.record()
        call = self._claim()
        if call is None:
            return False
        self.run.handle = None
        env = call[5]
        env.log.closed(self.run, self.run.enter(CANCELLED, env.now(), None, reason))
        if self.flow is not None:
            self.flow.tally[self.run.state_name] += 1
        reason = reason or f"Task run {self.run.name!r} was cancelled."
        self.finish(Err(CancelledRun(reason)))
        return True

    def touch(self) -> None:
        """Note that somebody has looked at what became of the run."""
        self._touched = True

    @property
    def is_touched(self) -> bool:
        """Whether somebody has looked, or will."""
        return self._touched

    def begin(self) -> tuple[Coroutine[Any, Any, Outcome], Context] | None:
        """Return the story and its context, for whoever runs it; None where it was withdrawn."""
        if STOPS.any and self.flow is not None and stopper_of(self.flow) is not None:
            self.withdraw(why_stopped(self.flow, its_child=True))
        call, self._call = self._call, None  # as `_take`
        if call is None and (call := self._claim()) is None:
            return None
        spec, args, kwargs, wait_for, ops, env, context, inputs = call
        return task_run(spec, self.run, args, kwargs, ops, env, wait_for, inputs), context

    def finish(self, outcome: Outcome) -> None:
        """Take what the run came to; tell those who wait."""
        flow = self.flow
        if isinstance(outcome, Err):
            outcome = self._failed(outcome, flow)
        self._outcome = outcome  # before the look at what is to be told: see `when_done`
        callbacks, self._callbacks = self._callbacks, None
        if flow is not None:
            flow.children.discard(self)
            self.flow = None
        if callbacks is not None:
            self._tell(callbacks)

    def _failed(self, outcome: Err, flow: FlowContext | None) -> Err:
        """Count it as a failure of the flow run's; return what the caller gets."""
        if isinstance(outcome.error, Interrupted):
            outcome = Err(CancelledRun(self.run.message or "The run was cancelled."))
        is_own = self.run.state_number != CANCELLED
        if flow is not None and is_own and len(flow.failures) < _KEPT_FAILURES:
            flow.failures.append(self)
        return outcome

    def _tell(self, callbacks: list[Callable[[Any], object]]) -> None:
        while callbacks:
            try:
                call = callbacks.pop(0)  # one step: each is called once, whoever comes first
            except IndexError:
                return
            try:
                call(self)
            except Exception:
                _logger.exception("A callback of %r failed", self)

    def record(self) -> None:
        """Put the run on record, as Pending, unless it is or has begun."""
        run = self.run
        if run.sequence >= 0:
            return
        with Lowered(), _process.recording:
            call = self._take()
            if call is None:
                return
            try:
                if run.sequence < 0:
                    self._create(call)
            finally:
                self._call = call

    def _create(self, call: Call) -> None:
        spec, _, _, _, _, env, context, inputs = call
        run, outer = self.run, context.get(current)
        run.handle = self
        try:
            env.log.opened(run, create(run, spec, outer, self.flow, env, env.now(), running=False))
        except BaseException:  # Ctrl-C: perhaps just before the record was written
            if run.sequence >= 0:
                env.log.append(run.carried())
            raise
        if inputs:
            env.log.append(inputs_found(run.key, inputs))

    def _known(self) -> TaskRun:
        """Return the run once it is on record."""
        self.record()
        while self.run.sequence < 0 and self._outcome is None:
            time.sleep(_INSTANT)  # it begins just now
        return self.run

    def _claim(self) -> Call | None:
        """Take what is needed to begin, for good; None where somebody else has."""
        with _process.recording:  # who records the run has it for a moment
            return self._take()

    def _take(self) -> Call | None:
        # One step: no call stands in this line, and only calls are where threads switch.
        call, self._call = self._call, None
        return call

    def _check_place(self) -> None:
        """Raise `RuntimeError` where a wait for the run would never end."""
        if self._process != _process.number:
            message = (
                f"{self!r} belongs to the process that this one was forked from, and is never done "
                "here. Wait for it there, and send its result."
            )
            raise RuntimeError(message)
        if self.home and self.home == threading.get_ident():
            message = (
                f"{self.run.name!r} runs on the event loop of the task that waits for it here, so "
                "the wait would never end. Await the task instead of submitting it."
            )
            raise RuntimeError(message)

    def __repr__(self) -> str:
        return f"TaskFuture(name={self.run.name!r}, state={self.run.state_name})"

    def __reduce__(self) -> Any:
        message = (
            f"{self!r} belongs to process {os.getpid()} and cannot be sent to another one; send "
            "its result."
        )
        raise TypeError(message)
