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
from typing import TYPE_CHECKING, Any, Protocol

from flowstone.core.context import RunContext, current
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.stopping import STOPS, Interrupted, check_stops
from flowstone.drive.awaiting import AWAITING, Awaited, in_a_thread
from flowstone.drive.coroutines import RUN_OUT, arun_out
from flowstone.drive.debuggers import innermost
from flowstone.drive.stories import Body, Call, Errand, Job, suspend
from flowstone.drive.tracebacks import is_ours

if TYPE_CHECKING:
    import asyncio

_logger = logging.getLogger("flowstone")
_depth: ContextVar[int] = ContextVar("flowstone_loop_depth", default=0)
_LOOK = 0.01
_LATE = 0.05
_LOOKS = 4
_MOST = 64
"""Loops of one depth."""
_REST = 100
"""Looks with nothing to begin after which the watcher ends."""


class AsyncJob(Job, Protocol):
    """A submitted async task."""

    home: int
    """The thread of the loop that runs it."""

    @property
    def label(self) -> str:
        """What the task is called, for messages."""


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
                self._depths.append([_Loop(self, len(self._depths))])
            loop = self._depths[depth][0]
        self._start(loop, job)

    def go_on(self, story: LoopStory, depth: int) -> None:
        """Go on with a story on a loop of its depth that turns."""
        self._start(self._depths[depth][0], story)

    def _start(self, loop: _Loop, item: AsyncJob | LoopStory) -> None:
        loop.start(item)
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
        items: list[AsyncJob | LoopStory] = []
        for loop in late:
            self._warn(loop)
            while loop.inbox:
                try:
                    items.append(loop.inbox.popleft())
                except IndexError:  # the loop turned, and took the last one itself
                    break
        free = [loop for loop in loops if loop not in late and loop.is_free()]
        new = max(0, min(_MOST - len(loops), len(loops), len(items) - len(free)))
        free += [_Loop(self, loops[0].depth) for _ in range(new)]
        with self._lock:
            loops += free[len(free) - new :]
        for number, item in enumerate(items):
            target = free[number % len(free)] if free else loops[number % len(loops)]
            target.start(item)

    def _warn(self, loop: _Loop) -> None:
        """Say once a task which line keeps its loop from turning."""
        if loop.label in self._warned:
            return
        self._warned.add(loop.label)
        top = sys._current_frames().get(loop.thread_id)  # noqa: SLF001  the documented use
        own = (one for one in innermost(top) if not _is_foreign(one.f_code.co_filename))
        frame = next(own, None)
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

    def __init__(self, loops: Loops, depth: int) -> None:
        import asyncio

        self.loops, self.depth = loops, depth
        self.inbox: deque[AsyncJob | LoopStory] = deque()
        self.turned = time.monotonic()
        self._looks = 0
        self._looked_at = 0.0
        self.label = ""
        self.turns = asyncio.new_event_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self._is_woken = False
        started = threading.Event()
        name = f"flowstone-loop-{depth}"
        thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        thread.start()
        started.wait()
        self.thread_id = thread.ident or 0

    def start(self, item: AsyncJob | LoopStory) -> None:
        """Begin a job's story, or go on with one, when the loop turns."""
        # One wake-up for all that come before the loop turns: each one costs a system call, and
        # with it the interpreter's lock.
        (item.job if isinstance(item, LoopStory) else item).home = self.thread_id
        if not self.inbox:
            self.turned = time.monotonic()
        self.inbox.append(item)
        if not self._is_woken:
            self._is_woken = True
            self.turns.call_soon_threadsafe(self._take_one)

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
        return not self.tasks or time.monotonic() - self.turned <= _LATE

    def _run(self, started: threading.Event) -> None:
        import asyncio

        asyncio.set_event_loop(self.turns)
        self.turns.call_soon(started.set)
        self.turns.run_forever()

    def _take_one(self) -> None:
        """Begin one story, and the next one behind its first step: that may block the loop."""
        self._is_woken = False
        self.turned = time.monotonic()
        try:
            item = self.inbox.popleft()
        except IndexError:
            return
        if self.inbox:
            self._is_woken = True
        if isinstance(item, LoopStory):
            item.go_on_here(self)
        else:
            begun = item.begin()
            if begun is not None:
                self.label = item.label
                story, context = begun
                context.run(_depth.set, self.depth + 1)
                LoopStory(item, story, context).go_on_here(self)
        if self._is_woken:
            self.turns.call_soon(self._take_one)

    def call_later(self, story: LoopStory) -> None:
        """Let a story go on, on this loop or another of its depth."""
        self.loops.go_on(story, self.depth)


class LoopStory:
    """A story under way on a loop: its bodies are tasks there."""

    __slots__ = ("_answer", "_context", "_coroutine", "_loop", "job")
    _loop: _Loop

    def __init__(
        self,
        job: AsyncJob,
        coroutine: Coroutine[Any, Any, Outcome],
        context: Context,
        answer: Outcome | None = None,
    ) -> None:
        self.job = job
        self._coroutine, self._context, self._answer = coroutine, context, answer

    def go_on_here(self, loop: _Loop) -> None:
        """Go on, on this loop, which calls."""
        self._loop = loop
        self._context.run(self._advance, self._answer)

    def _advance(self, answer: Outcome | BaseException | None) -> None:
        """Send the story what it waited for; do what it asks for next. In the story's context."""
        try:
            if isinstance(answer, BaseException):
                request = self._coroutine.throw(answer)
            else:
                request = self._coroutine.send(answer)
        except StopIteration as stop:
            self.job.finish(stop.value)
        except BaseException as error:  # noqa: BLE001  carried to whoever asks for the result
            self.job.finish(Err(error, error.__traceback__))
        else:
            if isinstance(request, (Body, Call)):
                self._do(self._body(request) if isinstance(request, Body) else self._call(request))
            elif not suspend(request, self._resume):
                self._do(self._nothing())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        loop = self._loop
        task = loop.turns.create_task(work, context=self._context)
        loop.tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(loop.tasks.discard)

    def _resume(self) -> None:
        self._answer = None
        self._loop.call_later(self)

    async def _body(self, body: Body) -> None:
        """Run a body; go on, unless the story went on without it."""
        import asyncio

        context, fn, slots = body.context, body.context.spec.fn, body.context.slots
        task = asyncio.current_task()
        assert task is not None
        bout = _LoopBout(self, context, self._loop.turns, task)
        answer: Outcome | BaseException
        try:
            if STOPS.any:
                check_stops(context)
            context.reach = bout
            value = fn(*body.args, **body.kwargs)
            if hasattr(type(value), "__await__"):
                value = await value
            if type(value) in RUN_OUT:
                value = await arun_out(value)
            answer = Ok(value)
        except Exception as error:  # noqa: BLE001  as a value, like every error of user code
            answer = Err(error, error.__traceback__ and error.__traceback__.tb_next)
        except BaseException as error:  # noqa: BLE001  the story records it as a crash
            is_stop = isinstance(error, (asyncio.CancelledError, Interrupted))
            answer = Err(error) if is_stop and context.is_stopped else error
        bout.is_over = True
        if slots is not None:
            slots.release()
        if bout.claim():
            context.reach = None
            self._advance(answer)

    async def _call(self, call: Call) -> None:
        if isinstance(call, Errand) and not call.is_quick():
            answer = await AWAITING.call(in_a_thread, (call.fn, *call.args), {})
        else:
            answer = await AWAITING.call(call.fn, call.args, call.kwargs)
        self._advance(answer)

    async def _nothing(self) -> None:
        self._advance(None)

    def go_on_without(self, context: RunContext) -> None:
        """Go on elsewhere: the body does not end."""
        copy = self._context.copy()
        copy.run(current.set, context)
        self._loop.call_later(LoopStory(self.job, self._coroutine, copy, Err(Interrupted())))


class _LoopBout(Awaited):
    """One call of an async body that can be left behind."""

    __slots__ = ("_story",)

    def __init__(
        self,
        story: LoopStory,
        context: RunContext,
        loop: asyncio.AbstractEventLoop,
        task: asyncio.Task[Any],
    ) -> None:
        super().__init__(context, loop, task)
        self._story = story

    def give_up(self) -> None:
        """Let the story go on elsewhere; the body is cancelled until it ends."""
        if self.claim():
            self._story.go_on_without(self._context)
            self.leave()
