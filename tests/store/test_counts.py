"""The roll-ups of durations and lateness: each count equals the rows, whatever happened to them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstone.core.states import COMPLETED, FAILED
from flowstone.store.buckets import (
    OPEN,
    bucket_of,
    from_blob,
    middle_of,
    packed,
    percentiles,
    to_blob,
    took,
    unpacked,
)
from flowstone.store.counts import Counts
from flowstone.store.databases import Database
from flowstone.store.days import parts_of, stretch_of
from flowstone.store.marking import set_state
from flowstone.store.reading.rollups import DAY, runs_of_each, sums_of_each
from tests.server.stories import Story, mixed

_RUNS = """
    SELECT coalesce({kind}, 0), created, started,
        CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown
    FROM {kind}_run"""


def assert_counts_equal_rows(database: Database) -> None:
    with database.store() as store:
        ask = store.connection.execute
        query = "SELECT ref FROM state WHERE type = ? AND name = 'Cached'"
        hits = [ref for (ref,) in ask(query, (COMPLETED,)).fetchall()]
        for kind in ("task", "flow"):
            runs: Counter[tuple[int, ...]] = Counter()
            ended: Counter[tuple[int, ...]] = Counter()
            late: Counter[tuple[int, ...]] = Counter()
            rows = ask(_RUNS.format(kind=kind)).fetchall()
            for ref, created, begun, end, shown in rows:
                for day in (created // DAY, stretch_of(created // DAY)):
                    runs[day, ref, shown] += 1
                    if took(begun, end) != OPEN and shown not in hits:
                        ended[day, ref, took(begun, end)] += 1
                if begun is not None:
                    late[created // (DAY // 24), bucket_of(begun - created)] += 1
            found = ask(f"SELECT day, {kind}, state, runs FROM {kind}_day WHERE runs <> 0")
            assert {tuple(key): count for *key, count in found.fetchall()} == dict(runs)
            assert stored(ask(f"SELECT day, {kind}, took FROM {kind}_took").fetchall()) == ended
            if kind == "task":
                assert stored(ask("SELECT hour, took FROM late_hour").fetchall()) == late


def stored(rows: list[Any]) -> dict[tuple[int, ...], int]:
    return {
        (*key, bucket): runs for *key, blob in rows for bucket, runs in unpacked(from_blob(blob))
    }


def test_durations_are_counted_as_runs_end_change_crash_and_go(any_database: Database):
    story = mixed(any_database)
    assert_counts_equal_rows(any_database)
    crashed = Story(any_database)
    run = crashed.flow_run("crashed")
    left = crashed.task_run("left", run)
    crashed.told()
    assert_counts_equal_rows(any_database)
    with any_database.transaction() as connection:
        set_state(connection, "flow_run", run, COMPLETED, "Mended", None)
        set_state(connection, "task_run", left, FAILED, None, "by hand")
        set_state(connection, "task_run", story.ids["t-1"], COMPLETED, None, None)
    assert_counts_equal_rows(any_database)
    with any_database.store() as store:
        store.delete_flow_run(story.ids["good-run"])
    assert_counts_equal_rows(any_database)


@pytest.mark.parametrize("seconds", [0, 1e-9, 1e-6, 1.1e-6, 0.001, 0.3, 1, 59.9, 3600, 86400 * 7])
def test_a_duration_is_known_to_a_tenth(seconds: float):
    nanoseconds = round(seconds * 1e9)
    assert middle_of(bucket_of(nanoseconds)) == pytest.approx(nanoseconds, rel=0.1, abs=1000)


def test_percentiles_are_known_to_a_tenth():
    counts = packed(bucket_of(10**9), 90) + packed(bucket_of(10 * 10**9), 10)
    middle, slow = percentiles(counts, 0.5, 0.95) or (0, 0)
    assert middle == pytest.approx(1e9, rel=0.1)
    assert slow == pytest.approx(1e10, rel=0.1)
    assert percentiles(0, 0.5) is None


@given(st.dictionaries(st.integers(0, 172), st.integers(1, 2**32 - 1), min_size=1))
def test_durations_that_are_stored_come_back(counts: dict[int, int]):
    number = sum(packed(bucket, runs) for bucket, runs in counts.items())
    blob = to_blob(number)
    assert dict(unpacked(from_blob(blob))) == counts
    gone = min(counts)
    left = from_blob(blob) + packed(gone, -counts[gone])
    assert dict(unpacked(left)) == {bucket: counts[bucket] for bucket in counts if bucket != gone}


@given(st.integers(0, 40_000), st.integers(0, 400))
def test_stretches_and_days_are_each_day_once(first: int, length: int):
    wanted = range(first, first + length)
    parts = parts_of(first, first + length)
    whole = [part for part in parts if part < 0]
    days = Counter(
        day for day in range(first - 20, first + length + 20) if stretch_of(day) in whole
    )
    for day in parts:
        if day >= 0:
            days[day] += 1 if day in wanted else -1
    assert +days == Counter(wanted)
    assert min(days.values(), default=0) >= 0
    assert len(set(parts)) == len(parts) <= 24 + length // 16
    assert sum(day >= 0 and day < wanted.stop for day in parts) <= max(8, min(length, 16))


def test_sums_over_a_time_equal_its_days_wherever_stretches_lie(any_database: Database):
    with any_database.transaction() as connection:
        counts = Counts()
        for day in range(100, 200):
            for _ in range(day % 3 + 1):
                counts.add(b"r" * 16, 1, day * DAY, day * DAY, day * DAY + day * 10**6, COMPLETED)
        counts.write(connection)
    with any_database.store() as store:
        for first, until in ((100, 200), (111, 130), (113, 185), (128, 144), (90, 161), (150, 153)):
            days = range(max(first, 100), min(until, 200))
            span = (first * DAY, until * DAY)
            one = sums_of_each(store.connection, "task", *span, {1: "one"})["one"]
            each = sums_of_each(store.connection, "task", *span, {1: "one"}, by_day=True)["one"]
            runs = sum(day % 3 + 1 for day in days)
            assert sum(part.runs for part in one.parts) == runs
            assert one.took == {0: sum(each.took.values())}
            assert runs_of_each(store.connection, "task", *span) == {1: runs}
