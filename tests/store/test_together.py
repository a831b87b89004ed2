"""Several collectors at once, and collectors that are killed: each log is applied exactly once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flowstone.store.collector import collect
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from tests.store.contents import contents
from tests.store.segments import LogBuilder

_COLLECT = """
import sys, pathlib
from flowstone.store.collector import collect
print("ready", flush=True)
sys.stdin.readline()
found = collect(pathlib.Path(sys.argv[1]))
sys.exit(0 if found.as_of is None else 3)
"""


def collector(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(20)


def many_logs(home: Path, logs: int = 6, tasks: int = 1500) -> None:
    for _ in range(logs):
        log = LogBuilder(home)
        log.segment(log.story(tasks)[:-1])
        log.segment([*log.definitions(), *log.story(50)])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[object]]]:
    """Give a home with logs that nobody has collected, and what they come to."""
    source = tmp_path_factory.mktemp("source")
    many_logs(source)
    plain = tmp_path_factory.mktemp("plain")
    shutil.copytree(source, plain, dirs_exist_ok=True)
    collect(plain)
    return source, contents(plain)


def test_collectors_at_once_apply_each_log_exactly_once(
    home: Path, expected: tuple[Path, dict[str, list[object]]]
):
    source, contents_expected = expected
    shutil.copytree(source, home, dirs_exist_ok=True)
    processes = [collector(home) for _ in range(3)]
    for one in processes:
        start(one)
    with open_store(home) as store:
        assert store.as_of is None
        assert len(store.task_runs(RunFilter(), 0)) == 6 * 1550
    assert [end(one) for one in processes] == [0, 0, 0]
    assert contents(home) == contents_expected
    assert list((home / "logs").iterdir()) == []


def test_a_killed_collector_leaves_nothing_half_done(
    home: Path, expected: tuple[Path, dict[str, list[object]]]
):
    source, contents_expected = expected
    for _ in range(5):
        shutil.rmtree(home)
        shutil.copytree(source, home)
        for _ in range(3):
            process = collector(home)
            start(process)
            time.sleep(random.random() * 0.15)
            os.kill(process.pid, signal.SIGKILL)
            end(process)
        assert collect(home).as_of is None
        assert contents(home) == contents_expected
        assert list((home / "logs").iterdir()) == []


def test_threads_of_one_process_collect_as_processes_do(
    home: Path, expected: tuple[Path, dict[str, list[object]]]
):
    source, contents_expected = expected
    shutil.copytree(source, home, dirs_exist_ok=True)
    found: list[int | None] = []
    threads = [threading.Thread(target=lambda: found.append(collect(home).as_of)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [None] * 3
    assert contents(home) == contents_expected


def test_a_reader_reaches_its_target_while_the_log_grows(home: Path, log: LogBuilder):
    log.segment(log.story(200))
    log.hold()
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.001):
            log.add([log.line("more")] * 20)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(5):
            begun = time.monotonic()
            with open_store(home) as store:
                assert store.as_of is None
                assert len(store.flow_runs()) == 1
            assert time.monotonic() - begun < 2
    finally:
        stop.set()
        thread.join()
