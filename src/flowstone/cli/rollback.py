"""`flow-run rollback`: runs the rollback hooks of a flow run whose process died."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from flowstone.cli.command import Arguments, CommandError
from flowstone.cli.home import opened_store
from flowstone.cli.moments import local_in_full
from flowstone.cli.options import add_run
from flowstone.cli.output import plural
from flowstone.cli.terminal import printable
from flowstone.core.ids import id_text
from flowstone.results.file_locks import FileSystemLockManager
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.undo import UndoRow

if TYPE_CHECKING:
    from flowstone.face.undoing import Recalled


def declare_rollback(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `rollback`."""
    add_run(parser, "flow run")
    parser.add_argument(
        "--skip-missing",
        action="store_true",
        help="go on where a hook cannot be imported, without it",
    )


def rollback(arguments: Arguments) -> int:
    """Undo what a dead process left open; return 1 where something could not be undone."""
    with opened_store() as store:
        row = store.find_flow_run(arguments.run)
        place = store.home / "locks"
    locks, key = FileSystemLockManager(place), f"rollback-{id_text(row.id)}"
    if not locks.acquire_lock(key, "rollback", acquire_timeout=0):
        message = f"{_named(row)} is being rolled back just now, by another command."
        raise CommandError(message)
    try:
        with opened_store() as store:  # again: a command that held the lock may have done it
            row = store.find_flow_run(id_text(row.id))
            rows = _open_ones(row, store.transactions(row.id))
            runs = _runs_of(store, rows)
        return _undo(row, rows, runs, skips=arguments.skip_missing)
    finally:
        locks.release_lock(key, "rollback")


def _undo(
    row: FlowRunRow,
    rows: list[UndoRow],
    runs: dict[bytes, FlowRunRow | TaskRunRow],
    *,
    skips: bool,
) -> int:
    undoing = import_module("flowstone.face.undoing")  # by name: it loads what runs tasks
    transactions: list[Recalled] = undoing.recalled(rows, runs)
    missing = [one for transaction in transactions for one in transaction.missing]
    for one in missing:
        print(f"Rollback hook '{one.name}' cannot be run: {one.reason}.", file=sys.stderr)
    if not skips and not all(one.is_lasting for one in missing):
        message = (
            "nothing was rolled back. Run the command where these modules can be imported, or "
            "leave such hooks out with --skip-missing."
        )
        raise CommandError(message)
    errors: int = undoing.undo(transactions)
    done = sum(len(one.on_rollback_hooks) for one in transactions)
    print(
        f"Rolled back {plural(len(transactions), 'transaction')} of {_named(row)}: "
        f"{plural(done, 'hook')} run, {errors} failed, {len(missing)} could not be run."
    )
    return 1 if errors or missing else 0


def _open_ones(row: FlowRunRow, rows: list[UndoRow]) -> list[UndoRow]:
    """Return the transactions that are open. Raises `CommandError` where nothing is to be done."""
    if row.end is None:
        message = (
            f"{_named(row)} is {row.state_name}: the process that runs it rolls back by itself. "
            f"To end it: flowstone flow-run cancel {id_text(row.id)}"
        )
        raise CommandError(message)
    open_ones = [one for one in rows if one.ended is None]
    if open_ones:
        return open_ones
    message = f"{_named(row)} left nothing to roll back."
    if undone := [one.ended for one in rows if one.is_committed is False and one.ended is not None]:
        when = local_in_full(max(undone))
        message += f" {plural(len(undone), 'transaction')} of it rolled back before, at {when}."
    raise CommandError(message)


def _runs_of(store: Store, rows: list[UndoRow]) -> dict[bytes, FlowRunRow | TaskRunRow]:
    """Return the runs that transactions belong to, by their ids."""
    found: dict[bytes, FlowRunRow | TaskRunRow] = {}
    for one in rows:
        if one.task_run is not None:
            found[one.task_run] = store.find_task_run(id_text(one.task_run))
        elif one.flow_run is not None:
            found[one.flow_run] = store.find_flow_run(id_text(one.flow_run))
    return found


def _named(row: FlowRunRow) -> str:
    return f"flow run '{printable(row.name)}' ({id_text(row.id)})"
