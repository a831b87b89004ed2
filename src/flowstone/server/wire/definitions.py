"""Flows and tasks as they are listed and shown."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.server.wire.kinds import Seconds, Time, seconds
from flowstone.server.wire.runs import FlowRunItem, StateRuns, TaskRunItem, state_runs
from flowstone.server.wire.times import time_text
from flowstone.store.reading.definitions import Definition, Version
from flowstone.store.reading.rollups import Trend, by_day


class VersionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a flow or task. Flows have an entry point, tasks a key."""

    version: str | None
    description: str | None
    tags: tuple[str, ...]
    retries: int
    entrypoint: str | None
    key: str | None


class RunsSummed(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of some time went.

    `failed` are those that Failed or Crashed, `failure_rate` their part of those that ended.
    Durations are known to a tenth. `saved_seconds` is about what kept results spared.
    """

    runs: int
    failed: int
    failure_rate: float | None
    hits: int
    saved_seconds: Seconds
    p50_seconds: Seconds | None
    p95_seconds: Seconds | None
    states: tuple[StateRuns, ...]


class DaySummed(RunsSummed, frozen=True, kw_only=True):
    """How the runs that were created on one day (UTC) went."""

    day: Time


class FlowItem(msgspec.Struct, frozen=True, kw_only=True):
    """A flow: its newest version, its last run, how its runs of the asked time went."""

    name: str
    newest: VersionShown
    versions: int
    last: FlowRunItem | None
    summed: RunsSummed


class TaskItem(msgspec.Struct, frozen=True, kw_only=True):
    """A task: its newest version, its last run, how its runs of the asked time went."""

    name: str
    newest: VersionShown
    versions: int
    last: TaskRunItem | None
    summed: RunsSummed


class FlowPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some flows by name, and the cursor of the next ones."""

    items: list[FlowItem]
    next: str | None


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some tasks by name, and the cursor of the next ones."""

    items: list[TaskItem]
    next: str | None


class FlowShown(FlowItem, frozen=True, kw_only=True):
    """A flow with its versions, the newest first, and its days."""

    all_versions: list[VersionShown]
    days: list[DaySummed]


class TaskShown(TaskItem, frozen=True, kw_only=True):
    """A task with its versions, the newest first, and its days."""

    all_versions: list[VersionShown]
    days: list[DaySummed]


def version_shown(version: Version) -> VersionShown:
    """Return a version as it travels."""
    return VersionShown(
        version=version.version,
        description=version.description,
        tags=version.tags,
        retries=version.retries,
        entrypoint=version.entrypoint,
        key=version.key,
    )


def runs_summed(trend: Trend) -> RunsSummed:
    """Return how runs went, as it travels."""
    return RunsSummed(**sums_of(trend))


def days_summed(definition: Definition) -> list[DaySummed]:
    """Return how the runs of each day went, the oldest first; days without runs are left out."""
    return [
        DaySummed(day=time_text(trend.day), **sums_of(trend))
        for trend in by_day(definition.counted)
    ]


def all_versions(definition: Definition) -> list[VersionShown]:
    """Return the versions, the newest first, 100 at most."""
    return [version_shown(one) for one in definition.versions[::-1][:100]]


def sums_of(trend: Trend) -> dict[str, Any]:
    """Return the fields of `RunsSummed`."""
    return {
        "runs": trend.runs,
        "failed": trend.failed,
        "failure_rate": trend.failed / trend.ended if trend.ended else None,
        "hits": trend.hits,
        "saved_seconds": seconds(trend.saved) or 0.0,
        "p50_seconds": seconds(trend.middle),
        "p95_seconds": seconds(trend.slow),
        "states": state_runs(trend.states),
    }
