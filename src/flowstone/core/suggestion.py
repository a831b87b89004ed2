"""What somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean …?` for the known word that is nearest to this one, or nothing."""
    nearest = get_close_matches(word, list(known), 1, 0.5)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
