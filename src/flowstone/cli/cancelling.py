"""`cancel` for flow runs and task runs: asks, and waits for the end where that is wanted."""

from __future__ import annotations

import argparse
import math
import os
import pwd
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from flowstone.cli.command import Arguments, CommandError
from flowstone.cli.home import opened_store
from flowstone.cli.options import add_run
from flowstone.cli.terminal import cut, printable
from flowstone.core.durations import duration
from flowstone.core.ids import id_text
from flowstone.exceptions import ServerUnreachable
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow, TaskRunRow

_EACH = 0.2
"""Seconds between two looks at a run that is waited for."""


class Kind(NamedTuple):
    """What kind of run: its noun, the command family, and how one is found by its id or name."""

    noun: str
    family: str
    find: Callable[[Store, str], FlowRunRow | TaskRunRow]


FLOW_RUN = Kind("flow run", "flow-run", lambda store, text: store.find_flow_run(text))
TASK_RUN = Kind("task run", "task-run", lambda store, text: store.find_task_run(text))


def declare_cancel(parser: argparse.ArgumentParser, kind: Kind) -> None:
    """Add the arguments of `cancel`."""
    add_run(parser, kind.noun)
    parser.add_argument(
        "--wait",
        action="store_true",
        help=f"wait until the {kind.noun} has ended; exit code 1 if it is not Cancelled",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        help="as --wait, but at most so long; the request stays",
    )


def cancel(arguments: Arguments, kind: Kind) -> int:
    """Ask for a run to be cancelled, and say what comes of it."""
    with opened_store() as store:
        row = kind.find(store, arguments.run)
        try:
            is_over = store.cancel(row, f"Asked for by {_user()} with '{_command(kind)}'.")
        except ServerUnreachable:
            raise
        except OSError as error:
            message = f"the request could not be left in {store.home / 'logs'}: {error}."
            raise CommandError(message) from error
        what = f"{kind.noun} '{printable(row.name)}'"
        if is_over:
            print(f"Cancelled {what} ({id_text(row.id)}). The process that ran it is dead.")
        elif arguments.wait or arguments.timeout is not None:
            return _wait(kind, row, arguments.timeout)
        else:
            print(
                f"Asked the process that runs {what} ({id_text(row.id)}) to cancel it.\n"
                f"See what comes of it: {_inspect(kind, row)}"
            )
    return 0


def _wait(kind: Kind, row: FlowRunRow | TaskRunRow, timeout: float | None) -> int:
    """Return the exit code when the run has ended. Raises `CommandError` if not as Cancelled."""
    what = f"{kind.noun} '{printable(row.name)}'"
    began = time.monotonic()
    try:
        while row.end is None:
            waited = time.monotonic() - began
            if timeout is not None and waited > timeout:
                message = (
                    f"{what} has not ended within {duration(timeout)}: it is {row.state_name}. "
                    f"The request stays; see what comes of it: {_inspect(kind, row)}"
                )
                raise CommandError(message)
            _show(f"Waiting for {what} to end: {row.state_name}, {waited:.0f} s")
            time.sleep(_EACH)
            with opened_store() as now:
                row = kind.find(now, id_text(row.id))
    except KeyboardInterrupt:
        _show("")
        print(f"The request stays: {what} will be cancelled all the same.", file=sys.stderr)
        raise
    finally:
        _show("")
    if row.state_type != "CANCELLED":
        reason = f": {printable(row.message)}" if row.message else ""
        message = f"{what} was not cancelled: it ended as {row.state_name}{reason}"
        raise CommandError(message)
    print(f"Cancelled {what} ({id_text(row.id)}), {duration(time.monotonic() - began)} later.")
    return 0


def _show(text: str) -> None:
    """Show one line in the place of the one before, where there is a terminal to do so."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        print(f"\r\x1b[2K{cut(text, columns - 1)}", end="", file=sys.stderr, flush=True)


def _command(kind: Kind) -> str:
    return f"flowstone {kind.family} cancel"


def _inspect(kind: Kind, row: FlowRunRow | TaskRunRow) -> str:
    return f"flowstone {kind.family} inspect {id_text(row.id)}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in containers a user need not have a name
        return f"user {os.getuid()}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        message = f"{text!r} is no number of seconds"
        raise argparse.ArgumentTypeError(message)
    return seconds
