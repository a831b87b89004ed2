"""What is known of where the output goes: its width, whether it takes colours, and text for it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping

from flowstone.cli.command import CommandError

_COLORS = {
    "COMPLETED": "32",
    "FAILED": "31",
    "CRASHED": "33",
    "CANCELLED": "2",
    "CANCELLING": "2",
    "RUNNING": "34",
    "PENDING": "35",
    "SCHEDULED": "35",
    "PAUSED": "36",
}


def width(environ: Mapping[str, str]) -> int | None:
    """Return how many columns there are: `COLUMNS`, or those of the terminal; None without one."""
    if environ.get("COLUMNS", "").isdecimal():
        return int(environ["COLUMNS"]) or None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):  # not a terminal; not a file at all
        return None


def has_colors(environ: Mapping[str, str]) -> bool:
    """Whether to colour: only on a terminal that can, and not against `NO_COLOR`."""
    can = sys.stdout.isatty() and environ.get("TERM") != "dumb"
    return can and not environ.get("NO_COLOR")


def paint_state(text: str, state_type: str) -> str:
    """Return the text in the colour of a state type."""
    code = _COLORS.get(state_type)
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def columns_of(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of_one, text))


def cut(text: str, columns: int) -> str:
    """Return the text, its end replaced by … where it takes more than these columns."""
    if columns_of(text) <= columns:
        return text
    taken = 0
    for index, character in enumerate(text):
        taken += _columns_of_one(character)
        if taken >= columns:
            return text[:index] + "…"
    return text


def confirmed(doing: str, question: str) -> bool:
    """Ask somebody at the terminal; only y and yes are a yes.

    Raises `CommandError` where there is none, which says what `doing` needs.
    """
    if not sys.stdin.isatty():
        message = f"{doing} needs a yes, and there is no terminal to ask: pass --yes."
        raise CommandError(message)
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def printable(text: str, keep: str = "") -> str:
    """Return the text with what would steer a terminal escaped, except the characters to keep."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def _columns_of_one(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
