"""Threads that run stories: a story that must wait gives its thread back.

`ops.call` suspends a story and hands out the body, which the worker runs between two sends; what
else a story waits for (other runs, a delay) it yields, and the worker goes on with another story.

The pool has no bound but `most` (none by default). It starts with few threads, because short bodies
want few, and adds more when its queue does not move: bodies that wait for each other always end up
running together. A body that waits for other runs lends its place while it does.

Whoever has work for the pool puts it in the queue and wakes the worker that went idle last: so
short bodies, one after the other, stay on one warm thread. A story that waited goes on with the
worker that it ran on, if that is idle.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from flowstone.core.context import RunContext, current
from flowstone.core.outcome import OUTCOMES, Err, Outcome
from flowstone.core.stopping import Interrupted
from flowstone.drive.blocking import BLOCKING
from flowstone.drive.clocks import ThreadClocks
from flowstone.drive.left_behind import SeatBout
from flowstone.drive.seats import HERE
from flowstone.drive.stories import Body, Call, Job, Pause, suspend
from flowstone.drive.switching import SWITCHING

_run_body = BLOCKING.body  # bound once, as `core.context.get_current`
_FEW = 3
"""Threads that are there at once; short bodies want few: with 8 they take a fifth longer."""
_LOOK = 0.005
_QUICKLY = 16
"""Threads that are added at once as quickly as they show that they move nothing."""
_SLOWLY = 0.02
"""Seconds that more of them have to show it: a disk may be as slow."""
_BUSY_LOOK = 0.1
_BUSY = 0.8
_CROWDED = 0.95
"""The share of a core that bodies use where more threads than enough do no more."""
_ENOUGH = max(_QUICKLY, os.cpu_count() or 1)
_MANY = 200
"""Busy threads from which on each has the interpreter's lock for longer."""
_SOON = 0.2
"""Seconds in which a job may wait without being on record."""
_REST = 200
"""Looks at an empty queue after which the watcher ends; the next submit starts another."""


class _Story(SeatBout):
    """A story under way in a pool; `answer` is what it gets when it goes on."""

    __slots__ = ("_pool", "answer", "context", "coroutine", "job", "run_context", "worker")

    def __init__(
        self,
        pool: Pool,
        job: Job,
        coroutine: Coroutine[Any, Any, Outcome],
        context: Context,
        answer: Outcome | None = None,
    ) -> None:
        # Not `super().__init__`: its bouts begin in `_run`.
        self._pool, self.job = pool, job
        self.coroutine, self.context, self.answer = coroutine, context, answer
        self.run_context: RunContext | None = None
        self.worker: _Worker | None = None  # on whose thread it ran last

    def steps(self) -> Outcome | Pause | None:
        """Go on, in the story's context, until it ends or waits.

        Gives its outcome or what it waits for, None where it went on without this thread.
        """
        coroutine = self.coroutine
        answer: Outcome | BaseException | None = self.answer
        self.answer = None
        while True:
            try:
                if isinstance(answer, BaseException):
                    request = coroutine.throw(answer)
                else:
                    request = coroutine.send(answer)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome
            if type(request) is Body:
                answer = self._run(request)
                if answer is None:
                    return None
            elif isinstance(request, Call):
                answer = _answer(request)
            else:
                pause: Pause = request
                return pause
            del request

    def _run(self, body: Body) -> Outcome | BaseException | None:
        """Run a body here; None where the story went on without it."""
        self.run_context = context = body.context
        self.seat, self._undecided, self.is_over = HERE.seat, [None], False
        context.reach = self
        outcome: Outcome | BaseException
        try:
            outcome = _run_body(context, body.args, body.kwargs)
        except BaseException as error:  # noqa: BLE001  the story records it as a crash
            outcome = error
        self.is_over = True
        if not self.claim():
            return None
        context.reach = None
        return outcome

    def give_up(self) -> None:
        """Let the story go on in another thread; the one that runs the body is lost to the pool."""
        if not self.claim():
            return
        place = self.seat.place
        if place is not None:
            place.leave()
        context = self.context.copy()
        context.run(current.set, self.run_context)
        answer = Err(Interrupted())
        self._pool.put(_Story(self._pool, self.job, self.coroutine, context, answer))
        self.leave()

    def go_on(self) -> None:
        """Go on when a thread is free, in the one before if that is: what it opened is there."""
        self._pool.put_back(self)


class Pool:
    """Worker threads for stories; `most` bodies run at once, any number where it is None."""

    def __init__(self, most: int | None = None, name: str = "flowstone") -> None:
        self.most = most
        self._name = name
        self._items: deque[Job | _Story | None] = deque()  # a queue that can be looked at
        # Who takes a worker out wakes it. A dict, as it gives up its newest key or any in one step.
        self._idle: dict[_Worker, bool] = {}
        self._woken: deque[None] = deque()  # one entry for each that is on its way to the queue
        self._threads = 0
        self._lent = 0
        self._taken = 0
        self._lock = threading.Lock()
        self._clocks = ThreadClocks()
        self._places = threading.Semaphore(most) if most is not None else None
        self._is_watched = False

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        for _ in range(self._threads):
            self._items.append(None)
            self._wake()

    def record_waiting(self) -> None:
        """Put it on record which jobs wait."""
        for item in list(self._items):
            _record(item)

    def put(self, item: Job | _Story) -> None:
        """Let a thread that is free begin a job, or go on with a story."""
        self._items.append(item)  # before the look at who is idle: see `_Worker.next`
        if self._idle:
            self._wake()
        elif self._threads < _FEW and len(self._items) > 4 * self._threads:
            self._grow(1)
        if not self._is_watched:
            self._watch()

    def put_back(self, story: _Story) -> None:
        """Let a story that waited go on, in its old thread where that is free."""
        worker = story.worker
        if worker is not None and self._idle.pop(worker, False):
            worker.given = story
            self._woken.append(None)
            worker.gate.release()
        else:
            self.put(story)

    def _wake(self) -> None:
        try:
            worker, _ = self._idle.popitem()
        except KeyError:  # it found something by itself, or somebody else woke it
            return
        self._woken.append(None)
        worker.gate.release()

    def _room(self) -> int:
        if self.most is None:
            return 1 << 30
        return self.most - (self._threads - self._lent)

    def _grow(self, number: int) -> int:
        """Add so many threads as far as there may be more; return how many it were.

        Fewer where each takes long to come: then those that are there have begun to compute.
        """
        end = time.monotonic() + _SLOWLY
        for added in range(number):
            with self._lock:
                if self._room() <= 0:
                    return added
                self._threads += 1
                name = f"{self._name}-{self._threads}"
            try:
                threading.Thread(target=self._work, name=name, daemon=True).start()
            except RuntimeError:  # the system has no more threads for us: these must do
                with self._lock:
                    self._threads -= 1
                if not self._threads:
                    raise
                return added
            if time.monotonic() > end:
                return added + 1
        return number

    def _work(self) -> None:
        self._clocks.join()
        try:
            self._tell()
        finally:  # whatever ended it: the clock of a thread that is gone cannot be read
            self._clocks.leave()

    def _tell(self) -> None:
        seat = HERE.seat
        seat.place = worker = _Worker(self)
        while True:  # not `while seat.is_left`: CPython 3.11 never makes such a loop's code fast
            item = worker.next()
            self._taken += 1
            if item is None:
                break
            if self._places is not None and not self._places.acquire(blocking=False):
                _record(item)
                self._places.acquire()
            try:
                self._advance(item, worker)
            finally:
                if self._places is not None and not seat.is_left:
                    self._places.release()
            del item
            if seat.is_left:
                return
            if self._threads > _ENOUGH and self._retire():
                return
        with self._lock:
            self._threads -= 1

    def _retire(self) -> bool:
        """Count this thread out where bodies compute: the fewer threads want the interpreter's
        lock, the less each waits."""
        if (self._clocks.share() or 0.0) < _CROWDED:
            return False
        with self._lock:
            is_one_too_many = self._threads - self._lent > _ENOUGH
            self._threads -= is_one_too_many
        return is_one_too_many

    def _advance(self, item: Job | _Story, worker: _Worker | None) -> None:
        """Run a story, of a job that begins or its own, until it ends or waits."""
        if isinstance(item, _Story):
            job, story = item.job, item
        else:
            job, begun = item, item.begin()
            if begun is None:  # it was withdrawn
                return
            coroutine, context = begun
            story = _Story(self, job, coroutine, context)
        story.worker = worker
        told: Outcome | Pause | None
        try:
            told = story.context.run(story.steps)
            while isinstance(told, Pause) and not suspend(told, story.go_on):
                told = story.context.run(story.steps)
        except BaseException as error:  # noqa: BLE001  carried to whoever asks for the result
            told = Err(error, error.__traceback__)
        if isinstance(told, OUTCOMES):
            job.finish(told)

    def _watch(self) -> None:
        with self._lock:
            if self._is_watched:
                return
            self._is_watched = True
        thread = threading.Thread(target=self._look_after, daemon=True)
        thread.name = f"{self._name}-watcher"
        thread.start()

    def _look_after(self) -> None:
        """Add threads while the queue does not move: quickly where the processor has time.

        Also where others keep it busy: bodies that do not compute want threads all the same.
        """
        is_eased = False
        rests = 0
        step = grown = 0
        taken = self._taken
        moved = recorded = shown = time.monotonic()
        while rests < _REST or self._items or is_eased:
            is_eased = self._ease()
            began, used = time.monotonic(), time.process_time()
            time.sleep(_LOOK)
            if not self._items:
                rests, step, recorded = rests + 1, 0, began
                continue
            rests = 0
            now = time.monotonic()
            if now - recorded > _SOON:
                self.record_waiting()
                recorded = now
            ours = self._clocks.share()
            # What new threads took at their start does not show that bodies end.
            if self._taken - taken > grown:
                taken, moved, step, grown = self._taken, now, 0, 0
                continue
            if now < shown:
                continue
            taken, grown = self._taken, 0
            share = (time.process_time() - used) / max(now - began, 1e-9)
            # Others may be what keeps the process busy.
            if share < _BUSY or (ours is not None and ours < _BUSY):
                step = max(1, 2 * step)
                grown = self._grow(min(step, len(self._items)))
                shown = now if step < _QUICKLY else now + _SLOWLY
            elif now - moved > _BUSY_LOOK:
                grown, moved = self._grow(1), now
        self._is_watched = False
        if self._items:  # something came between the last look and this line
            self._watch()

    def _ease(self) -> bool:
        """Let threads that are many have the interpreter's lock for longer; return if they are.

        Before they compute: once they do, this thread seldom gets it.
        """
        busy = self._threads - self._lent - len(self._idle)
        many = busy if busy > _MANY else 0
        SWITCHING.crowd(id(self), many)
        return many > 0


class _Worker:
    """One thread of a pool, and its place, given up while its body waits for other runs.

    `given` is what it is handed by whoever opens its `gate` for it alone.
    """

    __slots__ = ("_is_left", "_is_lent", "_pool", "gate", "given")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._is_lent = False
        self._is_left = False
        self.given: _Story | None = None
        self.gate = threading.Lock()
        self.gate.acquire()

    def next(self) -> Job | _Story | None:
        """Wait for something to do: what it is given, else the oldest in the queue."""
        pool = self._pool
        items, idle = pool._items, pool._idle  # noqa: SLF001  one thing with the pool
        while True:
            if items:
                try:
                    return items.popleft()
                except IndexError:  # another one was quicker
                    continue
            idle[self] = True
            # What came before that line woke nobody: whoever puts looks the other way round.
            if items and idle.pop(self, False):
                continue
            self.gate.acquire()
            pool._woken.pop()  # noqa: SLF001
            if self.given is not None:
                given, self.given = self.given, None
                return given

    def lend(self) -> None:
        """Let another body run."""
        pool = self._pool
        with pool._lock:  # noqa: SLF001
            if self._is_left:
                return
            self._is_lent = True
            pool._lent += 1  # noqa: SLF001
        if pool._places is not None:  # noqa: SLF001
            pool._places.release()  # noqa: SLF001
        if pool._items and not pool._idle and not pool._woken:  # noqa: SLF001
            pool._grow(1)  # noqa: SLF001

    def take_back(self) -> None:
        """Go on with the body."""
        pool = self._pool
        if not self._is_lent:
            return
        if pool._places is not None:  # noqa: SLF001
            pool._places.acquire()  # noqa: SLF001
        with pool._lock:  # noqa: SLF001
            if self._is_left:
                if pool._places is not None:  # noqa: SLF001
                    pool._places.release()  # noqa: SLF001
                return
            self._is_lent = False
            pool._lent -= 1  # noqa: SLF001

    def leave(self) -> None:
        """Count this thread out: its body does not end, and its run went on without it."""
        pool = self._pool
        with pool._lock:  # noqa: SLF001
            self._is_left = True
            pool._threads -= 1  # noqa: SLF001
            if self._is_lent:
                pool._lent -= 1  # noqa: SLF001
            elif pool._places is not None:  # noqa: SLF001
                pool._places.release()  # noqa: SLF001


def _record(item: Job | _Story | None) -> None:
    if item is not None and not isinstance(item, _Story):  # which has begun
        item.record()


def _answer(call: Call) -> Outcome | BaseException:
    try:
        return BLOCKING.call(call.fn, call.args, call.kwargs).value
    except BaseException as error:  # noqa: BLE001  the story records it as a crash
        return error
