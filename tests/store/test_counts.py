"""The roll-ups of durations and lateness: each count equals the rows, whatever happened to them."""

from __future__ import annotations

from collections import Counter

import pytest

from flowstone.core.states import COMPLETED, FAILED
from flowstone.store.buckets import OPEN, bucket_of, middle_of, percentiles, took
from flowstone.store.databases import Database
from flowstone.store.marking import set_state
from flowstone.store.reading.rollups import DAY
from tests.server.stories import Story, mixed

_RUNS = """
    SELECT coalesce({kind}, 0), created, started,
        CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END, shown
    FROM {kind}_run"""


def assert_counts_equal_rows(database: Database) -> None:
    with database.store() as store:
        for kind in ("task", "flow"):
            expected: Counter[tuple[int, ...]] = Counter()
            late: Counter[tuple[int, ...]] = Counter()
            for ref, created, started, ended, shown in store.connection.execute(
                _RUNS.format(kind=kind)
            ).fetchall():
                expected[ref, created // DAY, shown, took(started, ended)] += 1
                if started is not None:
                    late[created // (DAY // 24), bucket_of(started - created)] += 1
            found = store.connection.execute(
                f"SELECT {kind}, day, state, took, runs FROM {kind}_day WHERE runs <> 0"
            )
            assert {(*row[:4],): row[4] for row in found.fetchall()} == dict(expected)
            if kind == "task":
                rows = store.connection.execute("SELECT hour, late, runs FROM late_hour")
                assert {(a, b): runs for a, b, runs in rows.fetchall() if runs} == dict(late)


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


def test_percentiles_are_of_what_ended():
    counts = [(bucket_of(10**9), 90), (bucket_of(10 * 10**9), 10), (OPEN, 1000)]
    middle, slow = percentiles(counts, 0.5, 0.95) or (0, 0)
    assert middle == pytest.approx(1e9, rel=0.1)
    assert slow == pytest.approx(1e10, rel=0.1)
    assert percentiles([(OPEN, 5)], 0.5) is None
