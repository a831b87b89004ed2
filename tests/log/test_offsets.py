"""Where the segments of a log begin: each behind all that the ones before it hold."""

from __future__ import annotations

import os

import pytest

from flowstone.core.facts import FlowRunCreated, LineLogged
from flowstone.log.segment import MappedSegment, PlainSegment
from flowstone.log.tail import Tail
from flowstone.log.writer import LogWriter


class Run:
    key = b"f" * 16

    def carried(self) -> FlowRunCreated:
        return FlowRunCreated(self.key, 0, 1, True, None, None, "f")


@pytest.fixture(params=["mapped", "plain"])
def log(request, tmp_path, monkeypatch) -> LogWriter:
    if request.param == "plain":
        monkeypatch.setattr("flowstone.log.writer.MappedSegment", PlainSegment)
    return LogWriter(str(tmp_path / "logs"), b"l" * 16, version="1")


def say(log: LogWriter, text: str) -> None:
    log.append(LineLogged(None, None, 1, 20, "test", text))


def stretches(log: LogWriter) -> list[tuple[int, int, bool]]:
    """Return the log as one stream is read: offsets, lengths, and whether something is missing."""
    tail, at, found = Tail(log.directory, log.id), 0, []
    while (stretch := tail.read(at, 1 << 20)).data:
        found.append((stretch.offset, len(stretch.data), stretch.has_gap))
        at = stretch.offset + len(stretch.data)
    return found


def test_a_segment_behind_one_whose_descriptors_were_closed_begins_where_that_ends(log):
    for n in range(50):
        say(log, f"before {n}")
    descriptor = log._segment._fd
    ((_, length, _),) = stretches(log)
    os.close(descriptor)
    log.opened(Run(), Run().carried())
    say(log, "after")
    ((begin, whole, has_gap),) = stretches(log)
    assert (begin, has_gap) == (0, False)
    assert whole > length
    assert Tail(log.directory, log.id).parts[1].header.base == length


def test_a_segment_behind_one_that_could_not_be_ended_begins_where_that_ends(log, monkeypatch):
    def refuse(this, last):
        this.seal()
        raise OSError(28, "No space left on device")

    say(log, "before")
    ((_, length, _),) = stretches(log)
    for kind in (MappedSegment, PlainSegment):
        monkeypatch.setattr(kind, "end", refuse)
    log._begin_segment()
    say(log, "after")
    ((_, _, has_gap),) = stretches(log)
    assert not has_gap
    assert Tail(log.directory, log.id).parts[1].header.base == length
