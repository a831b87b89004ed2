"""Event loops of our own for submitted async tasks.

Tasks of the same nesting depth share a loop, so clients that are bound to one can be shared and
ten thousand tasks are cheap; what they submit runs on the next loop, so a blocking `.result()`
inside an async task cannot wait for itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from typing import Any, Protocol

from flowstone.core.outcome import Err, Outcome

_depth: ContextVar[int] = ContextVar("flowstone_loop_depth", default=0)


class AsyncJob(Protocol):
    """A submitted async task; see `pool.Job`."""

    home: int

    def begin(self) -> tuple[Coroutine[Any, Any, Outcome], Context] | None:
        """Return the story and its context; None where it was withdrawn."""

    def finish(self, outcome: Outcome) -> None:
        """Take what the story came to."""


class Loops:
    """The loops of this process, by depth; each runs in a thread of its own once it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: list[_Loop] = []

    def submit(self, job: AsyncJob) -> None:
        """Run a job's story on the loop of its depth."""
        depth = _depth.get()
        with self._lock:
            while len(self._loops) <= depth:
                self._loops.append(_Loop(len(self._loops)))
            loop = self._loops[depth]
        job.home = loop.thread_id
        loop.start(job, depth + 1)


class _Loop:
    def __init__(self, depth: int) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._inbox: deque[tuple[AsyncJob, int]] = deque()
        self._is_woken = False
        started = threading.Event()
        name = f"flowstone-loop-{depth}"
        thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        thread.start()
        started.wait()
        self.thread_id = thread.ident or 0

    def start(self, job: AsyncJob, depth: int) -> None:
        # One wake-up for all that come before the loop turns: each one costs a system call, and
        # with it the interpreter's lock.
        self._inbox.append((job, depth))
        if not self._is_woken:
            self._is_woken = True
            self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._is_woken = False
        while self._inbox:
            self._begin(*self._inbox.popleft())

    def _run(self, started: threading.Event) -> None:
        import asyncio

        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(started.set)
        self.loop.run_forever()

    def _begin(self, job: AsyncJob, depth: int) -> None:
        begun = job.begin()
        if begun is None:
            return
        story, context = begun
        context.run(_depth.set, depth)
        task = self.loop.create_task(_tell(story, job), context=context)
        self._tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._tasks.discard)


async def _tell(story: Coroutine[Any, Any, Outcome], job: AsyncJob) -> None:
    try:
        outcome = await story
    except BaseException as error:  # noqa: BLE001  carried to whoever asks for the result
        outcome = Err(error, error.__traceback__)
    job.finish(outcome)
