"""Builds logs as a process would have left them: segment files out of records."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

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
from flowstone.log.files import segment_name
from flowstone.log.frames import frame, seed_of
from flowstone.log.machine import boot_id
from flowstone.log.records import Header

SECOND = 1_000_000_000
START = 1_760_000_000 * SECOND
DEAD_PID = 2**22 + 7
_encode = msgspec.msgpack.encode


class LogBuilder:
    """One log of an invented process, which is dead unless `hold` is called."""

    def __init__(self, home: Path, *, boot: str | None = None, seed: bytes | None = None) -> None:
        self.home = home
        self.ids = IdSource(seed or os.urandom(9))
        self.clock = START
        self.id = self.ids.new(START)
        self.boot = boot_id() if boot is None else boot
        self.base = 0
        self.number = -1
        self.pid, self.process_start = DEAD_PID, 1
        self.version = "0.1.0"
        (home / "logs").mkdir(parents=True, exist_ok=True)
        self._held: list[int] = []

    @property
    def path(self) -> Path:
        return self.path_of(self.number)

    def path_of(self, number: int) -> Path:
        return self.home / "logs" / segment_name(self.id, number)

    def tick(self) -> int:
        self.clock += 1_000_000
        return self.clock

    def header(self, number: int) -> Header:
        return Header(
            1,
            self.id,
            number,
            self.base,
            self.clock,
            self.boot,
            self.pid,
            self.process_start,
            "here",
            "3.11.0",
            self.version,
            None,
            "lock",
        )

    def frame(self, record: Any) -> bytes:
        return frame(_encode(record), seed_of(self.id))

    def segment(self, records: Sequence[Any], *, number: int | None = None) -> Path:
        """Write a further segment whole, as one that a process filled and left."""
        if self.number >= 0:
            self.base += self.path.stat().st_size
        self.number = self.number + 1 if number is None else number
        data = b"".join(self.frame(one) for one in [self.header(self.number), *records])
        self.path.write_bytes(data)
        return self.path

    def add(self, records: Sequence[Any]) -> None:
        """Write records behind those of the newest segment."""
        with self.path.open("ab") as file:
            file.write(b"".join(self.frame(one) for one in records))

    def hold(self) -> None:
        """Hold the newest segment's lock, as its living owner does."""
        fd = os.open(self.path, os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held.append(fd)

    def die(self) -> None:
        """Give up all locks, as the kernel does for a dead process."""
        for fd in self._held:
            os.close(fd)
        self._held = []

    # records ---------------------------------------------------------------------------------

    def definitions(self) -> list[Any]:
        return [TaskDefined(0, "add-12345678", "add"), FlowDefined(0, "main", "1")]

    def flow_run(self, **fields: Any) -> FlowRunCreated:
        at = self.tick()
        given: dict[str, Any] = {
            "run": self.ids.new(at),
            "flow": 0,
            "at": at,
            "running": True,
            "parent_flow_run": None,
            "parent": None,
            "name": f"quick-fox-{at // 1_000_000 % 1000}",
        }
        return FlowRunCreated(**(given | fields))

    def task_run(self, flow_run: bytes | None = None, **fields: Any) -> TaskRunCreated:
        at = self.tick()
        given: dict[str, Any] = {
            "run": self.ids.new(at),
            "task": 0,
            "at": at,
            "running": True,
            "flow_run": flow_run,
            "parent": None,
            "name": "add-0",
        }
        return TaskRunCreated(**(given | fields))

    def completed(self, run: bytes, sequence: int = 2, **fields: Any) -> TaskRunCompleted:
        return TaskRunCompleted(run, sequence, self.tick(), **fields)

    def task_changed(
        self, run: bytes, sequence: int, kind: int, name: str | None = None, **fields: Any
    ) -> TaskRunChanged:
        return TaskRunChanged(run, sequence, kind, name, self.tick(), **fields)

    def flow_changed(
        self, run: bytes, sequence: int, kind: int, name: str | None = None, **fields: Any
    ) -> FlowRunChanged:
        return FlowRunChanged(run, sequence, kind, name, self.tick(), **fields)

    def inputs(self, run: bytes, *upstream: tuple[str, bytes]) -> InputsFound:
        return InputsFound(run, upstream)

    def line(self, message: str, **fields: Any) -> LineLogged:
        given: dict[str, Any] = {
            "flow_run": None,
            "task_run": None,
            "at": self.tick(),
            "level": 20,
            "logger": "flowstone.task_runs",
            "message": message,
        }
        return LineLogged(**(given | fields))

    def story(self, tasks: int = 3) -> list[Any]:
        """Return the records of one flow run whose task runs completed, the flow run too."""
        flow_run = self.flow_run()
        records: list[Any] = [*self.definitions(), flow_run]
        for index in range(tasks):
            created = self.task_run(flow_run.run, name=f"add-{index}")
            records += [created, self.completed(created.run)]
        return [*records, self.flow_changed(flow_run.run, 2, 3)]
