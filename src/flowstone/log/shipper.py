"""Sends this process's log to a server while it grows, and hears what the server asks.

One daemon thread tails the log's own segments, so the run path knows nothing of it: while the
server is away the log waits on the disk, where it lies anyway.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from _thread import start_new_thread
from collections.abc import Callable
from importlib import import_module
from threading import Condition
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from flowstone.log.courier import Answer, Courier
    from flowstone.log.tail import Stretch, Tail

_logger = logging.getLogger("flowstone")
_EACH = 0.2
"""Seconds between two looks at a log that does not grow."""
_HEARTBEAT = 2.0
"""Seconds after which the server hears of a process whose runs are open and say nothing."""
_USUAL = 1 << 20
_MOST = 64 << 20
"""Bytes a request: usually, and where a record needs more."""
_LONGEST_WAIT = 30.0
_FIRST_WAIT = 0.4
_ORPHANS_EACH = 60.0
_ADOPTING = 0.5
"""Seconds that the end of a process waits for what dead ones left."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """The server that logs go to, and how to be let in."""

    url: str
    key: str | None = None
    cert_file: str | None = None
    exit_seconds: float = 5.0


class Shipper:
    """Sends one log. `has_open` says whether runs are open, `cancel` stops one of them.

    `adopt` is called now and then to send what dead processes left behind.
    """

    def __init__(
        self,
        directory: str,
        log: bytes,
        destination: Destination,
        *,
        has_open: Callable[[], bool],
        cancel: Callable[[bytes, str], bool],
        adopt: Callable[[Courier], object],
    ) -> None:
        self.destination = destination
        self._directory, self._log = directory, log
        self._has_open, self._cancel, self._adopt = has_open, cancel, adopt
        self._condition = Condition()
        self._asked = 0  # rounds that somebody waits for, by number
        self._done = 0
        self._is_begun = False
        self._is_leaving = self._is_over = False
        self._is_adopting = False
        self._offset = 0
        self._size = _USUAL
        self._failures = 0
        self._trouble = ""
        self._complaint = ""
        self._heard_at = 0.0
        self._adopt_at = 0.0
        self._held_up_until = 0.0
        self._stopping: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Start to send, in a thread of its own."""
        if not self._is_begun:
            self._is_begun = True
            try:
                start_new_thread(self._run, ())
            except RuntimeError as error:
                self._is_over = True
                _logger.warning("The log of this process cannot be sent while it runs: %s", error)

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until the server has what is recorded by now; False where it has not in time."""
        if not self._is_begun:
            return True
        with self._condition:
            self._asked += 1
            asked = self._asked
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._done >= asked or self._is_over, seconds)
            return self._done >= asked

    def finish(self) -> None:
        """At the end of the process: send what is left, for a bounded time, or say that it is."""
        if not self._is_begun:
            return
        if self.flush(self.destination.exit_seconds):
            with self._condition:
                self._condition.wait_for(lambda: not self._is_adopting, _ADOPTING)
            return
        why = f" ({self._trouble})" if self._trouble else ""
        sys.stderr.write(
            f"flowstone: a part of this process's log is not at {self.destination.url} yet{why}. "
            f"It is kept in {self._directory}; the next process of this home sends it, or: "
            "flowstone log ship\n"
        )

    def leave(self) -> None:
        """End when what is recorded by now is sent, and no run is open."""
        self._is_leaving = True

    def _run(self) -> None:
        self._pause(_EACH)
        try:
            # By name, and not before: what speaks HTTP takes 20 ms to load.
            to = self.destination
            courier: Courier = import_module("flowstone.log.courier").Courier(
                to.url, to.key, to.cert_file
            )
            tail: Tail = import_module("flowstone.log.tail").Tail(self._directory, self._log)
            wait = self._round(tail, courier)
            while not self._is_leaving or self._failures or self._has_open():
                self._pause(wait)
                wait = self._round(tail, courier)
            courier.close()
        except Exception:
            _logger.exception("The log of this process is not sent any more; it is kept.")
        finally:
            with self._condition:  # nobody waits for a thread that is gone
                self._is_over = True
                self._condition.notify_all()

    def _pause(self, seconds: float) -> None:
        """Wait, but not while somebody waits for a round, unless the server is away."""
        with self._condition:
            if self._asked == self._done:
                self._condition.wait_for(lambda: self._asked > self._done, seconds)
            elif self._failures:
                self._condition.wait(min(seconds, _FIRST_WAIT))

    def _round(self, tail: Tail, courier: Courier) -> float:
        """Send what is there; return for how many seconds to wait then."""
        asked = self._asked
        try:
            self._send_all(tail, courier)
        except Exception as error:  # noqa: BLE001  whatever it is, the log is kept and sent later
            return self._failed(error, courier)
        self._recovered()
        is_time = time.monotonic() >= self._adopt_at
        with self._condition:
            self._done = max(self._done, asked)
            self._is_adopting = is_time
            self._condition.notify_all()
        if is_time:
            self._look_for_orphans(courier)
        return _EACH

    def _send_all(self, tail: Tail, courier: Courier) -> None:
        """Send until nothing is left, or the server takes no more of it now."""
        is_held_up = time.monotonic() < self._held_up_until
        while not is_held_up:
            stretch = tail.read(self._offset, self._size)
            if not stretch.data:
                break
            self._send(stretch, tail, courier)
        if self._has_open() and time.monotonic() - self._heard_at >= _HEARTBEAT:
            self._hear(courier.put(self._log, self._offset, b""))
        if is_held_up:
            raise _Waiting

    def _send(self, stretch: Stretch, tail: Tail, courier: Courier) -> None:
        """Send a stretch of the log. Raises `_Waiting` where more cannot be sent now."""
        flags = ("gap",) if stretch.has_gap else ()
        answer = courier.put(self._log, stretch.offset, stretch.data, *flags)
        before, self._offset = self._offset, answer.offset
        self._hear(answer)
        if answer.needs is not None:
            self._held_up_until = time.monotonic() + _LONGEST_WAIT
            self._complain(
                f"The server at {courier.url} does not know a record of this log and keeps it from "
                f"there on; upgrade it to Flowstone {answer.needs}. The log is kept here."
            )
            raise _Waiting
        if answer.offset == before and not stretch.has_gap:
            if self._size == _MOST or len(stretch.data) < self._size // 2:
                raise _Waiting  # the rest of a record is not written yet
            self._size = min(4 * self._size, _MOST)
            return
        self._size = _USUAL
        self._drop(tail, courier)

    def _drop(self, tail: Tail, courier: Courier) -> None:
        """Delete segments that the server has, once a loss of power could not take them there."""
        if len(tail.parts) > 1 and tail.parts[1].header.base <= self._offset:
            tail.drop_up_to(courier.put(self._log, self._offset, b"", "durable").offset)

    def _hear(self, answer: Answer) -> None:
        """Do what the server asks; it asks again until the run has ended."""
        self._heard_at = time.monotonic()
        asked = frozenset(command.run for command in answer.commands)
        stopping = self._stopping & asked
        for command in answer.commands:
            if command.kind != "cancel" or command.run in stopping:
                continue
            try:
                run = bytes.fromhex(command.run.replace("-", ""))
                if self._cancel(run, command.message):
                    stopping |= {command.run}
            except Exception:  # the other requests are still to be acted on
                stopping |= {command.run}
                _logger.exception("Run %s could not be cancelled.", command.run)
        self._stopping = stopping

    def _failed(self, error: Exception, courier: Courier) -> float:
        """Note that the server could not be given the log; return for how long to leave it."""
        if isinstance(error, _Waiting):
            return _FIRST_WAIT
        courier.close()
        kinds = import_module("flowstone.log.courier")
        self._failures += 1
        self._trouble = str(error)
        if isinstance(error, kinds.ServerRefused):
            self._complain(
                f"The server at {self.destination.url} does not take the log of this process: "
                f"{str(error).rstrip('.')}. Runs go on; their log is kept in {self._directory}."
            )
            return _LONGEST_WAIT
        if not isinstance(error, kinds.ServerAway):
            _logger.debug("The log could not be sent.", exc_info=error)
        if self._failures == 1:
            _logger.warning(
                "The server at %s cannot be reached (%s). Runs go on; their log waits in %s.",
                self.destination.url,
                error,
                self._directory,
            )
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._failures, 10))
        return max(getattr(error, "seconds", 0.0), wait * (0.5 + _draw() / 2))

    def _complain(self, what: str) -> None:
        """Say something once."""
        if what != self._complaint:
            self._complaint = what
            _logger.error("%s", what)

    def _recovered(self) -> None:
        if self._failures:
            self._failures, self._trouble, self._complaint = 0, "", ""
            self._adopt_at = 0.0
            _logger.info("The server at %s takes the log again.", self.destination.url)

    def _look_for_orphans(self, courier: Courier) -> None:
        try:
            self._adopt(courier)
        except Exception as error:  # noqa: BLE001  whoever comes next sends them
            courier.close()
            _logger.debug("What dead processes left could not be sent: %s", error)
        self._adopt_at = time.monotonic() + _ORPHANS_EACH
        with self._condition:
            self._is_adopting = False
            self._condition.notify_all()


class _Waiting(Exception):  # noqa: N818 - no error
    """The server has all that it can take now."""


def _draw() -> float:
    """Return a random number from [0, 1)."""
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)
