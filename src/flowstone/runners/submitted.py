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
from flowstone.drive.stopper import PATIENCE, STOPPER
from flowstone.drive.waiting import wait_all
from flowstone.engine.inputs import Inputs, inputs_found
from flowstone.engine.ops import Env, Ops
from flowstone.engine.task_run import create, identify, task_run
from flowstone.exceptions import CancelledRun

_logger = logging.getLogger("flowstone")
_lock = threading.Lock()
"""Guards the moment of completion of all futures; held for a few instructions."""
_KEPT_FAILURES = 1000
_INSTANT = 0.001


class _Process:
    """Which process it is: a forked child has the number of its parent plus one."""

    def __init__(self) -> None:
        self.number = 0
        os.register_at_fork(after_in_child=self._next)

    def _next(self) -> None:
        self.number += 1


_process = _Process()

Call = tuple[tuple[Any, ...], dict[str, Any], Any, Ops, Env, Context, Inputs]
"""What is needed to begin a run, gone once it has begun: `args`, `kwargs`, `wait_for`, ..."""


class TaskFuture(Upstream, Generic[V_co]):
    """Stands for a submitted task run until it has ended, and for its result then.

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

    def __init__(self, spec: DeclaredTask, call: Call, outer: RunContext | None) -> None:
        SEEN.any = True
        self.run = run = TaskRun()
        self.label = spec.name  # what it is called in messages
        self.flow: FlowContext | None = outer.flow if outer is not None else None
        self.home = 0  # the thread of the loop that runs it, where one does
        self._callbacks: list[Callable[[Any], object]] | None = None
        self._outcome: Outcome | None = None
        self._process = _process.number
        self._touched = False
        self._call: tuple[DeclaredTask, Call] | None = (spec, call)
        run.handle = self
        env, inputs = call[4], call[6]
        now = env.now()
        identify(run, spec, self.flow, env.new_id(now))
        env.log.opened(run, create(run, spec, outer, self.flow, env, now, running=False))
        if inputs:
            env.log.append(inputs_found(run.key, inputs))
        if self.flow is not None:
            self.flow.children.add(self)

    @property
    def task_run_id(self) -> uuid.UUID:
        """The id of the task run."""
        return self.run.id

    @property
    def key(self) -> bytes:
        """The id of the run, as bytes."""
        return self.run.key

    @property
    def is_done(self) -> bool:
        """Whether the run has ended."""
        return self._outcome is not None

    @property
    def state(self) -> State[V_co]:
        """The state that the run is in now; with its value or exception once it has ended."""
        if self._outcome is None:
            return self.run.state
        self._touched = True
        return self.final_state()

    @property
    def outcome(self) -> Outcome | None:
        """What the run came to, once it has ended."""
        return self._outcome

    def as_input(self) -> Input:
        """Return the run as one whose result is taken."""
        return Input(self.run.key, self.run.name, self.label, self.run.state_name)

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
        with _lock:
            if self._outcome is None:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(call)
                return
        call(self)

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
        taken = self._claim()
        if taken is None:
            return False
        env = taken[1][4]
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
        with _lock:  # as `_claim`
            taken, self._call = self._call, None
        if taken is None:
            return None
        spec, (args, kwargs, wait_for, ops, env, context, inputs) = taken
        return task_run(spec, self.run, args, kwargs, ops, env, wait_for, inputs), context

    def finish(self, outcome: Outcome) -> None:
        """Take what the run came to; tell those who wait."""
        flow = self.flow
        if isinstance(outcome, Err) and isinstance(outcome.error, Interrupted):
            outcome = Err(CancelledRun(self.run.message or "The run was cancelled."))
        self.run.handle = None
        with _lock:
            self._outcome = outcome
            callbacks, self._callbacks = self._callbacks, None
        if flow is not None:
            failed = isinstance(outcome, Err) and len(flow.failures) < _KEPT_FAILURES
            if failed and self.run.state_number != CANCELLED:
                flow.failures.append(self)
            flow.children.discard(self)
            self.flow = None
        for call in callbacks or ():
            try:
                call(self)
            except Exception:
                _logger.exception("A callback of %r failed", self)

    def _claim(self) -> tuple[DeclaredTask, Call] | None:
        with _lock:
            taken, self._call = self._call, None
        return taken

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
