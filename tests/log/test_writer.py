from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from flowstone.core.facts import FlowRunCreated, LineLogged, TaskDefined, TaskRunCreated
from flowstone.core.runs import TaskRun
from flowstone.log import files, segment, writer
from flowstone.log.backlog import Backlog
from flowstone.log.records import Continued, Gap, Header
from flowstone.log.writer import LogWriter
from tests.log.reading import read_logs, read_segment

LOG = b"\x01" * 16


@pytest.fixture(params=["mapped", "plain"])
def kind(request, monkeypatch):
    """Both ways to write a segment."""
    if request.param == "plain":
        monkeypatch.setattr(writer, "MAPPABLE", frozenset())
    return request.param


def make(tmp_path, **options) -> LogWriter:
    return LogWriter(str(tmp_path / "logs"), LOG, version="1.0", **options)


def line(text: str) -> LineLogged:
    return LineLogged(None, None, 5, 20, "test", text)


def texts(tmp_path) -> list[str]:
    return [one.message for one in read_logs(tmp_path / "logs") if isinstance(one, LineLogged)]


def begun(log: LogWriter, name: str = "a-0") -> TaskRun:
    run = TaskRun()
    number = log.define(TaskDefined(0, "a-1", "a"))
    run.key, run.name = os.urandom(16), name
    fact = run.create(1, number, None, None, running=True)
    log.opened(run, fact)
    return run


def test_a_log_begins_with_a_header_at_its_first_record(tmp_path, kind):
    log = make(tmp_path)
    assert not (tmp_path / "logs").exists()
    log.append(line("hello"))
    header, first = read_logs(tmp_path / "logs")
    assert isinstance(header, Header)
    assert (header.log, header.segment, header.pid, header.judged) == (LOG, 0, os.getpid(), "lock")
    assert first.message == "hello"


def test_a_log_that_can_be_seen_is_locked(tmp_path, kind):
    log = make(tmp_path)
    log.append(line("hello"))
    [one], foreign = files.list_segments(tmp_path / "logs")
    assert foreign == []
    with open(one.path, "rb") as file:
        assert not files.is_free(file.fileno())
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_records_of_many_threads_are_all_there_whole(tmp_path, kind):
    log = make(tmp_path)

    def write(number):
        for i in range(500):
            log.append(line(f"{number}:{i}:" + "x" * (i % 90)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = [text.rsplit(":", 1)[0] for text in texts(tmp_path)]
    assert sorted(found) == sorted(f"{n}:{i}" for n in range(8) for i in range(500))
    for number in range(8):
        mine = [text for text in found if text.startswith(f"{number}:")]
        assert mine == [f"{number}:{i}" for i in range(500)]


def test_definitions_are_written_once_and_again_in_each_segment(tmp_path, kind):
    log = make(tmp_path, segment_bytes=1 << 20)
    for _ in range(3):
        begun(log)
    for i in range(400):
        log.append(line("x" * 9000 + str(i)))
    segments, _ = files.list_segments(tmp_path / "logs")
    assert len(segments) > 1
    for one in segments:
        records, _ = read_segment(one.path, one.log)
        assert sum(isinstance(record, TaskDefined) for record in records) == 1
    assert len(texts(tmp_path)) == 400


def test_a_new_segment_carries_the_open_runs_and_the_old_one_names_it(tmp_path, kind):
    log = make(tmp_path, segment_bytes=1 << 20)
    closed, still_open = begun(log, "closed"), begun(log, "open")
    log.closed(closed, closed.complete(5))
    log.append(still_open.await_retry(6, 1.0))
    for _ in range(200):
        log.append(line("x" * 9000))
    first, second, *_ = files.list_segments(tmp_path / "logs")[0]
    last = read_segment(first.path, first.log)[0][-1]
    assert last == Continued(1)
    carried = [
        one
        for one in read_segment(second.path, second.log)[0]
        if type(one).__name__ == "TaskRunCarried"
    ]
    assert [one.created.name for one in carried] == ["open"]
    assert (carried[0].name, carried[0].sequence, carried[0].attempt) == ("AwaitingRetry", 2, 1)


def test_logical_offsets_of_segments_do_not_overlap(tmp_path, kind):
    log = make(tmp_path, segment_bytes=1 << 20)
    for _ in range(500):
        log.append(line("x" * 9000))
    segments, _ = files.list_segments(tmp_path / "logs")
    end = 0
    for one in segments:
        records, readings = read_segment(one.path, one.log)
        assert records[0].base >= end
        end = records[0].base + readings[-1].next
    assert len(segments) >= 3


def test_rotation_under_many_threads_loses_nothing(tmp_path, kind):
    log = make(tmp_path, segment_bytes=1 << 20)

    def write(number):
        for i in range(300):
            log.append(line(f"{number}:{i}:" + "y" * 3000))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(files.list_segments(tmp_path / "logs")[0]) > 3
    found = [text.rsplit(":", 1)[0] for text in texts(tmp_path)]
    assert sorted(found) == sorted(f"{n}:{i}" for n in range(6) for i in range(300))


def test_a_record_over_one_mebibyte_is_written_in_pieces(tmp_path, kind):
    log = make(tmp_path)
    long = "".join(chr(65 + i % 26) for i in range(3_500_000))
    log.append(line("before"))
    log.append(line(long))
    log.append(line("after"))
    assert texts(tmp_path) == ["before", long, "after"]


def test_what_cannot_be_encoded_is_escaped(tmp_path, kind):
    log = make(tmp_path)
    log.append(LineLogged(None, None, 5, 20, "test", "lone \ud800 surrogate"))
    log.append(LineLogged(None, None, 1 << 70, 20, "test", "huge"))
    assert texts(tmp_path)[0] == "lone \\ud800 surrogate"


def test_a_forked_child_writes_nothing_into_its_parents_log(tmp_path, kind):
    log = make(tmp_path)
    log.append(line("parent"))
    pid = os.fork()
    if pid == 0:
        log.abandon()
        log.append(line("child"))
        os._exit(0)
    os.waitpid(pid, 0)
    log.append(line("parent again"))
    assert texts(tmp_path) == ["parent", "parent again"]


def test_a_child_that_ends_does_not_free_its_parents_lock(tmp_path, kind):
    log = make(tmp_path)
    log.append(line("parent"))
    pid = os.fork()
    if pid == 0:
        log.abandon()
        os._exit(0)
    os.waitpid(pid, 0)
    [one], _ = files.list_segments(tmp_path / "logs")
    with open(one.path, "rb") as file:
        assert not files.is_free(file.fileno())


def test_a_child_that_lives_on_does_not_hold_its_dead_parents_lock(tmp_path):
    script = """
import os, sys, time
from flowstone import task
@task
def nop(): pass
nop()
told, tells = os.pipe()
if os.fork() == 0:
    os.write(tells, b"lives")
    time.sleep(30)
    os._exit(0)
os.read(told, 5)
os.kill(os.getpid(), 9)
"""
    environ = {**os.environ, "FLOWSTONE_HOME": str(tmp_path)}
    done = subprocess.Popen(
        [sys.executable, "-c", script],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        done.wait(20)
        [one], _ = files.list_segments(tmp_path / "logs")
        with open(one.path, "rb") as file:
            assert files.is_free(file.fileno())
    finally:
        os.killpg(done.pid, signal.SIGKILL)
        done.stdout.close()


def test_a_program_that_closes_all_descriptors_gets_a_new_segment_with_the_next_flow(
    tmp_path, kind
):
    log = make(tmp_path)
    log.append(line("before"))
    os.close(log._segment._fd)
    if kind == "mapped":
        os.close(fd_of_map(log))
    log.append(line("between"))
    log.opened(begun(log), FlowRunCreated(b"f" * 16, 0, 1, True, None, None, "f"))
    log.append(line("after"))
    assert sorted(texts(tmp_path)) == ["after", "before", "between"]
    newest = files.list_segments(tmp_path / "logs")[0][-1]
    with open(newest.path, "rb") as file:
        assert not files.is_free(file.fileno())


def fd_of_map(log: LogWriter) -> int:
    path = os.path.realpath(log._segment.path)
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}") == path:
                return int(name)
        except FileNotFoundError:
            continue
    raise AssertionError(path)


class Refusing:
    """A disk that refuses new segments until it is told otherwise."""

    def __init__(self, monkeypatch, log: LogWriter) -> None:
        self.log = log
        self.refuses = True
        for kind in (segment.MappedSegment, segment.PlainSegment):
            begin = kind.begin

            def refuse(this, header, begin=begin):
                if self.refuses:
                    raise OSError(28, "No space left on device")
                begin(this, header)

            monkeypatch.setattr(kind, "begin", refuse)


def test_while_the_disk_refuses_records_wait_and_go_in_order_later(
    tmp_path, kind, monkeypatch, caplog
):
    log = make(tmp_path)
    disk = Refusing(monkeypatch, log)
    for i in range(10):
        log.append(line(str(i)))
    assert log.waiting == 10
    assert [one.getMessage() for one in caplog.records].__len__() == 1
    assert "No space left on device" in caplog.text
    disk.refuses = False
    log.flush()
    log.append(line("10"))
    assert log.waiting == 0
    assert texts(tmp_path) == [str(i) for i in range(11)]


def test_a_refusing_disk_is_asked_once_a_second(tmp_path, monkeypatch):
    log = make(tmp_path)
    disk = Refusing(monkeypatch, log)
    clock = [100.0]
    monkeypatch.setattr(writer.time, "monotonic", lambda: clock[0])
    log.append(line("0"))
    disk.refuses = False
    log.append(line("1"))
    assert log.waiting == 2
    clock[0] += 1.0
    log.append(line("2"))
    assert texts(tmp_path) == ["0", "1", "2"]


def test_a_full_disk_in_the_middle_of_a_log_loses_nothing(tmp_path, kind, monkeypatch):
    log = make(tmp_path)
    log.append(line("first"))
    disk = Refusing(monkeypatch, log)
    real_allocate, real_write = os.posix_fallocate, os.write

    def full(*given):
        if disk.refuses:
            raise OSError(28, "No space left on device")
        return real_allocate(*given)

    def short(fd, data):
        return real_write(fd, data[:3]) if disk.refuses else real_write(fd, data)

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(segment.os, "write", short)
    for i in range(20):
        log.append(line(f"{i}:" + "z" * 8000))
    disk.refuses = False
    log.flush()
    log.append(line("last"))
    found = texts(tmp_path)
    assert found[0] == "first"
    assert [text.split(":")[0] for text in found[1:-1]] == [str(i) for i in range(20)]
    assert found[-1] == "last"


def test_full_memory_drops_lines_first_and_leaves_a_gap_in_their_place():
    backlog = Backlog(1000)
    for i in range(30):
        backlog.put(bytes([i]) * 50, is_line=i % 2 == 0, now=i)
    assert backlog.bytes <= 1000
    kept, gaps = [], []
    while len(backlog):
        payload = backlog.first(lambda gap: gaps.append(gap) or b"gap")
        kept.append(payload)
        backlog.took()
    states = [payload for payload in kept if payload != b"gap" and payload[0] % 2]
    assert [payload[0] for payload in states] == list(range(1, 30, 2))
    assert sum(gap.count for gap in gaps) == backlog.dropped == 30 - len(kept) + len(gaps)
    assert all(gap.count == gap.lines for gap in gaps)


def test_memory_full_of_states_drops_the_oldest_into_one_gap():
    backlog = Backlog(1000)
    for i in range(100):
        backlog.put(bytes([i]) * 50, is_line=False, now=i)
    gaps: list[Gap] = []
    first = backlog.first(lambda gap: gaps.append(gap) or b"gap")
    assert first == b"gap"
    backlog.took()
    assert backlog.first(lambda gap: b"")[0] == gaps[0].count == backlog.dropped
    assert (gaps[0].first, gaps[0].last) == (0, gaps[0].count - 1)


def test_a_read_only_directory_keeps_the_program_going(tmp_path, caplog):
    target = tmp_path / "file"
    target.write_text("")
    log = LogWriter(str(target / "logs"), LOG, version="1.0")
    log.append(line("x"))
    assert log.waiting == 1
    assert "cannot be written" in caplog.text


def test_what_is_lost_is_said_at_the_end(tmp_path, capsys):
    target = tmp_path / "file"
    target.write_text("")
    log = LogWriter(str(target / "logs"), LOG, version="1.0")
    log.append(line("x"))
    log.last_words()
    assert "1 records of this process could not be written" in capsys.readouterr().err


def test_a_signal_handler_that_records_while_room_is_made_does_not_lock_up(tmp_path, monkeypatch):
    log = make(tmp_path)
    log.append(line("first"))
    grow = segment.MappedSegment.grow

    def interrupted(self, needed):
        log.append(line("x" * 70_000))
        grow(self, needed)

    monkeypatch.setattr(segment.MappedSegment, "grow", interrupted)
    log.append(line("y" * 70_000))
    monkeypatch.undo()
    log.append(line("last"))
    assert sorted(text[0] for text in texts(tmp_path)) == ["f", "l", "x", "y"]


@pytest.mark.parametrize("sync", ["interval", "always"])
def test_synced_logs_bring_records_to_the_disk(tmp_path, kind, sync, monkeypatch):
    synced = []
    for one in (segment.MappedSegment, segment.PlainSegment):
        monkeypatch.setattr(one, "sync", lambda self: synced.append(self.path))
    monkeypatch.setattr(writer, "_SYNC_EACH", 0.01)
    log = make(tmp_path, sync=sync)
    log.append(line("x"))
    end = time.monotonic() + 10
    while not synced and time.monotonic() < end:
        time.sleep(0.005)
    assert synced
    if sync == "always":
        assert len(synced) == 1
        log.append(line("y"))
        assert len(synced) == 2
    log.abandon()


def test_after_a_failed_sync_the_record_goes_into_a_new_segment(tmp_path, kind, monkeypatch):
    log = make(tmp_path, sync="always")
    run = begun(log)
    sync = segment.PlainSegment.sync if kind == "plain" else segment.MappedSegment.sync
    failing = [OSError(5, "Input/output error")]

    def fail_once(self):
        if failing:
            raise failing.pop()
        sync(self)

    for one in (segment.MappedSegment, segment.PlainSegment):
        monkeypatch.setattr(one, "sync", fail_once)
    log.append(line("x"))
    log.flush()
    assert "x" in texts(tmp_path)
    newest = files.list_segments(tmp_path / "logs")[0][-1]
    records = read_segment(newest.path, newest.log)[0]
    assert newest.number == 1
    assert run.key in [getattr(getattr(one, "created", None), "run", None) for one in records]


def test_a_limit_on_file_size_is_a_refusal_not_a_signal(tmp_path):
    script = f"""
import resource, sys
sys.path.insert(0, {os.getcwd()!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from tests.log.test_writer import make, line
from pathlib import Path
log = make(Path({str(tmp_path)!r}))
for i in range(200):
    log.append(line(str(i) + ":" + "x" * 2000))
print("alive", log.waiting > 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == "alive"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000
    found = [int(text.split(":")[0]) for text in texts(tmp_path)]
    assert found == list(range(len(found)))


def test_created_facts_round_trip(tmp_path):
    log = make(tmp_path)
    run = begun(log)
    [fact] = [one for one in read_logs(tmp_path / "logs") if isinstance(one, TaskRunCreated)]
    assert fact.run == run.key


def test_new_room_that_other_threads_fill_at_once_is_made_again(tmp_path, monkeypatch):
    log = make(tmp_path)
    log.append(line("first"))
    grow = segment.MappedSegment.grow
    rivals = [3]

    def grow_and_lose(self, needed):
        grow(self, needed)
        if rivals[0]:
            rivals[0] -= 1
            frame_of_zeros = self._room - self._map.tell()
            self._map.write(bytes(frame_of_zeros))  # somebody else took all of it

    monkeypatch.setattr(segment.MappedSegment, "grow", grow_and_lose)
    log.append(line("y" * 70_000))
    log.append(line("last"))
    assert log.waiting == 0
    assert rivals == [0]


def test_a_segment_that_repeats_more_than_it_may_hold_still_takes_records(tmp_path, kind):
    log = make(tmp_path, segment_bytes=1 << 20)
    for number in range(3000):
        log.define(TaskDefined(0, f"key-{number}", "n" * 500))
    for number in range(300):
        log.append(line(f"{number}:" + "x" * 5000))
    assert [int(text.split(":")[0]) for text in texts(tmp_path)] == list(range(300))
    assert len(files.list_segments(tmp_path / "logs")[0]) < 20
