"""Threads that run stories: a story that must wait gives its thread back.

`ops.call` suspends a story and hands out the body, which the worker runs between two sends; what
else a story waits for (other runs, a delay) it yields, and the worker goes on with another story.

The pool has no bound but `most` (none by default). It starts with few threads, because short bodies
want few, and adds more when its queue does not move: bodies that wait for each other always end up
running together. A body that waits for other runs lends its place while it does.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import Context
from queue import SimpleQueue
from typing import Any, Protocol

from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.upstream import Upstream
from flowstone.drive.blocking import run_coroutine
from flowstone.drive.timers import Timers
from flowstone.drive.waiting import HERE
from flowstone.engine.steps import Done

_FEW = 8
_LOOK = 0.005
_BUSY_LOOK = 0.1
_BUSY = 0.8
_REST = 200
"""Looks at an empty queue after which the watcher ends; the next submit starts another."""


class Call:
    """A body to run, handed out by the story that awaits it."""

    __slots__ = ("args", "fn", "kwargs")

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.fn, self.args, self.kwargs = fn, args, kwargs

    def __await__(self) -> Generator[Call, Outcome, Outcome]:
        return (yield self)

    def run(self) -> Outcome:
        """Run the body; what it raises of `Exception` is a value."""
        __tracebackhide__ = True
        try:
            value = self.fn(*self.args, **self.kwargs)
            if isinstance(value, Coroutine):
                value = run_coroutine(value)
        except Exception as error:  # noqa: BLE001  as a value, like every error of user code
            return Err(error, error.__traceback__ and error.__traceback__.tb_next)
        return Ok(value)


class Sleep:
    """A delay that a story awaits."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __await__(self) -> Generator[Sleep, None, None]:
        yield self


class Wait:
    """Runs whose end a story awaits."""

    __slots__ = ("runs",)

    def __init__(self, runs: Sequence[Upstream]) -> None:
        self.runs = runs

    def __await__(self) -> Generator[Wait, None, None]:
        yield self


class Pooled:
    """The verbs of a story in a pool: each suspends it."""

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Hand out the body."""
        return Call(fn, args, kwargs)

    def sleep(self, seconds: float) -> Sleep:
        """Give the thread back for so long."""
        return Sleep(seconds)

    def wait(self, runs: Sequence[Upstream], timeout: float | None = None) -> Wait | Done[None]:
        """Give the thread back until all of these have ended."""
        del timeout  # only flow runs wait with one, and they are not run here
        return Wait(runs) if runs else Done(None)


POOLED = Pooled()


class Job(Protocol):
    """What is submitted: it gives its story when it is begun, and takes the outcome."""

    def begin(self) -> tuple[Coroutine[Any, Any, Outcome], Context] | None:
        """Return the story and the context to run it in; None where it was withdrawn."""

    def finish(self, outcome: Outcome) -> None:
        """Take what the story came to."""


class _Story:
    """A story under way: it is resumed with `answer`."""

    __slots__ = ("context", "coroutine", "job")

    def __init__(self, job: Job, coroutine: Coroutine[Any, Any, Outcome], context: Context) -> None:
        self.job, self.coroutine, self.context = job, coroutine, context


class Pool:
    """Worker threads for stories; `most` bodies run at once, any number where it is None."""

    def __init__(self, most: int | None = None, name: str = "flowstone") -> None:
        self.most = most
        self._name = name
        self._queue: SimpleQueue[Job | _Story | None] = SimpleQueue()
        self._idle: deque[None] = deque()  # one entry an idle thread: counted without a lock
        self._threads = 0
        self._lent = 0
        self._taken = 0
        self._lock = threading.Lock()
        self._places = threading.Semaphore(most) if most is not None else None
        self._is_watched = False
        self._is_closed = False
        self._timers = Timers()

    def submit(self, job: Job) -> None:
        """Run a job's story as soon as a thread is free."""
        self._put(job)

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        self._is_closed = True
        for _ in range(self._threads):
            self._queue.put(None)

    def _put(self, item: Job | _Story) -> None:
        self._queue.put(item)
        if not self._idle and self._threads < _FEW and self._queue.qsize() > 4 * self._threads:
            self._grow(1)
        if not self._is_watched:
            self._watch()

    def _room(self) -> int:
        if self.most is None:
            return 1 << 30
        return self.most - (self._threads - self._lent)

    def _grow(self, number: int) -> int:
        """Add so many threads as far as there may be more; return how many it were."""
        with self._lock:
            number = max(0, min(number, self._room()))
            for added in range(number):
                self._threads += 1
                thread = threading.Thread(target=self._work, daemon=True)
                thread.name = f"{self._name}-{self._threads}"
                try:
                    thread.start()
                except RuntimeError:  # the system has no more threads for us: these must do
                    self._threads -= 1
                    if not self._threads:
                        raise
                    return added
        return number

    def _work(self) -> None:
        place = _Place(self)
        HERE.place = place
        while True:
            self._idle.append(None)
            item = self._queue.get()
            self._idle.pop()
            self._taken += 1
            if item is None:
                break
            if self._places is not None:
                self._places.acquire()
            try:
                self._advance(item)
            finally:
                if self._places is not None:
                    self._places.release()
            del item
        with self._lock:
            self._threads -= 1

    def _advance(self, item: Job | _Story) -> None:
        """Run a story until it ends or waits."""
        if not isinstance(item, _Story):
            begun = item.begin()
            if begun is None:
                return
            item = _Story(item, *begun)
        job, run = item.job, item.context.run
        send = item.coroutine.send
        try:
            request = run(send, None)
            while True:
                if type(request) is Call:
                    try:
                        outcome = run(request.run)
                    except BaseException as error:  # noqa: BLE001  the story records it as a crash
                        del request
                        request = run(item.coroutine.throw, error)
                        continue
                    del request
                    request = run(send, outcome)
                    del outcome
                elif self._suspend(item, request):
                    return
                else:
                    request = run(send, None)
        except StopIteration as stop:
            job.finish(stop.value)
        except BaseException as error:  # noqa: BLE001  carried to whoever asks for the result
            job.finish(Err(error, error.__traceback__))

    def _suspend(self, story: _Story, request: Any) -> bool:
        """Arrange for the story to go on later; False where it can go on at once."""
        if isinstance(request, Sleep):
            self._timers.after(request.seconds, lambda: self._put(story))
            return True
        left = [run for run in request.runs if not run.is_done]
        if not left:
            return False
        lock = threading.Lock()
        count = len(left)

        def note(_run: Upstream) -> None:
            nonlocal count
            with lock:
                count -= 1
                is_last = count == 0
            if is_last:
                self._put(story)

        for run in left:
            run.when_done(note)
        return True

    def _watch(self) -> None:
        with self._lock:
            if self._is_watched:
                return
            self._is_watched = True
        thread = threading.Thread(target=self._look_after, daemon=True)
        thread.name = f"{self._name}-watcher"
        thread.start()

    def _look_after(self) -> None:
        """Add threads while the queue does not move: quickly where the processor has time."""
        rests = 0
        step = grown = 0
        taken, moved = self._taken, time.monotonic()
        while rests < _REST or not self._queue.empty():
            began, used = time.monotonic(), time.process_time()
            time.sleep(_LOOK)
            if self._queue.empty():
                rests, step = rests + 1, 0
                continue
            rests = 0
            now = time.monotonic()
            # What new threads took at their start does not show that bodies end.
            if self._taken - taken > grown:
                taken, moved, step, grown = self._taken, now, 0, 0
                continue
            taken, grown = self._taken, 0
            share = (time.process_time() - used) / max(now - began, 1e-9)
            if share < _BUSY:
                step = max(1, 2 * step)
                grown = self._grow(min(step, self._queue.qsize()))
            elif now - moved > _BUSY_LOOK:
                grown, moved = self._grow(1), now
        self._is_watched = False
        if not self._queue.empty():  # something came between the last look and this line
            self._watch()


class _Place:
    """The place of a worker's body, given up while the body waits for other runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def lend(self) -> None:
        """Let another body run."""
        pool = self._pool
        with pool._lock:  # noqa: SLF001  one thing with the pool
            pool._lent += 1  # noqa: SLF001
        if pool._places is not None:  # noqa: SLF001
            pool._places.release()  # noqa: SLF001
        if not pool._idle and not pool._queue.empty():  # noqa: SLF001
            pool._grow(1)  # noqa: SLF001

    def take_back(self) -> None:
        """Go on with the body."""
        pool = self._pool
        if pool._places is not None:  # noqa: SLF001
            pool._places.acquire()  # noqa: SLF001
        with pool._lock:  # noqa: SLF001
            pool._lent -= 1  # noqa: SLF001
