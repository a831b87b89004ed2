"""What narrows a list of runs: `--flow`, `--state`, `--tag`, `--since`, `--limit`."""

from __future__ import annotations

import argparse
from importlib import import_module

from flowstone.cli.command import Arguments
from flowstone.cli.options import add_output, count, moment
from flowstone.core.states import NAMES
from flowstone.store.rows import RunFilter

DEFAULT_LIMIT = 20


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add what narrows a list of runs."""
    parser.add_argument("--flow", metavar="NAME", help="only runs of this flow")
    parser.add_argument(
        "--state",
        metavar="STATE",
        action="append",
        default=[],
        help="only runs in this state, by name or type (repeat for any of several)",
    )
    parser.add_argument(
        "--tag",
        metavar="TAG",
        action="append",
        default=[],
        help="only runs with this tag (repeat for all of several)",
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=moment,
        help="only runs begun since then: 30m, 2h, 7d, or a time like 2026-01-31T12:00",
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=count,
        default=DEFAULT_LIMIT,
        help=f"at most this many, the newest; 0 for all (default {DEFAULT_LIMIT})",
    )
    add_output(parser)


def filter_of(arguments: Arguments, *, flow_run: bytes | None = None) -> RunFilter:
    """Return the filter that the arguments of `add_filters` make."""
    return RunFilter(
        flow=arguments.flow,
        flow_run=flow_run,
        task=getattr(arguments, "task", None),
        states=tuple(arguments.state),
        tags=tuple(arguments.tag),
        since=arguments.since,
    )


def is_narrowed(arguments: Arguments) -> bool:
    """Whether a list was narrowed by any argument."""
    names = ("flow", "flow_run", "task", "state", "tag", "since")
    return any(getattr(arguments, name, None) for name in names)


def about_states(arguments: Arguments) -> str:
    """Return what to say of a state asked for that no run has by itself: ` 'x' is no state …`."""
    names = [name for names in NAMES.values() for name in names]
    known = {name.lower() for name in names}
    for state in arguments.state:
        if state.lower() not in known:
            # Loaded on the way to an error only: 2 ms of `difflib` else.
            find = import_module("flowstone.core.suggestion").suggestion
            return f" '{state}' is no state of Flowstone's own.{find(state.capitalize(), names)}"
    return ""
