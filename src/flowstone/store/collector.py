"""Brings the database of a home up to its logs: whoever reads, collects first.

A reader notes the sizes of all logs once, when it starts; that is its target, however fast they
grow. It is done when the logs are applied up to there, whoever did it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

import msgspec

from flowstone.log.control import control_path
from flowstone.log.files import DAMAGED, Foreign
from flowstone.store import logs
from flowstone.store.applying import advance
from flowstone.store.database import (
    WriterLock,
    checkpoint,
    close_writer,
    connect_reader,
    connect_writer,
    last_written,
    logs_path,
    make_durable,
)
from flowstone.store.logs import LogRow
from flowstone.store.names import Names
from flowstone.store.segments import LogSeen, Survey, is_written, survey

_HOLD_SECONDS = 0.03  # and the commit: together at most 50 ms
_LET_OTHERS = 0.0003
_POLL_SECONDS = 0.005


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What collecting came to.

    `as_of` is None where the database has everything that was in the logs when collecting began;
    else it is when the database was last written (0: never), and `reason` says what is in the way.
    """

    as_of: int | None = None
    reason: str = ""
    records: int = 0
    foreign: tuple[Foreign, ...] = ()


def collect(home: Path, *, patience: float = 5.0) -> Collected:
    """Apply all logs of a home as far as they are now.

    Returns without having done so when the writer's lock cannot be had and nothing moves for
    `patience` seconds.
    """
    return _Collection(home, survey(home), patience).run()


def tidy(home: Path | str, seconds: float = 0.2) -> Collected:
    """Apply what can be applied in so many seconds, if nobody else does."""
    home = Path(home)
    return _Collection(home, survey(home), 0.0, time.monotonic() + seconds).run()


class _Collection:
    """One pass over the logs of a home, in batches, each under one hold of the writer's lock."""

    def __init__(
        self, home: Path, seen: Survey, patience: float, deadline: float | None = None
    ) -> None:
        self.home = home
        self.seen = seen
        self.patience = patience
        self.deadline = deadline
        self.lock = WriterLock(home)
        self.records = 0
        self.connection: sqlite3.Connection | None = None
        self.names: Names | None = None
        self.todo: list[LogSeen] = []
        self.over: list[LogSeen] = []
        self.targets: dict[bytes, int] = {}

    def run(self) -> Collected:
        """Go on until nothing is left to do, time is up, or nothing moves."""
        self._look()
        self.targets = {log.id: log.target() for log in self.todo if log.is_alive is not False}
        moved, before = time.monotonic(), self._left()
        try:
            while self.todo or self.over:
                if self.deadline is not None and time.monotonic() > self.deadline:
                    return self._stuck("its time was up") if self.todo else self._answer()
                if self.lock.try_take():
                    self._batch()
                    moved, before = time.monotonic(), -1
                    continue
                if not self.todo:  # what is left is only tidying up, which others may do
                    break
                if time.monotonic() - moved > self.patience:
                    return self._stuck(f"{self.lock.holder()} is writing the database")
                time.sleep(_POLL_SECONDS)
                self._look()
                if self._left() != before:
                    moved, before = time.monotonic(), self._left()
        except (OSError, sqlite3.OperationalError) as error:
            # A home that cannot be written, or a full disk: the answer is what the database has.
            return self._stuck(str(error)) if self.todo else self._answer()
        finally:
            self._close()
        return self._answer()

    def _look(self) -> None:
        """Find the logs that the database does not have to their end."""
        rows: dict[bytes, LogRow] = {}
        logs_seen = self.todo or self.seen.logs
        if logs_seen:
            with (
                contextlib.suppress(FileNotFoundError),
                contextlib.closing(connect_reader(self.home)) as reader,
            ):
                for log in logs_seen:
                    row = logs.row_of(reader, log.id)
                    if row is not None:
                        rows[log.id] = row
        self.over = (
            []
            if self.todo
            else [log for log in logs_seen if log.id in rows and _has_spent(log, rows[log.id])]
        )
        self.todo = [
            log
            for log in logs_seen
            if not _is_applied(log, rows.get(log.id), self.targets.get(log.id))
        ]

    def _left(self) -> int:
        """Return a number that changes when somebody moves a log that is waited for."""
        written = last_written(self.home) or 0
        return written ^ len(self.todo)

    def _batch(self) -> None:
        """Apply for as long as the lock may be held, then delete what is not needed any more."""
        try:
            if self.connection is None:
                self.connection = connect_writer(self.lock)
                self.names = Names(self.connection)
            self._apply(self.connection)
            self._delete(self.connection)
            checkpoint(self.connection, self.home)
            if not self.todo:
                self._close()
        finally:
            self.lock.release()
        time.sleep(_LET_OTHERS)

    def _apply(self, connection: sqlite3.Connection) -> None:
        if not self.todo:
            return
        assert self.names is not None
        until = time.monotonic() + _HOLD_SECONDS
        self.names.forget()
        done = 0
        connection.execute("BEGIN IMMEDIATE")
        try:
            for log in self.todo:
                target = self.targets.get(log.id)
                step = advance(connection, log, self.names, self.seen.boot, until, target)
                self.records += step.records
                done += step.is_done
                if time.monotonic() > until:
                    break
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.over += self.todo[:done]  # only the last one that was begun can be unfinished
        del self.todo[:done]

    def _delete(self, connection: sqlite3.Connection) -> None:
        """Delete the segments that are over and applied, once that is safe on the disk."""
        spent: list[tuple[str, bool]] = []
        for log in self.over:
            row = logs.row_of(connection, log.id)
            if row is not None:
                spent += _spent(log, row, logs.damaged_segments(connection, row.ref))
                if _is_spent(log, row):
                    # Last of the log's files: who asks now sees from the others that it is over.
                    spent.append((control_path(logs_path(self.home), log.id), False))
        self.over = []
        if not spent:
            return
        make_durable(self.home)
        for path, is_damaged in spent:
            with contextlib.suppress(FileNotFoundError):
                if is_damaged:
                    os.rename(path, path + DAMAGED)
                else:
                    os.unlink(path)

    def _close(self) -> None:
        if self.connection is None:
            return
        connection, self.connection = self.connection, None
        if self.lock.is_held or self.lock.try_take():
            close_writer(connection, self.lock)
            self.lock.release()
        else:
            connection.close()  # the holder is stuck; SQLite's own locks are still there

    def _answer(self) -> Collected:
        return Collected(records=self.records, foreign=tuple(self.seen.foreign))

    def _stuck(self, reason: str) -> Collected:
        return Collected(
            as_of=last_written(self.home) or 0,
            reason=reason,
            records=self.records,
            foreign=tuple(self.seen.foreign),
        )


def _is_applied(log: LogSeen, row: LogRow | None, target: int | None = None) -> bool:
    """Whether the database has a log up to where it was when it was looked at."""
    if row is None or log.asked > row.asked:
        return False
    if row.is_blocked or (row.stopped is not None and row.ended is not None):
        return True
    if target is not None and row.applied >= target:
        return True
    at = row.applied - log.newest.header.base
    is_dead = log.is_alive is False or log.is_silent
    if at < 0 or (is_dead and row.ended is None) or _is_back(log, row):
        return False
    return at >= log.newest.size or not is_written(log.newest, at)


def _is_back(log: LogSeen, row: LogRow) -> bool:
    """Whether an owner that was taken for dead gives signs of life again."""
    return row.ended is not None and log.is_alive is not False and not log.is_silent


def _is_spent(log: LogSeen, row: LogRow) -> bool:
    return row.ended is not None and log.is_alive is False and _is_applied(log, row)


def _has_spent(log: LogSeen, row: LogRow) -> bool:
    return _is_spent(log, row) or (
        len(log.segments) > 1 and log.segments[1].header.base <= row.applied
    )


def _spent(log: LogSeen, row: LogRow, damaged: set[int]) -> list[tuple[str, bool]]:
    """Return the segments of which nothing is needed any more, and whether to keep them aside."""
    everything = _is_spent(log, row)
    found = []
    for index, seen in enumerate(log.segments):
        is_newest = index + 1 == len(log.segments)
        if everything or (not is_newest and log.segments[index + 1].header.base <= row.applied):
            is_unread = row.stopped is not None and seen.header.base > row.stopped
            found.append((seen.path, seen.number in damaged or is_unread))
    return found
