"""Moments as text: ISO 8601 in UTC for programs, local time for people."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def iso(at: int | None) -> str | None:
    """Return a moment (nanoseconds since 1970) as ISO 8601 in UTC, with microseconds."""
    if at is None:
        return None
    seconds, rest = divmod(at, SECOND)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest // 1000:06d}Z"


def local(at: int | None, *, now: int | None = None) -> str:
    """Return a moment as a local time to look at: the hour if it was today, else the day too."""
    if at is None:
        return ""
    then = time.localtime(at // SECOND)
    today = time.localtime((time.time_ns() if now is None else now) // SECOND)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", then)


def local_in_full(at: int | None) -> str:
    """Return a moment as a local date and time with milliseconds."""
    if at is None:
        return ""
    seconds, rest = divmod(at, SECOND)
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return f"{text}.{rest // 1_000_000:03d}"


def seconds_between(start: int | None, end: int | None) -> float | None:
    """Return how long it took, or None where one of the two is not known."""
    return None if start is None or end is None else max(0, end - start) / SECOND


def parse_moment(text: str, *, now: int) -> int:
    """Return the moment that `30m`, `2h`, `7d` (before now) or an ISO time means.

    A time without a zone is local. Raises `ValueError` where the text is neither.
    """
    if age := _AGE.fullmatch(text.strip().lower()):
        back = timedelta(**{_UNITS[age[2]]: float(age[1])})
        return now - int(back / timedelta(microseconds=1)) * 1000
    moment = datetime.fromisoformat(text).astimezone(UTC)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since_epoch // timedelta(microseconds=1) * 1000
