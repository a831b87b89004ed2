"""Durations as small numbers, so that they can be counted: four to an octave, from 1 µs on.

What a number stands for is known to a tenth, whatever the duration; that is enough for a median.
How many there are of each is kept as one large number, four bytes a count: two of them are added up
as one, and a stored one has the bytes that are not zero behind the number of the first of them.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

OPEN = -1
"""Stands for the duration of what has not ended, or did not start."""
_STEP = 2**0.25
_HALF_STEP: float = 2**0.125
_COUNT = 172  # up to 90 days
_BYTES = 4
_BITS = 8 * _BYTES


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


def packed(bucket: int, runs: int) -> int:
    """Return so many (or with a minus so many fewer) of one duration as a number to add up."""
    return runs << (_BITS * bucket)


def unpacked(counts: int) -> Iterator[tuple[int, int]]:
    """Give the numbers of the durations that were counted, with how many there are of each."""
    for bucket, runs in enumerate(_lanes(counts)):
        if runs:
            yield bucket, runs


def to_blob(counts: int) -> bytes:
    """Return counts, of which there are some, as they are stored."""
    first = ((counts & -counts).bit_length() - 1) // _BITS
    counts >>= _BITS * first
    return bytes([first]) + counts.to_bytes((counts.bit_length() + 7) // 8, "little")


def from_blob(blob: bytes) -> int:
    """Return counts that were stored."""
    return int.from_bytes(blob[1:], "little") << (_BITS * blob[0])


def percentiles(counts: int, *parts: float) -> list[int] | None:
    """Return the durations below which parts (0 to 1) of what was counted lie; None of nothing."""
    if not counts:
        return None
    summed = list(accumulate(_lanes(counts)))
    return [middle_of(bisect_left(summed, part * summed[-1])) for part in parts]


def _lanes(counts: int) -> tuple[int, ...]:
    """Return how many there are of each duration, by its number."""
    size = -(-counts.bit_length() // _BITS)
    return struct.unpack(f"<{size}I", counts.to_bytes(size * _BYTES, "little"))
