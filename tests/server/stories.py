"""Runs in a database, as processes would have left them there, for the routes to show."""

from __future__ import annotations

from typing import Any

from flowstone.core.facts import ResultNoted, TaskDefined
from flowstone.core.ids import id_text
from flowstone.core.states import CANCELLED, COMPLETED, FAILED, PENDING, RUNNING, SCHEDULED
from flowstone.store.databases import Database
from tests.store.feeding import feed
from tests.store.segments import LogBuilder


class Story:
    """A log of an invented process that is dead, and the names of what is in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.log = LogBuilder(database.home)
        self.records: list[Any] = [*self.log.definitions(), TaskDefined(1, "mul-1", "mul")]
        self.ids: dict[str, bytes] = {}
        self.flows: set[bytes] = set()
        self.number = 0

    def flow_run(self, name: str, **fields: Any) -> bytes:
        made = self.log.flow_run(name=name, **fields)
        self.records.append(made)
        self.flows.add(made.run)
        self.ids[name] = made.run
        return made.run

    def task_run(self, name: str, flow_run: bytes | None = None, **fields: Any) -> bytes:
        made = self.log.task_run(flow_run, name=name, **fields)
        self.records.append(made)
        self.ids[name] = made.run
        return made.run

    def ends(self, run: bytes, kind: int = COMPLETED, name: str | None = None, **more: Any) -> None:
        changed = self.log.flow_changed if self._is_flow(run) else self.log.task_changed
        self.records.append(changed(run, more.pop("sequence", 2), kind, name, **more))

    def add(self, *records: Any) -> None:
        self.records += records

    def told(self, *, is_alive: bool = False) -> Story:
        """Bring what was told so far into the database; dead processes crash what is open."""
        if self.number == 0:
            self.log.segment(self.records)
        else:
            self.log.add(self.records)
        self.number += 1
        self.records = []
        if is_alive:
            self.log.hold()
        feed(self.database)
        return self

    def id(self, name: str) -> str:
        return id_text(self.ids[name])

    def _is_flow(self, run: bytes) -> bool:
        return run in self.flows


def mixed(database: Database) -> Story:
    """Flow runs that ended, one of them called by another, and task runs in several states."""
    story = Story(database)
    good = story.flow_run("good-run", parameters='{"x":1,"day":"2026-01-31"}')
    bad = story.flow_run("bad-run", tags=("nightly",))
    inner = story.flow_run("inner-run", parent_flow_run=bad, tags=("nightly", "sub"))
    for index in range(10):
        flow = (good, bad)[index % 2]
        tags = (("even",) if index % 2 == 0 else ("odd",)) + (("third",) if index % 3 == 0 else ())
        run = story.task_run(f"t-{index}", flow, task=int(index % 3 == 0), tags=tags)
        if index in (1, 7):
            story.ends(run, FAILED, message="Task run encountered an exception: ValueError: no")
        elif index == 3:
            story.ends(run, FAILED, "TimedOut")
        elif index == 4:
            story.ends(run, COMPLETED, "Cached")
            story.add(ResultNoted(run, story.log.clock, "/there", "key-4", True, True, 1.5, None))
        else:
            story.ends(run)
    ids = story.ids
    story.add(
        story.log.inputs(ids["t-2"], ("x", ids["t-0"])),
        story.log.inputs(ids["t-4"], ("x", ids["t-2"]), ("y", ids["t-0"])),
    )
    retried = story.task_run("retried", good)
    story.ends(retried, SCHEDULED, "AwaitingRetry", message="no luck")
    story.ends(retried, RUNNING, "Retrying", sequence=3)
    story.ends(retried, COMPLETED, sequence=4)
    waits = story.task_run("waits", bad, running=False)
    story.ends(waits, PENDING, "NotReady", sequence=1)
    story.task_run("alone")
    story.ends(story.ids["alone"])
    story.ends(inner)
    story.ends(good)
    story.ends(bad, FAILED, message="Flow run encountered an exception: ValueError: no")
    stopped = story.flow_run("stopped-run")
    story.ends(stopped, CANCELLED)
    return story.told()
