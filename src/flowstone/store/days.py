"""Days as the roll-ups number them: since 1970, and below zero stretches of them, for long sums."""

from __future__ import annotations

_LENGTH = 16


def stretch_of(day: int) -> int:
    """Return the number of the stretch that a day lies in."""
    return -1 - day // _LENGTH


def parts_of(first: int, until: int) -> list[int]:
    """Return the stretches and days that together are the days from one to (not with) another."""
    found, day = [], first
    while day < until:
        is_stretch = day % _LENGTH == 0 and day + _LENGTH <= until
        found.append(stretch_of(day) if is_stretch else day)
        day += _LENGTH if is_stretch else 1
    return found
