"""`flowstone doctor`: whether all is well here, and what to do where it is not."""

from __future__ import annotations

import os
import sys
import textwrap
from collections import Counter

from flowstone.cli.command import Arguments, Command
from flowstone.cli.finding import Finding
from flowstone.cli.findings import findings
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_json
from flowstone.cli.terminal import has_colors, printable, width

_COLORS = {"ok": "32", "warning": "33", "problem": "31"}
_MARGIN = 20
_WIDEST = 100


def _examine(arguments: Arguments) -> int:
    counts: Counter[str] = Counter()
    found = []
    for one in findings(os.environ):
        counts[one.level] += 1
        found.append(one)
        if arguments.output != "json":
            _print(one)
            sys.stdout.flush()  # a check may take some seconds
    if arguments.output == "json":
        print_json(found)
    else:
        print(f"\n{_summary(counts)}")
    return 1 if counts["problem"] else 0


def _summary(counts: Counter[str]) -> str:
    wrong = [plural(counts[level], level) for level in ("problem", "warning") if counts[level]]
    return f"Found {' and '.join(wrong)}." if wrong else "All is well."


def _print(one: Finding) -> None:
    level = one.level.ljust(9)
    if has_colors(os.environ):
        level = f"\x1b[{_COLORS[one.level]}m{level}\x1b[0m"
    lines = _wrapped(one.text)
    if one.advice:
        lines += [
            f"→ {line}" if not i else f"  {line}" for i, line in enumerate(_wrapped(one.advice))
        ]
    for number, line in enumerate(lines):
        print(f"{level}{one.check:<11}{line}" if not number else f"{' ' * _MARGIN}{line}")


def _wrapped(text: str) -> list[str]:
    columns = min(width(os.environ) or _WIDEST, _WIDEST) - _MARGIN - 2
    shown = textwrap.wrap(
        printable(text), max(columns, 20), break_on_hyphens=False, break_long_words=False
    )
    return shown or [""]


COMMANDS = Command(
    "Look at versions, settings, home, disk, locks, logs, database, clock and server. Exit code 1 "
    "where something is a problem.",
    "flowstone doctor",
    add_output,
    _examine,
)
