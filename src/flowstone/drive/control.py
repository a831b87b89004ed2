"""Cancelling from elsewhere: reads what others ask of this process, and has its runs stopped."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial

from flowstone.core.ids import id_text
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.drive.stopper import cancel_run
from flowstone.log.control import control_path, read_requests, size_of
from flowstone.log.writer import LogWriter

_logger = logging.getLogger("flowstone")
_EACH = 0.1
_RENEWED_EACH = 10.0


def watch(current: Callable[[], LogWriter | None], each: float = _EACH) -> None:
    """Look every `each` seconds at what is asked of the log that is current then; never returns.

    The log is another one after a restart.
    """
    log: LogWriter | None = None
    watcher: Watcher | None = None
    renewed_at = 0.0
    while True:
        found = current()
        if found is not None and found is not log:
            log = found
            watcher = Watcher(found.directory, found.id, partial(cancel, found))
        if watcher is not None:
            watcher.look()
        if log is not None and time.monotonic() - renewed_at > _RENEWED_EACH:
            log.renew()
            renewed_at = time.monotonic()
        time.sleep(each)


def cancel(log: LogWriter, key: bytes, message: str) -> bool:
    """Stop a run of this process; False where it is not open, or its end is decided already."""
    run = log.open_run(key)
    return isinstance(run, (TaskRun, FlowRun)) and cancel_run(run, message)


class Watcher:
    """Hands each request in a log's control file to `cancel`: the run's key, and who asked.

    What is no request is passed, and told once.
    """

    def __init__(self, directory: str, log: bytes, cancel: Callable[[bytes, str], bool]) -> None:
        self._directory, self._log, self._cancel = directory, log, cancel
        self._at = self._size = 0
        self._tail = ""
        self._has_complained = False

    def look(self) -> None:
        """Act on what was asked since the last look. Never raises."""
        try:
            size = size_of(self._directory, self._log)
            if size == self._size:
                if self._tail:  # nobody is writing it any more
                    self._complain(f"has bytes at offset {self._at} that are none: {self._tail}")
                return
            if size < self._at:  # it was removed, and may have been made anew
                self._at = 0
            self._read()
            self._size = size
        except Exception as error:  # noqa: BLE001  the next look is due, whatever this one met
            self._complain(f"could not be read: {error}")

    def _read(self) -> None:
        requests = read_requests(self._directory, self._log, self._at)
        self._at, self._tail = requests.next, requests.tail
        for damage in requests.damages:
            self._complain(f"has bytes at offset {damage.offset} that are none: {damage.reason}")
        for request in requests.found:
            self._stop(request.run, request.message)

    def _stop(self, run: bytes, message: str) -> None:
        try:
            stops = self._cancel(run, message)
        except Exception:  # the other requests are still to be acted on
            _logger.exception("Run %s could not be cancelled.", _id_text(run))
        else:
            _logger.debug("Run %s %s.", _id_text(run), "stops" if stops else "cannot be stopped")

    def _complain(self, what: str) -> None:
        if self._has_complained:
            return
        self._has_complained = True
        name = os.path.basename(control_path(self._directory, self._log))
        _logger.warning("The file of requests %s in %s %s", name, self._directory, what)


def _id_text(run: bytes) -> str:
    return id_text(run) if len(run) == 16 else run.hex()
