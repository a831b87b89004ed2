"""What waits in memory while the disk refuses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from flowstone.log.records import Gap


class Waiting(msgspec.Struct):
    """An encoded record that waits, or (without one) a place where records were dropped."""

    payload: bytes | None
    is_line: bool
    at: int
    dropped: int = 0
    lines: int = 0
    until: int = 0


class Backlog:
    """Encoded records in order, at most `most` bytes of them.

    When memory is full, log lines go first, oldest first, then the oldest of the rest. Where
    records went, a `Gap` stands in their place and counts them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self.dropped = 0
        self._waiting: deque[Waiting] = deque()
        self._lines = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, payload: bytes, *, is_line: bool, now: int) -> None:
        """Add a record at the end, dropping others where that is needed."""
        self._waiting.append(Waiting(payload, is_line, now))
        self.bytes += len(payload)
        self._lines += is_line
        if self.bytes > self.most:
            # A tenth at once, so that a full memory does not cost a pass over it a record.
            self._make_room(self.most - self.most // 10)

    def first(self, encode: Callable[[Gap], bytes]) -> bytes:
        """Return the payload that is next to be written."""
        one = self._waiting[0]
        if one.payload is not None:
            return one.payload
        return encode(Gap(one.dropped, one.lines, one.at, one.until))

    def took(self) -> None:
        """Forget the first record: it was written."""
        one = self._waiting.popleft()
        if one.payload is not None:
            self.bytes -= len(one.payload)
            self._lines -= one.is_line

    def _make_room(self, target: int) -> None:
        for lines_only in (True, False):
            if self.bytes <= target or (lines_only and not self._lines):
                continue
            kept: deque[Waiting] = deque()
            for one in self._waiting:
                droppable = one.payload is not None and (one.is_line or not lines_only)
                if droppable and self.bytes > target:
                    self._drop(one)
                    one = Waiting(None, False, one.at, 1, int(one.is_line), one.at)  # noqa: PLW2901
                if one.payload is None and kept and kept[-1].payload is None:
                    gap = kept[-1]
                    gap.dropped += one.dropped
                    gap.lines += one.lines
                    gap.until = one.until
                else:
                    kept.append(one)
            self._waiting = kept

    def _drop(self, one: Waiting) -> None:
        if one.payload is not None:
            self.bytes -= len(one.payload)
        self._lines -= one.is_line
        self.dropped += 1
