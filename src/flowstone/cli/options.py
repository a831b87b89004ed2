"""The arguments that several commands share, and what their texts mean."""

from __future__ import annotations

import argparse
import time

from flowstone.cli.command import Arguments
from flowstone.cli.moments import parse_moment
from flowstone.settings import level_number

_FEW = 20
"""How many lines a bare `--head` or `--tail` shows."""


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add `-o json`."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="'json' for programs; a table otherwise",
    )


def add_run(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the argument that names a run."""
    text = f"id of the {what}, the start of it, or its name"
    parser.add_argument("run", metavar="RUN", help=text)


def add_line_choices(parser: argparse.ArgumentParser) -> None:
    """Add what chooses among the lines of a run."""
    parser.add_argument(
        "--level", metavar="LEVEL", type=_level, default=0, help="only lines from this level up"
    )
    ends = parser.add_mutually_exclusive_group()
    for flags, text in ((("--head",), "first"), (("-t", "--tail"), "last")):
        ends.add_argument(
            *flags,
            metavar="N",
            type=count,
            nargs="?",
            const=-1,
            help=f"only the {text} N lines ({_FEW} where N is not given)",
        )
    ends.add_argument(
        "-f", "--follow", action="store_true", help="show lines as they come, until the run ends"
    )
    parser.add_argument(
        "-n", "--lines", metavar="N", type=count, help="how many lines; alone: the first N"
    )
    parser.add_argument(
        "-r", "--reverse", action="store_true", help="the newest of those lines first"
    )
    add_output(parser)


def line_choice(arguments: Arguments) -> tuple[int, bool]:
    """Return how many lines are asked for (0: all), and whether they are the last ones."""
    is_tail = arguments.tail is not None
    asked = arguments.tail if is_tail else arguments.head
    if asked is None or asked < 0:
        asked = arguments.lines if arguments.lines is not None else _FEW if asked else 0
    return asked, is_tail


def count(text: str) -> int:
    """Return the whole number of 0 or more that an argument is."""
    if not text.isdecimal():
        message = f"{text!r} is no whole number of 0 or more"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def moment(text: str) -> int:
    """Return the moment (nanoseconds since 1970) that an argument is: so long ago, or a time."""
    try:
        return parse_moment(text, now=time.time_ns())
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 30m, 2h, 7d or 2026-01-31T12:00"
        raise argparse.ArgumentTypeError(message) from error


def _level(text: str) -> int:
    try:
        return level_number(text)
    except KeyError as error:
        message = f"{text!r} is no level; write DEBUG, INFO, WARNING, ERROR, CRITICAL or a number"
        raise argparse.ArgumentTypeError(message) from error
