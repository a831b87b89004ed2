"""The control file: what others ask of a process, and the thread that looks at it."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from flowstone.drive.control import Watcher
from flowstone.log.control import CancelAsked, ask, control_path, read_requests, size_of
from flowstone.log.files import list_segments
from flowstone.log.frames import frame, seed_of

LOG = b"\x01" * 16
RUN, OTHER = b"\x02" * 16, b"\x03" * 16
PAGE = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text()


class Asked(list[tuple[bytes, str]]):
    """What a watcher handed on; raises for the runs that it is told to."""

    def __init__(self, *broken: bytes) -> None:
        self.broken = broken

    def __call__(self, run: bytes, message: str) -> bool:
        self.append((run, message))
        if run in self.broken:
            raise RuntimeError("no")
        return True


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def watcher(tmp_path, asked) -> Watcher:
    return Watcher(str(tmp_path), LOG, asked)


@pytest.fixture
def put(tmp_path):
    """Appends bytes to the control file."""

    def append(data: bytes) -> None:
        with open(control_path(str(tmp_path), LOG), "ab") as file:
            file.write(data)

    return append


def request(run: bytes = RUN, message: str = "by ann") -> CancelAsked:
    return CancelAsked(run, 5, message)


def framed(one: object, log: bytes = LOG) -> bytes:
    return frame(msgspec.msgpack.encode(one), seed_of(log))


def test_a_request_is_read_as_it_was_asked(tmp_path):
    assert size_of(str(tmp_path), LOG) == 0
    assert read_requests(str(tmp_path), LOG, 0).found == []
    ask(str(tmp_path), LOG, request())
    path = Path(control_path(str(tmp_path), LOG))
    assert path.read_bytes() == framed(request())
    assert path.stat().st_mode & 0o777 == 0o600
    first = read_requests(str(tmp_path), LOG, 0)
    assert (first.found, first.next) == ([request()], size_of(str(tmp_path), LOG))
    assert read_requests(str(tmp_path), LOG, first.next).found == []


def test_a_message_that_no_text_can_carry_is_asked_escaped(tmp_path):
    ask(str(tmp_path), LOG, request(message="by \udcff\0"))
    (found,) = read_requests(str(tmp_path), LOG, 0).found
    assert found.message == "by \\udcff\\x00"


def test_many_who_ask_at_once_do_not_mix(tmp_path):
    def asks(number: int) -> None:
        for at in range(50):
            ask(str(tmp_path), LOG, CancelAsked(RUN, at, f"{number} " * (at * 40)))

    threads = [threading.Thread(target=asks, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    requests = read_requests(str(tmp_path), LOG, 0)
    assert (len(requests.found), requests.damages, requests.tail) == (400, [], "")


def test_a_control_file_is_neither_a_segment_nor_foreign(tmp_path):
    ask(str(tmp_path), LOG, request())
    assert list_segments(tmp_path) == ([], [])


def test_the_page_documents_the_request():
    section = PAGE.partition("## Control files")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(
        CancelAsked.__struct_fields__
    )
    assert f"Kind {CancelAsked.__struct_config__.tag} asks to cancel" in section


def test_each_request_is_acted_on_once_and_in_order(tmp_path, watcher, asked):
    watcher.look()
    assert asked == []
    ask(str(tmp_path), LOG, request(RUN, "first"))
    ask(str(tmp_path), LOG, request(OTHER, "second"))
    watcher.look()
    watcher.look()
    assert asked == [(RUN, "first"), (OTHER, "second")]
    ask(str(tmp_path), LOG, request(RUN, "third"))
    watcher.look()
    assert asked[2:] == [(RUN, "third")]


def test_a_request_that_is_half_there_is_acted_on_when_it_is_whole(watcher, asked, put, caplog):
    data = framed(request())
    put(data[:-3])
    watcher.look()
    assert asked == []
    put(data[-3:])
    watcher.look()
    assert asked == [(RUN, "by ann")]
    assert caplog.records == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"cancel everything, please",
        b"\xff" * 100,
        framed(request(), log=OTHER),
        framed(["something", "else"]),
        framed([128, RUN]),
    ],
)
def test_what_is_no_request_is_passed_and_told_once(watcher, asked, put, caplog, garbage):
    put(garbage)
    for _ in range(3):
        watcher.look()
    put(framed(request(RUN, "between")))
    watcher.look()
    put(garbage + framed(request(RUN, "after")))
    for _ in range(3):
        watcher.look()
    assert asked == [(RUN, "between"), (RUN, "after")]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{LOG.hex()}.ctl" in record.getMessage()
    assert "at offset 0" in record.getMessage()


def test_a_request_that_fails_does_not_keep_the_next_from_being_heard(tmp_path, caplog):
    asked = Asked(RUN)
    watcher = Watcher(str(tmp_path), LOG, asked)
    ask(str(tmp_path), LOG, request(RUN))
    ask(str(tmp_path), LOG, request(OTHER))
    watcher.look()
    assert [run for run, _ in asked] == [RUN, OTHER]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_file_that_was_removed_and_made_anew_is_read_from_its_beginning(tmp_path, watcher, asked):
    ask(str(tmp_path), LOG, request(RUN, "before, with many words"))
    watcher.look()
    os.unlink(control_path(str(tmp_path), LOG))
    watcher.look()
    ask(str(tmp_path), LOG, request(RUN, "after"))
    watcher.look()
    assert [message for _, message in asked] == ["before, with many words", "after"]


def test_a_file_that_cannot_be_read_is_told_once_and_tried_again(tmp_path, watcher, asked, caplog):
    os.mkdir(control_path(str(tmp_path), LOG))
    for _ in range(3):
        watcher.look()
    (record,) = caplog.records
    assert "could not be read" in record.getMessage()
    os.rmdir(control_path(str(tmp_path), LOG))
    ask(str(tmp_path), LOG, request())
    watcher.look()
    assert asked == [(RUN, "by ann")]


PROGRAM = """
import os, sys, threading, time
from flowstone import flow, task
from flowstone.drive import control
from flowstone.log.control import CancelAsked, ask
from flowstone.wiring.process import PROCESS

heard = threading.Event()

def cancel(log, key, message):
    print(f"{key.hex()} {message} {os.getpid()}", flush=True)
    heard.set()
    return True

control.cancel = cancel

@flow
def waits():
    heard.clear()
    log = PROCESS.log
    ask(log.directory, log.id, CancelAsked(b"r" * 16, 0, sys.argv[1]))
    assert heard.wait(15)
"""


def heard_by(home: Path, program: str) -> list[str]:
    """Return what the watchers of a program were told, a line each."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + program, "please"],
        capture_output=True,
        text=True,
        env={**os.environ, "FLOWSTONE_HOME": str(home)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_process_hears_what_it_is_asked_while_a_run_lasts(tmp_path):
    (line,) = heard_by(tmp_path, "waits()")
    assert line.startswith(f"{(b'r' * 16).hex()} please ")


def test_a_forked_child_hears_what_it_is_asked_itself(tmp_path):
    program = """
waits()
pid = os.fork()
if pid == 0:
    waits()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
waits()
"""
    pids = [line.split()[2] for line in heard_by(tmp_path, program)]
    assert len(pids) == 3
    assert pids[0] == pids[2] != pids[1]


def test_a_log_that_follows_another_in_its_process_is_watched_by_the_same_thread(tmp_path):
    program = """
waits()
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
for _ in range(3):
    PROCESS.restart()
    waits()
assert threads() == before
"""
    if not os.path.isdir("/proc/self/task"):
        program = program.replace('len(os.listdir("/proc/self/task"))', "0")
    assert len(heard_by(tmp_path, program)) == 4


def test_a_process_whose_runs_end_sooner_does_not_load_what_listens(tmp_path):
    program = """
import sys
from flowstone import flow
from flowstone.wiring import starting
starting._UNWATCHED = 60
flow(lambda: None)()
assert "flowstone.drive.control" not in sys.modules
"""
    environ = {**os.environ, "FLOWSTONE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)
