"""One log as one stream of bytes: its segments behind each other, by logical offset.

What is read while the log is written holds whole frames only: bytes that were there when a first
look ended are whole when a second look begins, because a frame is copied under the interpreter's
lock, or by one `write`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from flowstone.log.decoding import decode
from flowstone.log.files import list_segments, segment_name
from flowstone.log.frames import HEADER, MAX_PAYLOAD, scan, seed_of
from flowstone.log.records import Header

_FIRST = 4096  # more than a header's frame
_LONGEST_FRAME = HEADER.size + MAX_PAYLOAD
_unpack_header = HEADER.unpack_from


class Stretch(NamedTuple):
    """Bytes of a log from `offset` on. `has_gap`: what was asked for before them is not there."""

    offset: int
    data: bytes
    has_gap: bool


class Part(msgspec.Struct, frozen=True):
    """One segment, and its header."""

    path: str
    header: Header


class Tail:
    """Reads a log that its owner may still be writing; `is_over` where the owner is dead."""

    def __init__(self, directory: str, log: bytes, *, is_over: bool = False) -> None:
        self._directory, self._log, self._is_over = directory, log, is_over
        self.parts: list[Part] = []
        for segment in list_segments(directory)[0]:
            if segment.log == log:
                self._add(segment.number)

    def read(self, at: int, size: int) -> Stretch:
        """Return about `size` bytes from offset `at` on, none where nothing more is there now."""
        begin, data = at, b""
        while len(data) < size:
            self._look_for_more()
            index = self._index_of(at)
            if index is None:
                break
            base = self.parts[index].header.base
            following = self.parts[index + 1].header.base if index + 1 < len(self.parts) else None
            if at < base:  # nothing of what lies before it is left
                if data:
                    break
                at = base
            found = self._read_part(index, at - base, following, size - len(data))
            data, at = data + found, at + len(found)
            if found:
                continue
            if following is None or data:
                break
            at = following  # the segment ends before its time: it could not be written further
        return Stretch(at - len(data), data, at - len(data) > begin)

    def drop_up_to(self, offset: int) -> None:
        """Delete the segments that end at or before an offset, but for the newest."""
        while len(self.parts) > 1 and self.parts[1].header.base <= offset:
            _unlink(self.parts.pop(0).path)

    def drop_all(self) -> None:
        """Delete all segments."""
        while self.parts:
            _unlink(self.parts.pop(0).path)

    def _look_for_more(self) -> None:
        """Find a segment that was begun since: then the one before it is over."""
        if self.parts and not self._is_over:
            self._add(self.parts[-1].header.segment + 1)

    def _add(self, number: int) -> None:
        path = os.path.join(self._directory, segment_name(self._log, number))
        header = header_of(path, self._log)
        if header is not None:
            self.parts.append(Part(path, header))

    def _index_of(self, at: int) -> int | None:
        """Return which segment holds an offset, or the first one where all lie behind it."""
        if not self.parts:
            return None
        return max((n for n, part in enumerate(self.parts) if part.header.base <= at), default=0)

    def _read_part(self, index: int, at: int, following: int | None, size: int) -> bytes:
        part = self.parts[index]
        is_over = following is not None or self._is_over
        if following is not None:
            size = min(size, following - part.header.base - at)
        try:
            fd = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # somebody else has sent it, and deleted it
            return b""
        try:
            if is_over:
                data = os.pread(fd, size, at)
                return data if following is not None else data[: _written(data)]
            return _whole_frames(fd, at, size)
        finally:
            os.close(fd)


def header_of(path: str, log: bytes) -> Header | None:
    """Return the header of a segment, None where there is no such file, or no header in it."""
    try:
        with open(path, "rb", buffering=0) as file:
            found = scan(file.read(_FIRST), seed_of(log))
    except FileNotFoundError:
        return None
    header = decode(found.payloads[0][1]) if found.payloads else None
    return header if isinstance(header, Header) and header.log == log else None


def _whole_frames(fd: int, at: int, size: int) -> bytes:
    """Return the frames from an offset on of a segment that is written to, at least one."""
    if not any(os.pread(fd, HEADER.size, at)):  # nothing, or not yet
        return b""
    seen = len(os.pread(fd, size, at).rstrip(b"\0"))
    data = os.pread(fd, size, at)
    end = _walk(data, seen)
    if end or len(data) < HEADER.size:
        return data[:end]
    if _unpack_header(data)[0] > MAX_PAYLOAD:
        return data[:seen]  # no frame: whoever gets it finds the next one
    # One that is being written, or that is longer than what was read of it.
    return _whole_frames(fd, at, _LONGEST_FRAME) if len(data) == size < _LONGEST_FRAME else b""


def _walk(data: bytes, seen: int) -> int:
    """Return where the last frame ends that began among the first `seen` bytes and is whole."""
    at, end = 0, len(data) - HEADER.size
    while at < seen and at <= end:
        length = _unpack_header(data, at)[0]
        stop = at + HEADER.size + length
        if not 0 < length <= MAX_PAYLOAD or stop > len(data):
            break
        at = stop
    return at


def _written(data: bytes) -> int:
    """Return how much of the rest of a log whose owner is dead was written."""
    end = _walk(data, len(data))
    return end if not data[end:].strip(b"\0") else len(data)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:  # somebody else was quicker
        return
