"""Sees cheaply whether the logs of a home have grown, so that an idle server costs nothing.

What is written through a memory map shows in no time or size of a file, and no notification tells
of it: so the place behind the last record of each log is looked at.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from flowstone.log.control import control_path, size_of
from flowstone.log.files import is_free
from flowstone.store.database import logs_path
from flowstone.store.segments import LogSeen, survey

_LOOKED_AT = 64 << 10
"""Bytes behind the last record: its own last bytes may be zeros, as what is not written is."""
_AT_LEAST_EVERY = 5.0
"""Seconds after which it is taken to have grown: what cannot be seen here is seen then."""


class _End(msgspec.Struct, frozen=True):
    """How a log was: where something was written last, whether its owner lived, what was asked."""

    path: str
    at: int
    is_free: bool
    control: str
    asked: int

    def is_as_it_was(self) -> bool:
        """Whether all of that is so now."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            is_same = is_free(fd) == self.is_free
            return (
                is_same and not os.pread(fd, _LOOKED_AT, self.at).strip(b"\0") and self._is_quiet()
            )
        finally:
            os.close(fd)

    def _is_quiet(self) -> bool:
        try:
            return os.stat(self.control).st_size == self.asked
        except FileNotFoundError:
            return self.asked == 0


class Watch:
    """Tells whether the logs of a home may have grown since they were last noted."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._directory = logs_path(home)
        self._stamp = -1
        self._ends: list[_End] = []
        self._noted = 0.0

    def has_grown(self) -> bool:
        """Whether it is worth while to collect."""
        if time.monotonic() - self._noted > _AT_LEAST_EVERY or self._changed() != self._stamp:
            return True
        return not all(end.is_as_it_was() for end in self._ends)

    def note(self) -> None:
        """Take the logs as they are now; collect them after that."""
        self._noted = time.monotonic()
        self._stamp = self._changed()
        self._ends = [self._end_of(log) for log in survey(self._home).logs]

    def forget(self) -> None:
        """Take the logs to have grown: what was noted last could not be collected."""
        self._stamp = -1

    def _changed(self) -> int:
        """Return when a file last came or went."""
        try:
            return os.stat(self._directory).st_mtime_ns
        except FileNotFoundError:
            return 0

    def _end_of(self, log: LogSeen) -> _End:
        newest = log.newest
        at = log.target() - newest.header.base
        control = control_path(self._directory, log.id)
        return _End(newest.path, at, newest.is_free, control, size_of(self._directory, log.id))
