"""Moments and durations, for people and for programs."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from flowstone.cli.moments import (
    SECOND,
    iso,
    local,
    local_in_full,
    parse_moment,
    seconds_between,
)
from flowstone.core.durations import duration

AT = int(datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC).timestamp()) * SECOND + 123_456_789


@pytest.fixture(autouse=True)
def five_hours_west(monkeypatch):
    monkeypatch.setenv("TZ", "UTC+5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 µs"),
        (12e-6, "12 µs"),
        (0.000_999_6, "1 ms"),
        (0.45, "450 ms"),
        (0.999_6, "1.0 s"),
        (1.23, "1.2 s"),
        (59.96, "1 m 00 s"),
        (184.4, "3 m 04 s"),
        (3599.7, "1 h 00 m"),
        (7500, "2 h 05 m"),
        (3 * 86400 + 7200, "3 d 02 h"),
        (None, ""),
    ],
)
def test_a_duration_is_written_with_the_unit_that_fits(seconds, text):
    assert duration(seconds) == text


def test_programs_get_iso_8601_in_utc():
    assert iso(AT) == "2026-01-31T12:30:15.123456Z"
    assert iso(None) is None


def test_people_get_local_time_and_the_day_only_if_it_is_another():
    assert local(AT, now=AT + SECOND) == "07:30:15"
    assert local(AT, now=AT + 86400 * SECOND) == "2026-01-31 07:30"
    assert local_in_full(AT) == "2026-01-31 07:30:15.123"
    assert local(None) == local_in_full(None) == ""


@pytest.mark.parametrize(
    ("text", "seconds_ago"),
    [("45s", 45), ("30m", 1800), ("2h", 7200), ("7d", 7 * 86400), ("1 w", 604800), ("1.5h", 5400)],
)
def test_an_age_means_that_long_before_now(text, seconds_ago):
    assert parse_moment(text, now=AT) == AT - seconds_ago * SECOND


def test_a_time_without_a_zone_is_local_and_one_with_a_zone_is_not():
    assert iso(parse_moment("2026-01-31T12:00", now=AT)) == "2026-01-31T17:00:00.000000Z"
    assert iso(parse_moment("2026-01-31T12:00:00Z", now=AT)) == "2026-01-31T12:00:00.000000Z"
    assert iso(parse_moment("2026-01-31", now=AT)) == "2026-01-31T05:00:00.000000Z"


@pytest.mark.parametrize("text", ["yesterday", "5", "5y", "", "-2h"])
def test_what_is_neither_age_nor_time_is_refused(text):
    with pytest.raises(ValueError):
        parse_moment(text, now=AT)


def test_a_run_that_ended_before_it_began_took_no_time():
    assert seconds_between(AT, AT - 5) == 0
    assert seconds_between(AT, None) is None
