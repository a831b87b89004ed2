"""What the home page shows, in one answer."""

from __future__ import annotations

import msgspec

from flowstone.server.wire.definitions import RunsSummed
from flowstone.server.wire.kinds import Seconds, Time, seconds
from flowstone.server.wire.runs import FlowRunItem, StateRuns, state_runs
from flowstone.server.wire.times import time_text
from flowstone.store.reading.rollups import Bucket


class HistoryBucket(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the runs that were created from `start` on are in each state now."""

    start: Time
    states: tuple[StateRuns, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Runs by the time of their creation: together, and by buckets; empty ones are left out.

    `open` are those that are not over now, whenever they were created.
    """

    states: tuple[StateRuns, ...]
    open: tuple[StateRuns, ...]
    buckets: list[HistoryBucket]


class TaskSummed(RunsSummed, frozen=True, kw_only=True):
    """How the runs of one task went."""

    task: str


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """How long the task runs of one bucket waited from their creation to their start."""

    start: Time
    p50_seconds: Seconds
    p95_seconds: Seconds
    p99_seconds: Seconds


class MinuteRuns(msgspec.Struct, frozen=True, kw_only=True):
    """How many task runs were created in one minute; minutes without any are left out."""

    start: Time
    runs: int


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, what failed and nobody looked at, how it went; from `since` until `until`.

    `running` and `failures` hold ten each at most; `has_more_failures` tells that there are more.
    `tasks` are the twenty with the most runs.
    """

    since: Time
    until: Time
    bucket_seconds: Seconds
    flow_runs: History
    task_runs: History
    running: list[FlowRunItem]
    failures: list[FlowRunItem]
    has_more_failures: bool
    tasks: list[TaskSummed]
    lateness: list[Lateness]
    per_minute: list[MinuteRuns]


def history_bucket(bucket: Bucket) -> HistoryBucket:
    """Return a bucket as it travels."""
    return HistoryBucket(start=time_text(bucket.start), states=state_runs(bucket.states))


def lateness_of(start: int, percentiles: list[int]) -> Lateness:
    """Return the lateness of a bucket as it travels."""
    middle, slow, slowest = (seconds(one) or 0.0 for one in percentiles)
    return Lateness(
        start=time_text(start), p50_seconds=middle, p95_seconds=slow, p99_seconds=slowest
    )
