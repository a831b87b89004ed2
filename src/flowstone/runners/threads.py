"""Threads of this process: where submitted tasks run by default."""

from __future__ import annotations

import atexit
import os
from contextvars import copy_context
from typing import Any

from flowstone.core.context import NO_INPUTS, get_current
from flowstone.core.declared import DeclaredTask
from flowstone.drive.loops import Loops
from flowstone.drive.pool import Pool
from flowstone.drive.stories import SUSPENDING
from flowstone.engine.inputs import Inputs, known_inputs, merged
from flowstone.engine.ops import Env
from flowstone.runners.submitted import TaskFuture


class _Shared:
    """What all runners without a bound share; a forked child makes its own."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.loops: Loops | None = None
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._record_waiting)

    def shared_pool(self) -> Pool:
        """Return the pool without a bound."""
        if self.pool is None:
            self.pool = Pool()
        return self.pool

    def shared_loops(self) -> Loops:
        """Return the loops for async tasks."""
        if self.loops is None:
            self.loops = Loops()
        return self.loops

    def _record_waiting(self) -> None:
        """At the end of the process: what waits in the queue is on record."""
        if self.pool is not None:
            self.pool.record_waiting()

    def _forget(self) -> None:
        self.pool = self.loops = None


SHARED = _Shared()


class Threads:
    """Submits task runs to threads and, async ones, to event loops of their own."""

    def __init__(self, most: int | None = None) -> None:
        self._own = Pool(most) if most is not None else None

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
        call = (spec, args, kwargs, wait_for, SUSPENDING, env, copy_context(), inputs)
        future = TaskFuture(call, outer.flow if outer is not None else None)
        if inputs or spec.isasync:
            future.record()
        if spec.isasync:
            SHARED.shared_loops().submit(future)
        else:
            (self._own or SHARED.pool or SHARED.shared_pool()).put(future)
        return future

    def close(self) -> None:
        """Let the threads of a bounded pool end; the shared ones stay for others."""
        if self._own is not None:
            self._own.close()
