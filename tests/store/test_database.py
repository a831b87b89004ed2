from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from flowstone.store import database
from flowstone.store.collector import collect, tidy
from flowstone.store.database import WriterLock, connect_reader, connect_writer, database_path
from flowstone.store.errors import NetworkDatabase, NewerDatabase, NotADatabase, WriterBusy
from flowstone.store.queries import open_store
from flowstone.store.schema import VERSION
from tests.store.segments import LogBuilder


def test_reading_a_home_that_has_nothing_makes_nothing(tmp_path: Path):
    home = tmp_path / "none"
    with open_store(home) as store:
        assert store.flow_runs() == []
        assert store.as_of is None
    assert not home.exists()


def test_the_database_is_whole_or_not_there(home: Path, log: LogBuilder):
    (home / "flowstone.db.new").write_bytes(b"what a killed process left")
    (home / "flowstone.db-wal").write_bytes(b"of a database that is gone")
    log.segment(log.story(1))
    collect(home)
    assert not (home / "flowstone.db.new").exists()
    assert stat.S_IMODE((home / "flowstone.db").stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(database_path(home))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_database_of_a_newer_version_is_neither_read_nor_written(home: Path, log: LogBuilder):
    log.segment(log.story(1))
    collect(home)
    with contextlib.closing(sqlite3.connect(database_path(home))) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 3}")
    LogBuilder(home).segment(log.story(1))
    message = (
        f"schema version {VERSION + 3}; this Flowstone knows versions up to {VERSION}. Upgrade"
    )
    with pytest.raises(NewerDatabase, match=message):
        open_store(home)
    lock = WriterLock(home)
    with lock.waiting(), pytest.raises(NewerDatabase, match=message):
        connect_writer(lock)
    with pytest.raises(NewerDatabase, match=message):
        tidy(home)


def test_a_file_that_is_no_database_is_named(home: Path):
    Path(database_path(home)).write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(NotADatabase, match=r"flowstone\.db is not a database"):
        open_store(home)


def test_a_database_of_somebody_else_is_named(home: Path):
    with contextlib.closing(sqlite3.connect(database_path(home))) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(NotADatabase, match="not one of Flowstone"):
        open_store(home)


def test_a_database_on_a_network_is_refused(
    home: Path, log: LogBuilder, monkeypatch: pytest.MonkeyPatch
):
    log.segment(log.story(1))
    monkeypatch.setattr(database, "mount_of", lambda path: ("nfs4", False))
    with pytest.raises(NetworkDatabase, match="FLOWSTONE_HOME"):
        open_store(home)


def test_one_writer_at_a_time_and_it_is_named(home: Path):
    first, second = WriterLock(home), WriterLock(home)
    assert first.try_take()
    assert not second.try_take()
    assert first.holder() == f"process {os.getpid()}"
    with pytest.raises(WriterBusy, match=f"process {os.getpid()}"), second.waiting(0.02):
        pass
    first.release()
    assert second.try_take()
    second.release()


@pytest.mark.parametrize("before", ["", "7\n", "4194303\n", f"{4194303:<20}\n"])
def test_whoever_held_the_lock_before_is_named_no_more(home: Path, before: str):
    lock = WriterLock(home)
    Path(lock.path).write_text(before)
    assert lock.try_take()
    lock.release()
    assert lock.holder() == f"process {os.getpid()}"


def test_while_the_lock_cannot_be_had_the_answer_says_as_of_when(home: Path, log: LogBuilder):
    log.segment(log.story(2))
    collect(home)
    LogBuilder(home).segment(log.story(1))
    lock = WriterLock(home)
    with lock.waiting():
        begun = time.monotonic()
        collected = collect(home, patience=0.1)
        took = time.monotonic() - begun
    assert 0.1 <= took < 2
    assert collected.as_of
    assert abs(collected.as_of - time.time_ns()) < 60e9
    assert f"process {os.getpid()}" in collected.reason
    assert collect(home).as_of is None


def test_a_reader_is_done_when_somebody_else_reached_its_target(home: Path, log: LogBuilder):
    log.segment(log.story(2))
    lock = WriterLock(home)
    assert lock.try_take()
    threading.Timer(0.1, lock.release).start()
    assert collect(home, patience=5).as_of is None


def test_tidying_does_not_wait_for_a_lock(home: Path, log: LogBuilder):
    log.segment(log.story(2))
    lock = WriterLock(home)
    with lock.waiting():
        begun = time.monotonic()
        assert tidy(home).as_of is not None
        assert time.monotonic() - begun < 0.5
    assert tidy(home).as_of is None
    assert not log.path.exists()


def test_a_home_that_cannot_be_written_is_answered_from_the_database(
    home: Path, log: LogBuilder, monkeypatch: pytest.MonkeyPatch
):
    log.segment(log.story(2))
    collect(home)
    LogBuilder(home).segment(log.story(1))

    def refuse(self: WriterLock) -> bool:
        raise PermissionError(13, "Permission denied", self.path)

    monkeypatch.setattr(WriterLock, "try_take", refuse)
    with open_store(home) as store:
        assert len(store.flow_runs()) == 1
        assert store.as_of
        assert store.collected is not None
        assert "Permission denied" in store.collected.reason


def test_what_is_up_to_date_is_read_without_the_lock(home: Path, log: LogBuilder):
    log.segment(log.story(2))
    log.hold()
    collect(home)
    lock = WriterLock(home)
    with lock.waiting(), open_store(home) as store:
        assert store.as_of is None
        assert len(store.flow_runs()) == 1


def test_a_reader_cannot_write(home: Path, log: LogBuilder):
    log.segment(log.story(1))
    collect(home)
    refused = pytest.raises(sqlite3.OperationalError, match="readonly")
    with contextlib.closing(connect_reader(home)) as connection, refused:
        connection.execute("DELETE FROM flow_run")


def test_a_home_whose_name_has_odd_characters_works(tmp_path: Path):
    home = tmp_path / "a b?c#d%20é"
    log = LogBuilder(home)
    log.segment(log.story(1))
    with open_store(home) as store:
        assert len(store.task_runs()) == 1
    assert (home / "flowstone.db").exists()
