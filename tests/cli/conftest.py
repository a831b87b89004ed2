"""A home with runs in it, made by writing the bytes of a log, as any language could."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from flowstone.cli.main import main
from flowstone.core.facts import (
    FlowDefined,
    FlowRunChanged,
    FlowRunCreated,
    InputsFound,
    LineLogged,
    TaskDefined,
    TaskRunChanged,
    TaskRunCompleted,
    TaskRunCreated,
)
from flowstone.core.ids import IdSource
from flowstone.core.states import COMPLETED, FAILED, NOT_READY, PENDING, RUNNING, SCHEDULED
from flowstone.log.files import segment_name
from flowstone.log.frames import frame, seed_of
from flowstone.log.records import FORMAT, Header

BEGIN = 1_785_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND


class Log:
    """A log of a process that is dead by now, and the home that it lies in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.new_id = IdSource(bytes(range(9))).new
        self.id = self.new_id(BEGIN)
        self.records: list[object] = [
            Header(FORMAT, self.id, 1, 0, BEGIN, "", 0, 0, "nowhere", "3.11", "0.1.0", None, "lock")
        ]
        self.flows: dict[str, int] = {}
        self.tasks: dict[str, int] = {}

    def add(self, *records: object) -> None:
        self.records += records

    def flow(self, name: str) -> int:
        if name not in self.flows:
            self.flows[name] = len(self.flows) + 1
            self.add(FlowDefined(self.flows[name], name))
        return self.flows[name]

    def task(self, name: str) -> int:
        if name not in self.tasks:
            self.tasks[name] = len(self.tasks) + 1
            self.add(TaskDefined(self.tasks[name], f"{name}-0a1b2c3d", name))
        return self.tasks[name]

    def flow_run(self, name, flow="etl", *, at=BEGIN, took=SECOND, error=None, **more) -> bytes:
        run = self.new_id(at)
        parent = more.pop("parent_flow_run", None)
        self.add(
            FlowRunCreated(run, self.flow(flow), at, True, parent, None, name, **more),
        )
        if took is not None:
            kind = FAILED if error else COMPLETED
            self.add(FlowRunChanged(run, 2, kind, None, at + took, error))
        return run

    def task_run(self, name, task="add", *, flow_run=None, at=BEGIN, took=MILLISECOND, tags=()):
        run = self.new_id(at)
        self.add(
            TaskRunCreated(run, self.task(task), at, True, flow_run, None, name, tags),
            TaskRunCompleted(run, 2, at + took),
        )
        return run

    def retried_task_run(self, name, task="load", *, flow_run=None, at=BEGIN):
        run = self.new_id(at)
        later = at + 2 * SECOND
        self.add(
            TaskRunCreated(run, self.task(task), at, True, flow_run, None, name),
            TaskRunChanged(run, 2, SCHEDULED, "AwaitingRetry", at + SECOND, None, later),
            TaskRunChanged(run, 3, RUNNING, "Retrying", later),
            TaskRunChanged(run, 4, FAILED, None, later + SECOND, "ValueError: no such day"),
        )
        return run

    def waiting_task_run(self, name, upstream, task="sum", *, flow_run=None, at=BEGIN):
        run = self.new_id(at)
        message = "Upstream task run 'load-0' failed."
        self.add(
            TaskRunCreated(run, self.task(task), at, False, flow_run, None, name),
            InputsFound(run, tuple(upstream)),
            TaskRunChanged(run, 1, PENDING, NOT_READY, at + SECOND, message),
        )
        return run

    def line(self, message, *, flow_run=None, task_run=None, level=20, at=BEGIN) -> None:
        self.add(LineLogged(flow_run, task_run, at, level, "flowstone.runs", message))

    def write(self, *, damage: bool = False) -> Path:
        seed = seed_of(self.id)
        frames = [frame(msgspec.msgpack.encode(record), seed) for record in self.records]
        if damage:
            frames[-2] = frames[-2][:-1] + b"\xff"
        logs = self.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        path = logs / segment_name(self.id, 1)
        path.write_bytes(b"".join(frames))
        return path


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """An empty home, a wide terminal, and none of the variables of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("FLOWSTONE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FLOWSTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def log(home):
    return Log(home)


@pytest.fixture
def cli(capsys):
    """Runs a command; answers with the exit code, what it printed, and what it complained of."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def cli_json(cli):
    """Runs a command with `-o json`, and answers with what it said."""

    def call(*words: str):
        code, out, err = cli(*words, "-o", "json")
        assert (code, err) == (0, "")
        return msgspec.json.decode(out)

    return call
