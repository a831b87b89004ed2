"""Days as the roll-ups number them: since 1970, and below zero stretches of them, for long sums."""

from __future__ import annotations

_LENGTH = 16


def stretch_of(day: int) -> int:
    """Return the number of the stretch that a day lies in."""
    return -1 - day // _LENGTH


def parts_of(first: int, until: int) -> list[int]:
    """Return stretches and days to add up for the days from one to (not with) another.

    Days among them that lie outside are in the stretches too, and to be taken off again.
    """
    if until - first <= _LENGTH:
        return list(range(first, until))
    low = (first + _LENGTH // 2) // _LENGTH
    high = -(-until // _LENGTH)  # most sums end today: the days behind are empty
    stretches = [stretch_of(_LENGTH * number) for number in range(low, high)]
    before, behind = sorted((first, _LENGTH * low)), (until, _LENGTH * high)
    return [*stretches, *range(*before), *range(*behind)]
