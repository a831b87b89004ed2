"""Event loops of our own for submitted async tasks.

Tasks of the same nesting depth share a loop, so clients that are bound to one can be shared and
ten thousand tasks are cheap; what they submit runs on the next loop, so a blocking `.result()`
inside an async task cannot wait for itself. When a loop does not turn, because a body blocks it,
tasks that have not begun go to further loops.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from typing import Any, Protocol

from flowstone.core.outcome import Err, Outcome
from flowstone.drive.tracebacks import is_ours

_logger = logging.getLogger("flowstone")
_depth: ContextVar[int] = ContextVar("flowstone_loop_depth", default=0)
_LOOK = 0.01
_LATE = 0.05
_LOOKS = 4
_MOST = 64
"""Loops of one depth."""
_REST = 100
"""Looks with nothing to begin after which the watcher ends."""


class AsyncJob(Protocol):
    """A submitted async task; see `pool.Job`."""

    home: int

    @property
    def label(self) -> str:
        """What the task is called, for messages."""

    def begin(self) -> tuple[Coroutine[Any, Any, Outcome], Context] | None:
        """Return the story and its context; None where it was withdrawn."""

    def finish(self, outcome: Outcome) -> None:
        """Take what the story came to."""


class Loops:
    """The loops of this process, by depth; each runs in a thread of its own once it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depths: list[list[_Loop]] = []
        self._is_watched = False
        self._warned: set[str] = set()

    def submit(self, job: AsyncJob) -> None:
        """Run a job's story on the loop of its depth."""
        depth = _depth.get()
        with self._lock:
            while len(self._depths) <= depth:
                self._depths.append([_Loop(len(self._depths))])
            loop = self._depths[depth][0]
        loop.start(job)
        if not self._is_watched:
            self._watch()

    def _watch(self) -> None:
        with self._lock:
            if self._is_watched:
                return
            self._is_watched = True
        thread = threading.Thread(target=self._look_after, daemon=True)
        thread.name = "flowstone-loops-watcher"
        thread.start()

    def _look_after(self) -> None:
        """Move what has not begun away from loops that do not turn."""
        rests = 0
        while rests < _REST:
            time.sleep(_LOOK)
            rests += 1
            for loops in list(self._depths):
                if any(loop.inbox for loop in loops):
                    rests = 0
                    self._relieve(loops)
        self._is_watched = False
        if any(loop.inbox for loops in self._depths for loop in loops):
            self._watch()

    def _relieve(self, loops: list[_Loop]) -> None:
        late = [loop for loop in loops if loop.is_late()]
        if not late:
            return
        jobs: list[AsyncJob] = []
        for loop in late:
            self._warn(loop)
            while loop.inbox:
                try:
                    jobs.append(loop.inbox.popleft())
                except IndexError:  # the loop turned, and took the last one itself
                    break
        free = [loop for loop in loops if loop not in late and loop.is_free()]
        new = min(_MOST - len(loops), max(1, len(loops)), len(jobs)) if not free else 0
        free += [_Loop(loops[0].depth) for _ in range(new)]
        with self._lock:
            loops += free[len(free) - new :]
        for number, job in enumerate(jobs):
            target = free[number % len(free)] if free else loops[number % len(loops)]
            target.start(job)

    def _warn(self, loop: _Loop) -> None:
        """Say once a task which line keeps its loop from turning."""
        if loop.label in self._warned:
            return
        self._warned.add(loop.label)
        frame = sys._current_frames().get(loop.thread_id)  # noqa: SLF001  the documented use
        while frame is not None and _is_foreign(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is not None:
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            _logger.warning(
                "Task %r blocks its event loop at %s; other async tasks wait for it. Await "
                "something there, or make it a sync task and submit that.",
                loop.label,
                place,
            )


def _is_foreign(filename: str) -> bool:
    return is_ours(filename) or filename.endswith(("asyncio/events.py", "asyncio/base_events.py"))


class _Loop:
    """One loop and its thread. `turned` is when it last took something to begin."""

    def __init__(self, depth: int) -> None:
        import asyncio

        self.depth = depth
        self.inbox: deque[AsyncJob] = deque()
        self.turned = time.monotonic()
        self._looks = 0
        self._looked_at = 0.0
        self.label = ""
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_woken = False
        started = threading.Event()
        name = f"flowstone-loop-{depth}"
        thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        thread.start()
        started.wait()
        self.thread_id = thread.ident or 0

    def start(self, job: AsyncJob) -> None:
        """Begin a job's story when the loop turns."""
        # One wake-up for all that come before the loop turns: each one costs a system call, and
        # with it the interpreter's lock.
        job.home = self.thread_id
        if not self.inbox:
            self.turned = time.monotonic()
        self.inbox.append(job)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._take_one)

    def is_late(self) -> bool:
        """Whether it has not turned for a while, although something waits to begin.

        It must have missed several looks too: where the whole process gets no time, nobody is
        late.
        """
        if not self.inbox or self.turned != self._looked_at:
            self._looked_at, self._looks = self.turned, 0
            return False
        self._looks += 1
        return self._looks >= _LOOKS and time.monotonic() - self.turned > _LATE

    def is_free(self) -> bool:
        """Whether it would surely begin something soon."""
        return not self._tasks or time.monotonic() - self.turned <= _LATE

    def _run(self, started: threading.Event) -> None:
        import asyncio

        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(started.set)
        self._loop.run_forever()

    def _take_one(self) -> None:
        """Begin one story, and the next one behind its first step: that may block the loop."""
        self._is_woken = False
        self.turned = time.monotonic()
        try:
            job = self.inbox.popleft()
        except IndexError:
            return
        if self.inbox:
            self._is_woken = True
        begun = job.begin()
        if begun is not None:
            self.label = job.label
            story, context = begun
            context.run(_depth.set, self.depth + 1)
            task = self._loop.create_task(_tell(story, job), context=context)
            self._tasks.add(task)  # the loop itself keeps only weak references
            task.add_done_callback(self._tasks.discard)
        if self._is_woken:
            self._loop.call_soon(self._take_one)


async def _tell(story: Coroutine[Any, Any, Outcome], job: AsyncJob) -> None:
    try:
        outcome = await story
    except BaseException as error:  # noqa: BLE001  carried to whoever asks for the result
        outcome = Err(error, error.__traceback__)
    job.finish(outcome)
