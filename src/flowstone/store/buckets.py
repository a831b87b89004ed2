"""Durations as small numbers, so that they can be counted: four to an octave, from 1 µs on.

What a number stands for is known to a tenth, whatever the duration; that is enough for a median.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

OPEN = -1
"""Stands for the duration of what has not ended, or did not start."""
_STEP = 2**0.25
_HALF_STEP: float = 2**0.125
_COUNT = 172  # up to 90 days


def _borders() -> list[int]:
    found, border = [], 1000.0
    for _ in range(_COUNT):
        found.append(int(border))
        border *= _STEP
    return found


_BORDERS = _borders()


def bucket_of(nanoseconds: int) -> int:
    """Return the number of a duration."""
    return bisect_right(_BORDERS, nanoseconds)


def took(started: int | None, ended: int | None) -> int:
    """Return the number of the time between, `OPEN` where either is not known."""
    return OPEN if started is None or ended is None else bisect_right(_BORDERS, ended - started)


def middle_of(bucket: int) -> int:
    """Return a duration (nanoseconds) for a number: the middle of those it stands for."""
    if bucket <= 0:
        return 0
    return round(_BORDERS[min(bucket, _COUNT) - 1] * _HALF_STEP)


def percentiles(counts: Iterable[tuple[int, int]], *parts: float) -> list[int] | None:
    """Return the durations below which parts (0 to 1) of what was counted lie; None of nothing.

    `counts` gives numbers of durations with how many there are of each.
    """
    found: dict[int, int] = {}
    for bucket, runs in counts:
        if bucket != OPEN and runs > 0:
            found[bucket] = found.get(bucket, 0) + runs
    total = sum(found.values())
    if not total:
        return None
    answer = []
    for part in parts:
        left = part * total
        for last in sorted(found):
            left -= found[last]
            if left <= 0:
                break
        answer.append(middle_of(last))
    return answer
