"""Bodies that a cluster has, and the threads that tell the stories around them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from flowstone.core.outcome import Outcome
from flowstone.drive.pool import Pool
from flowstone.results.buffers import Buffer
from flowstone.runners.held import HoldingFuture

_logger = logging.getLogger("flowstone")
_PATIENCE = 5.0
"""Seconds that calls of the user's get at the end of a flow run."""


class Sent:
    """A body that a cluster has: done when it has answered, or is known to never answer.

    `head` is its answer then, `blob` the packed result or error where that came home, `ref` what
    names it where it did not; `error` is why there is no answer.
    """

    __slots__ = ("_callbacks", "_done", "_lock", "blob", "error", "handle", "head", "ref", "run")

    def __init__(self, run: bytes) -> None:
        self.run = run
        self.handle: Any = None
        self.head = b""
        self.blob: Buffer | None = None
        self.ref: Any = None
        self.error: BaseException | None = None
        self._done = False
        self._lock = Lock()
        self._callbacks: list[Callable[[Any], object]] = []

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self._done

    def when_done(self, call: Callable[[Any], object]) -> None:
        """Call with this when it is done; now if it is."""
        with self._lock:
            if not self._done:
                self._callbacks.append(call)
                return
        call(self)

    def answer(
        self, head: bytes, blob: Buffer | None, ref: Any = None, *, here: bool = False
    ) -> None:
        """Take the answer; `here` says that this thread may tell the rest of the story."""
        self.head, self.blob, self.ref = head, blob, ref
        _thread.may_tell = 2 * here
        self._end()
        _thread.may_tell = 0

    def fail(self, error: BaseException) -> None:
        """Note that there is no answer, and why."""
        self.error = error
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._done, callbacks = True, self._callbacks
            self._callbacks = []
        for call in callbacks:
            call(self)


class _Thread(threading.local):
    """How many stories the thread may tell within each other: one goes on, and lets one begin."""

    may_tell = 0


_thread = _Thread()


class Stories(Pool):
    """Threads that tell stories: one as long as they get on, because all that takes time in them
    is to talk to the cluster, and threads that do so at once hold each other up."""

    def __init__(self, name: str) -> None:
        super().__init__(None, name)
        self._calls: set[_Callback] = set()

    def close(self) -> None:
        """Let the threads end when they have nothing left to do; wait for calls of the user's."""
        until = time.monotonic() + _PATIENCE
        for call in list(self._calls):
            call.is_over.wait(max(0.0, until - time.monotonic()))
        super().close()

    def begin(self, future: HoldingFuture[Any]) -> None:
        """Tell a story on this thread as far as it gets. Raises what interrupts the thread."""
        self._advance(future, None)
        if future.is_done:
            future.raise_interrupt()

    def put(self, item: Any) -> None:
        """Let a thread take it; a new one only where there is none."""
        if self._idle or self._threads:
            self._items.append(item)
            if self._idle:
                self._wake()
            if not self._is_watched:
                self._watch()
        else:
            self._grow(1)
            super().put(item)

    def put_back(self, story: Any) -> None:
        """Let a story go on."""
        if not self._told_here(story, story.job):
            super().put_back(story)

    def start(self, future: HoldingFuture[Any]) -> None:
        """Let a story begin that waited."""
        if not self._told_here(future, future):
            self.put(future)

    def _told_here(self, item: Any, future: HoldingFuture[Any]) -> bool:
        """Tell a story on this thread if that may be, and the user has no say in it."""
        if not _thread.may_tell or future.calls_users_code:
            return False
        _thread.may_tell -= 1
        self._advance(item, None)
        _thread.may_tell += 1
        return True

    def call(self, fn: Callable[[Any], object], future: HoldingFuture[Any]) -> None:
        """Let one of the threads call a function of the user's with a future."""
        call = _Callback(fn, future, self._calls)
        self._calls.add(call)
        self.put(call)


class _Callback:
    """A call of the user's, as a job whose beginning is all of it; gone from `calls` then."""

    def __init__(
        self, fn: Callable[[Any], object], future: HoldingFuture[Any], calls: set[_Callback]
    ) -> None:
        self._fn, self._future, self._calls = fn, future, calls
        self.is_over = threading.Event()

    def begin(self) -> None:
        try:
            self._fn(self._future)
        except Exception:
            _logger.exception("A callback of %r failed", self._future)
        finally:
            self.is_over.set()
            self._calls.discard(self)

    def record(self) -> None:
        """Nothing: it is no run."""

    def finish(self, outcome: Outcome) -> None:
        """Nothing: it has no outcome."""
