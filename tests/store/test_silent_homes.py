"""Logs whose locks prove nothing, as on a network file system: silence judges their owners."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from flowstone.core.facts import TaskRunCreated
from flowstone.core.states import COMPLETED
from flowstone.log import machine
from flowstone.log.files import list_segments
from flowstone.log.records import Header
from flowstone.log.writer import LogWriter
from flowstone.store.collector import collect
from flowstone.store.database import logs_path
from flowstone.store.queries import open_store
from tests.store.contents import contents
from tests.store.segments import LogBuilder


class LeasedLog(LogBuilder):
    """A log whose owner could not lock it for everybody."""

    def header(self, number: int) -> Header:
        return msgspec.structs.replace(super().header(number), judged="lease")

    def age(self, seconds: float) -> None:
        """Let the last sign of life be so long ago."""
        then = time.time() - seconds
        os.utime(self.path, (then, then))


@pytest.fixture
def log(home: Path) -> LeasedLog:
    return LeasedLog(home)


def states(home: Path) -> list[str]:
    with open_store(home) as store:
        return [row.state_name for row in [*store.flow_runs(), *store.task_runs()]]


@pytest.mark.parametrize("is_locked", [True, False])
def test_an_owner_without_a_sign_of_life_is_taken_for_dead_until_it_gives_one(
    home: Path, log: LeasedLog, is_locked: bool
):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task])
    if is_locked:
        log.hold()
    log.age(20)
    assert states(home) == ["Running", "Running"]
    log.age(40)
    assert states(home) == ["Crashed", "Crashed"]
    contents(home)
    assert states(home) == ["Crashed", "Crashed"]
    log.age(0)
    assert states(home) == ["Running", "Running"]
    contents(home)
    log.add([log.completed(task.run), log.flow_changed(flow.run, 2, COMPLETED)])
    assert states(home) == ["Completed", "Completed"]
    assert log.path.exists()  # who is only silent may come back


def test_a_record_of_an_owner_that_was_taken_for_dead_is_a_sign_of_life(home: Path, log: LeasedLog):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.age(40)
    assert states(home) == ["Crashed"]
    log.add([log.task_run(flow.run)])
    assert states(home) == ["Running", "Running"]
    contents(home)


def test_a_log_that_is_silent_and_judged_is_not_judged_again(home: Path, log: LeasedLog):
    log.segment([*log.definitions(), log.flow_run()])
    log.age(40)
    collect(home)
    before = os.stat(home / "flowstone.db").st_mtime_ns
    collect(home)
    assert os.stat(home / "flowstone.db").st_mtime_ns == before


def test_a_clock_that_is_hours_off_makes_no_difference(home: Path, log: LeasedLog):
    log.clock -= 9 * 3600 * 10**9
    log.segment([*log.definitions(), log.flow_run()])
    assert states(home) == ["Running"]


def test_an_owner_on_a_network_file_system_renews_its_lease_while_runs_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Run:
        key = b"r" * 16

        def carried(self) -> TaskRunCreated:
            return TaskRunCreated(self.key, 0, 1, True, None, None, "run")

    monkeypatch.setattr(machine, "mount_of", lambda path: ("nfs4", False))
    log = LogWriter(logs_path(tmp_path), b"l" * 16, version="1")
    run = Run()
    log.opened(run, run.carried())
    (segment,) = list_segments(logs_path(tmp_path))[0]
    os.utime(segment.path, (1, 1))
    log.renew()
    assert os.stat(segment.path).st_mtime > time.time() - 100
    log.closed(run, run.carried())
    os.utime(segment.path, (1, 1))
    log.renew()
    assert os.stat(segment.path).st_mtime == 1
