"""The log lines of a run, as text or JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from flowstone.cli.command import Arguments
from flowstone.cli.moments import iso, local_in_full
from flowstone.cli.options import line_choice
from flowstone.cli.output import print_json
from flowstone.cli.terminal import printable
from flowstone.core.ids import id_text
from flowstone.store.queries import Store
from flowstone.store.rows import LineRow


def show_lines(
    store: Store,
    arguments: Arguments,
    *,
    what: str,
    flow_run: bytes | None = None,
    task_run: bytes | None = None,
) -> None:
    """Print the lines of a run that the arguments ask for."""
    limit, is_tail = line_choice(arguments)
    found: Iterable[LineRow] = store.lines(
        flow_run=flow_run, task_run=task_run, level=arguments.level, limit=limit, tail=is_tail
    )
    if arguments.reverse:
        found = reversed(list(found))
    if arguments.output == "json":
        print_json([line_object(line) for line in found])
        return
    count = 0
    for count, line in enumerate(found, 1):  # noqa: B007 - counted to know whether any came
        print(line_text(line))
    if not count:
        level = logging.getLevelName(arguments.level)
        above = f" at {level} or above" if arguments.level else ""
        print(f"The {what} has no log lines{above}.", file=sys.stderr)


def line_text(line: LineRow) -> str:
    """Return a line as it is shown."""
    level = logging.getLevelName(line.level)
    message = printable(line.message, keep="\n\t")
    return f"{local_in_full(line.at)} | {level:<7} | {_run_text(line)} - {message}"


def _run_text(line: LineRow) -> str:
    if line.task_run is not None:
        return f"Task run '{printable(line.task_run_name or id_text(line.task_run))}'"
    if line.flow_run is not None:
        return f"Flow run '{printable(line.flow_run_name or id_text(line.flow_run))}'"
    return line.logger


def line_object(line: LineRow) -> dict[str, object]:
    """Return a line as JSON has it."""
    return {
        "time": iso(line.at),
        "level": line.level,
        "level_name": logging.getLevelName(line.level),
        "logger": line.logger,
        "message": line.message,
        "flow_run_id": None if line.flow_run is None else id_text(line.flow_run),
        "task_run_id": None if line.task_run is None else id_text(line.task_run),
    }
