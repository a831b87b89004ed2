"""`logs --follow` and `watch`: what goes on in a run, until it has ended."""

from __future__ import annotations

import argparse
import time

import msgspec

from flowstone.cli.cancelling import FLOW_RUN, Kind
from flowstone.cli.command import Arguments
from flowstone.cli.home import opened_store
from flowstone.cli.lines import line_object, line_text
from flowstone.cli.moments import local_in_full
from flowstone.cli.options import add_run
from flowstone.cli.terminal import printable
from flowstone.core.ids import id_text

_EACH = 0.5
"""Seconds between two looks."""


def follow_lines(arguments: Arguments, kind: Kind) -> int:
    """Print the lines of a run as they come, until it has ended; as JSON one object a line."""
    text, since = arguments.run, None
    while True:
        with opened_store() as store:
            row = kind.find(store, text)
            text, is_over = id_text(row.id), row.end is not None
            runs = {"flow_run" if kind is FLOW_RUN else "task_run": row.id}
            lines, since = store.follow(since, level=arguments.level, **runs)
        for line in lines:
            if arguments.output == "json":
                print(msgspec.json.encode(line_object(line)).decode(), flush=True)
            else:
                print(line_text(line), flush=True)
        if not lines:
            if is_over:
                return 0
            time.sleep(_EACH)


def declare_watch(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `watch`."""
    add_run(parser, "flow run")


def watch(arguments: Arguments) -> int:
    """Print a flow run's state and the counts of its task runs as they change, until it ends."""
    text, before = arguments.run, ""
    while True:
        with opened_store() as store:
            row = store.find_flow_run(text)
            counts = sorted(store.task_counts(row.id).items())
        text = id_text(row.id)
        tasks = ", ".join(f"{number:,} {printable(name)}" for name, number in counts)
        told = f"{printable(row.name)}: {printable(row.state_name)}; task runs: {tasks or 'none'}"
        if told != before:
            print(f"{local_in_full(row.end or time.time_ns())}  {told}", flush=True)
            before = told
        if row.end is not None:
            return 0 if row.state_type == "COMPLETED" else 1
        time.sleep(_EACH)
