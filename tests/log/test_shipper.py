"""The thread that sends a log: what it does while the server is there, slow, away, or refuses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowstone.core.facts import LineLogged, TaskRunCreated
from flowstone.core.ids import IdSource, id_text
from flowstone.log import shipper
from flowstone.log.files import list_segments
from flowstone.log.frames import scan, seed_of
from flowstone.log.segment import PlainSegment
from flowstone.log.shipper import Destination, Shipper
from flowstone.log.tail import Tail
from flowstone.log.writer import LogWriter
from tests.log.server import FakeServer

LONG = 15.0


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(params=["mapped", "plain"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr("flowstone.log.writer.MappedSegment", PlainSegment)
    return str(request.param)


class Process:
    """A log and what sends it."""

    def __init__(self, tmp_path: Path, url: str, **fields: object) -> None:
        self.cancelled: list[tuple[bytes, str]] = []
        self.adopted = 0
        self.ids = IdSource(b"0123456789")
        self.log = LogWriter(
            str(tmp_path / "logs"),
            self.ids.new(time.time_ns()),
            version="1",
            destination=url,
            begun=lambda: self.shipper.begin(),  # noqa: PLW0108 - it is made below
            segment_bytes=int(str(fields.pop("segment_bytes", 64 << 20))),
        )
        self.shipper = Shipper(
            self.log.directory,
            self.log.id,
            Destination(url=url, **fields),  # type: ignore[arg-type]
            has_open=lambda: self.log.open_runs(0, 0)[0] > 0,
            cancel=self.cancel,
            adopt=self.adopt,
        )

    def cancel(self, run: bytes, message: str) -> bool:
        self.cancelled.append((run, message))
        return True

    def adopt(self, courier: object) -> None:
        self.adopted += 1

    def say(self, text: str) -> None:
        self.log.append(LineLogged(None, None, time.time_ns(), 20, "test", text))

    def stream(self) -> bytes:
        """Return all that the log holds on the disk."""
        return Tail(self.log.directory, self.log.id, is_over=True).read(0, 1 << 30).data

    def at(self, server: FakeServer) -> bytes:
        return server.logs[id_text(self.log.id)]


@pytest.fixture
def process(tmp_path: Path, server: FakeServer) -> Iterator[Process]:
    one = Process(tmp_path, server.url)
    yield one
    one.log.abandon()
    one.shipper.leave()


class Run:
    """A run that is open."""

    key = b"r" * 16

    def carried(self) -> TaskRunCreated:
        return TaskRunCreated(self.key, 0, 1, True, None, None, "run")


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_recorded_is_at_the_server_when_flush_returns(
    process: Process, server: FakeServer, kind: str
):
    for n in range(500):
        process.say(f"line {n}")
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()
    for n in range(500):
        process.say(f"more {n}")
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()
    assert len(scan(process.at(server), seed_of(process.log.id)).payloads) == 1001


def test_a_log_of_many_segments_is_one_stream_and_the_old_ones_are_deleted(
    tmp_path: Path, server: FakeServer, kind: str
):
    process = Process(tmp_path, server.url, segment_bytes=1 << 20)
    for n in range(6000):
        process.say(f"{n} " + "x" * 500)
    assert process.shipper.flush(LONG)
    found = scan(process.at(server), seed_of(process.log.id))
    assert (found.damages, found.tail) == ([], "")
    segments = list_segments(process.log.directory)[0]
    assert [one.number for one in segments] == [process.log._number]
    assert process.log._number >= 2
    assert any("durable" in flags for _, _, flags in server.requests)
    process.shipper.leave()


def test_only_bytes_that_are_new_are_sent(process: Process, server: FakeServer):
    process.say("one")
    assert process.shipper.flush(LONG)
    process.say("two")
    assert process.shipper.flush(LONG)
    offsets = [offset for offset, length, _ in server.requests if length]
    assert offsets == sorted(set(offsets))
    assert sum(length for _, length, _ in server.requests) == len(process.stream())


def test_a_process_with_open_runs_is_heard_of_though_it_says_nothing(
    process: Process, server: FakeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shipper, "_HEARTBEAT", 0.3)
    run = Run()
    process.log.opened(run, run.carried())
    assert process.shipper.flush(LONG)
    before = len(server.requests)
    until(lambda: len(server.requests) >= before + 3)
    assert {length for _, length, _ in server.requests[before:]} == {0}


def test_without_open_runs_nothing_is_sent(
    process: Process, server: FakeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shipper, "_HEARTBEAT", 0.05)
    process.say("one")
    assert process.shipper.flush(LONG)
    before = len(server.requests)
    assert process.shipper.flush(LONG)
    assert process.shipper.flush(LONG)
    assert len(server.requests) == before


def test_while_the_server_is_away_one_warning_says_so_and_one_line_that_it_is_back(
    process: Process, server: FakeServer, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "flowstone")
    server.trouble = 503
    for n in range(50):
        process.say(f"line {n}")
    assert not process.shipper.flush(1.5)
    assert len(server.requests) >= 2
    assert process.at(server) == b""
    server.trouble = None
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()
    texts = [record.getMessage() for record in caplog.records if record.name == "flowstone"]
    assert len(texts) == 2
    assert "cannot be reached" in texts[0]
    assert process.log.directory in texts[0]
    assert "again" in texts[1]


def test_a_server_that_was_never_there_costs_nothing_but_a_line_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    process = Process(tmp_path, "http://127.0.0.1:9", exit_seconds=0.5)
    process.say("one")
    began = time.monotonic()
    process.shipper.finish()
    assert time.monotonic() - began < 5
    said = capfd.readouterr().err
    assert "flowstone log ship" in said
    assert process.log.directory in said
    assert process.stream()
    process.shipper.leave()


def test_a_wrong_key_is_one_clear_error_and_the_bytes_are_kept(
    process: Process, server: FakeServer, caplog: pytest.LogCaptureFixture
):
    server.trouble = 401
    process.say("one")
    assert not process.shipper.flush(1.2)
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "401" in errors[0]
    server.trouble = None
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()


def test_the_key_goes_along_with_each_request(tmp_path: Path, server: FakeServer):
    process = Process(tmp_path, server.url, key="a-token")
    process.say("one")
    assert process.shipper.flush(LONG)
    assert {one.get("Authorization") for one in server.headers} == {"Bearer a-token"}
    process.shipper.leave()


def test_a_server_that_lost_everything_gets_it_again(process: Process, server: FakeServer):
    for n in range(50):
        process.say(f"line {n}")
    assert process.shipper.flush(LONG)
    server.logs.clear()
    process.say("more")
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()


def test_a_server_that_lost_what_is_not_here_any_more_gets_the_rest_as_a_gap(
    tmp_path: Path, server: FakeServer
):
    process = Process(tmp_path, server.url, segment_bytes=1 << 20)
    for n in range(3000):
        process.say(f"{n} " + "x" * 500)
    assert process.shipper.flush(LONG)
    assert [one.number for one in list_segments(process.log.directory)[0]] != [0]
    whole = process.at(server)
    server.logs.clear()
    process.say("more")
    assert process.shipper.flush(LONG)
    kept = process.at(server)
    assert kept[len(whole) - 2000 : len(whole)] == whole[-2000:]
    assert not any(kept[:1000])
    assert any("gap" in flags for _, _, flags in server.requests)
    process.shipper.leave()


def test_a_server_that_takes_little_at_a_time_gets_it_all(process: Process, server: FakeServer):
    server.most = 700
    for n in range(100):
        process.say(f"line {n}")
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()


def test_a_server_that_is_too_old_for_a_record_is_named_with_the_version_it_needs(
    process: Process,
    server: FakeServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(shipper, "_LONGEST_WAIT", 1.0)
    server.needs, server.most = "9.1", 150
    process.say("one")
    assert not process.shipper.flush(0.7)
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "9.1" in errors[0]
    server.needs, server.most = None, 1 << 40
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()


def test_what_the_server_asks_is_done_once_though_it_asks_again(
    process: Process, server: FakeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shipper, "_HEARTBEAT", 0.05)
    run = Run()
    command = {"kind": "cancel", "run": id_text(run.key), "message": "Asked for by ann."}
    server.commands = [{"kind": "of the future"}, {"kind": "cancel", "run": "no id"}, command]
    process.log.opened(run, run.carried())
    until(lambda: len(server.requests) > 5)
    assert process.cancelled == [(run.key, "Asked for by ann.")]


def test_a_proxy_of_the_environment_is_used_but_for_the_hosts_it_is_not_for(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("http_proxy", server.url)
    process = Process(tmp_path, "http://flows.invalid:4840")
    process.say("one")
    assert process.shipper.flush(LONG)
    assert process.at(server) == process.stream()
    assert {one["Host"] for one in server.headers} == {"flows.invalid:4840"}
    process.shipper.leave()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    process = Process(tmp_path, server.url)
    process.say("two")
    assert process.shipper.flush(LONG)
    process.shipper.leave()


def test_what_dead_processes_left_is_looked_for_once_the_server_answers(process: Process):
    process.say("one")
    until(lambda: process.adopted == 1)


def test_a_log_that_was_left_has_no_thread_any_more(process: Process, server: FakeServer):
    process.say("one")
    process.shipper.leave()
    assert process.shipper.flush(LONG)
    process.say("two")
    assert not process.shipper.flush(0.6)


@pytest.mark.parametrize("threads", [4])
def test_bytes_that_are_written_while_they_are_read_are_whole_frames(
    tmp_path: Path, kind: str, threads: int
):
    log = LogWriter(str(tmp_path / "logs"), b"l" * 16, version="1", segment_bytes=2 << 20)
    stop = threading.Event()

    def write(name: int) -> None:
        n = 0
        while not stop.is_set() and n < 8000:
            n += 1
            log.append(LineLogged(None, None, n, 20, f"{name}", "y" * (n % 400)))

    writers = [threading.Thread(target=write, args=(n,)) for n in range(threads)]
    log.append(LineLogged(None, None, 0, 20, "first", ""))
    tail, data = Tail(log.directory, log.id), b""
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        stretch = tail.read(len(data), 1 << 20)
        found = scan(stretch.data, seed_of(log.id))
        assert found.damages == []
        assert found.stop == len(stretch.data) or len(stretch.data) == 1 << 20
        data += stretch.data[: found.stop]
    stop.set()
    for one in writers:
        one.join()
    data += tail.read(len(data), 1 << 30).data
    lines = [payload for _, payload in scan(data, seed_of(log.id)).payloads if payload[1] == 8]
    assert len(lines) == threads * 8000 + 1


def test_nobody_waits_for_a_thread_that_has_ended(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_args: object) -> Tail:
        raise PermissionError("no")

    monkeypatch.setattr("flowstone.log.tail.Tail", fails)
    process.say("a")
    assert not process.shipper.flush()
    assert "The log of this process is not sent any more" in caplog.text
