"""A submitted task run: the future that its caller holds and the job that a pool runs."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, NamedTuple

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.declared import DeclaredTask
from flowstone.core.final import state_after
from flowstone.core.outcome import Err, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.states import CANCELLED, State
from flowstone.core.upstream import SEEN, Upstream
from flowstone.drive.waiting import wait_all
from flowstone.engine.ops import Env, Ops
from flowstone.engine.task_run import create, identify, task_run
from flowstone.exceptions import CancelledRun

_logger = logging.getLogger("flowstone")
_lock = threading.Lock()
"""Guards the moment of completion of all futures; held for a few instructions."""
_KEPT_FAILURES = 1000


class Call(NamedTuple):
    """What is needed to begin the run; gone once it has begun."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    wait_for: Any
    ops: Ops
    env: Env
    context: Context


class TaskFuture(Upstream):
    """Stands for a submitted task run until it has ended, and for its result then.

    All methods may be called from any thread of the process that submitted it.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_callbacks",
        "_outcome",
        "_touched",
        "flow",
        "home",
        "run",
    )

    def __init__(self, spec: DeclaredTask, call: Call, outer: RunContext | None) -> None:
        SEEN.any = True
        self.run = run = TaskRun()
        self.flow: FlowContext | None = outer.flow if outer is not None else None
        self.home = 0  # the thread of the loop that runs it, where one does
        self._callbacks: list[Callable[[Any], object]] | None = None
        self._outcome: Outcome | None = None
        self._touched = False
        self._call: tuple[DeclaredTask, Call] | None = (spec, call)
        env = call.env
        now = env.now()
        identify(run, spec.name, self.flow, env.new_id(now))
        env.log.opened(run, create(run, spec, outer, self.flow, env, now, running=False))
        if self.flow is not None:
            self.flow.children.add(self)

    @property
    def task_run_id(self) -> uuid.UUID:
        """The id of the task run."""
        return self.run.id

    @property
    def label(self) -> str:
        """What the run is called, for messages: its task's name, without a number."""
        return self.run.name.rpartition("-")[0] or self.run.name

    @property
    def key(self) -> bytes:
        """The id of the run, as bytes."""
        return self.run.key

    @property
    def is_done(self) -> bool:
        """Whether the run has ended."""
        return self._outcome is not None

    @property
    def state(self) -> State:
        """The state that the run is in now; with its value or exception once it has ended."""
        if self._outcome is None:
            return self.run.state
        self._touched = True
        return self.final_state()

    def final_state(self) -> State:
        """Return the state that the run ended in, with its value or its exception."""
        assert self._outcome is not None
        return state_after(self.run, self._outcome)

    def wait(self, timeout: float | None = None) -> None:
        """Block until the run has ended, or for so many seconds; return None either way."""
        self._touched = True
        if self._outcome is None:
            self._check_home()
            wait_all([self], timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        """Return the run's value, blocking until it is there, or raise what the run failed with.

        With `raise_on_failure=False` the exception is returned. Raises `TimeoutError` where the
        run has not ended after so many seconds.
        """
        __tracebackhide__ = True
        self.wait(timeout)
        if self._outcome is None:
            message = f"Task run {self.task_run_id} did not complete within {timeout} seconds"
            raise TimeoutError(message)
        if not raise_on_failure and isinstance(self._outcome, Err):
            return self._outcome.error
        return self._outcome.unwrap()

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
        """End the run as Cancelled if its body has not begun; return whether it will end so."""
        if self._outcome is not None:
            return self.run.state_number == CANCELLED
        return self.withdraw()

    def withdraw(self) -> bool:
        """End the run as Cancelled if its body has not begun; return whether that was so."""
        taken = self._claim()
        if taken is None:
            return False
        env = taken[1].env
        env.log.closed(self.run, self.run.enter(CANCELLED, env.now()))
        if self.flow is not None:
            tally = self.flow.tally
            tally[self.run.state_name] = tally.get(self.run.state_name, 0) + 1
        self.finish(Err(CancelledRun(f"Task run {self.run.name!r} was cancelled.")))
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
        taken = self._claim()
        if taken is None:
            return None
        spec, call = taken
        story = task_run(spec, self.run, call.args, call.kwargs, call.ops, call.env, call.wait_for)
        return story, call.context.copy()

    def finish(self, outcome: Outcome) -> None:
        """Take what the run came to; tell those who wait."""
        flow = self.flow
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

    def _check_home(self) -> None:
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
