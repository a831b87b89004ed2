"""Undoes the transactions that a process left open when it died, by what its log says of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from flowstone.core.ids import id_text
from flowstone.core.transactions import CommitMode, TransactionState
from flowstone.drive.run_logger import FLOW_RUNS, KEYS, TASK_RUNS, RunLogger
from flowstone.engine.transactions import read_value
from flowstone.exceptions import MissingResult
from flowstone.store.rows import FlowRunRow, TaskRunRow
from flowstone.store.undo import UndoRow
from flowstone.transactions import Transaction

_MISSING: Any = object()


class MissingHook(NamedTuple):
    """A rollback hook that cannot be run: its name, why, and whether it never can be."""

    name: str
    reason: str
    is_lasting: bool


class Recalled(Transaction):
    """A staged transaction of another process: its values, its hooks, those inside."""

    def __init__(self, row: UndoRow, run: FlowRunRow | TaskRunRow) -> None:
        self.told = _Counting(row, run)
        super().__init__(commit_mode=CommitMode.LAZY, logger=self.told)
        self.identity = row.id
        self.flow_run_key = row.flow_run
        self.is_noted = True
        self.state = TransactionState.STAGED
        self.missing: list[MissingHook] = []
        self._title = row.title
        self.row = row

    @property
    def title(self) -> str:
        """What messages call it."""
        return self._title

    def recall(self) -> None:
        """Import the hooks and read the values; what cannot be run is in `missing`."""
        for name, entry, folder in self.row.hooks:
            found = _imported(name, entry, folder)
            if isinstance(found, MissingHook):
                self.missing.append(found)
            else:
                self.on_rollback_hooks.append(found)

    def get(self, name: str, default: Any = _MISSING) -> Any:
        """Return a value that was set here or in a transaction around this one.

        Raises `ValueError` where there is none and no default, and `MissingResult` where there was
        one that could not be recorded.
        """
        row = self.row
        if name not in self.values and name in row.values:
            self.values[name] = read_value(row.values[name])
        if name not in self.values and name in row.lost:
            raise MissingResult(
                f"{name!r} was set in the {self.title}, but JSON does not carry such a value, or "
                "it is over 1 MiB, so it is gone with its process. Set text, numbers, lists."
            )
        if name not in self.values and self.parent is not None:
            return self.parent.get(name) if default is _MISSING else self.parent.get(name, default)
        return super().get(name) if default is _MISSING else super().get(name, default)


class _Counting(RunLogger):
    """The logger of the run that a transaction belongs to, which counts the errors."""

    def __init__(self, row: UndoRow, run: FlowRunRow | TaskRunRow) -> None:
        marks: dict[str, Any] = {KEYS: (row.flow_run, row.task_run), "flow_name": run.flow_name}
        if row.flow_run is not None:
            marks["flow_run_id"] = id_text(row.flow_run)
        if isinstance(run, TaskRunRow):
            marks["task_run_id"], marks["task_run_name"] = id_text(run.id), run.name
            marks["flow_run_name"], marks["task_name"] = run.flow_run_name, run.task_name
        else:
            marks["flow_run_name"] = run.name
        super().__init__(TASK_RUNS if isinstance(run, TaskRunRow) else FLOW_RUNS, marks)
        self.errors = 0

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.errors += 1
        super().error(msg, *args, **kwargs)


def recalled(
    rows: Iterable[UndoRow], runs: Mapping[bytes, FlowRunRow | TaskRunRow]
) -> list[Recalled]:
    """Return open transactions, given in the order of staging, as they were.

    `runs` are the task runs and flow runs that they belong to, by their ids. Those inside are the
    `children`. The hooks are imported; `missing` has those that cannot be.
    """
    all_of_them = {row.id: Recalled(row, runs[row.task_run or row.flow_run or b""]) for row in rows}
    for one in all_of_them.values():
        parent = all_of_them.get(one.row.parent or b"")
        if parent is not None:
            one.parent = parent
            parent.children.append(one)
    for one in all_of_them.values():
        one.recall()
    return list(all_of_them.values())


def undo(transactions: Iterable[Recalled]) -> int:
    """Roll back transactions, the last one first; return how many hooks raised an error.

    Each hook is told in its run's log.
    """
    them = list(transactions)
    for one in reversed(them):
        if one.parent is None:
            one.rollback()
    return sum(one.told.errors for one in them)


def _imported(name: str, entry: str | None, folder: str | None) -> Callable[..., Any] | MissingHook:
    if entry is None:
        reason = "it is a lambda, a partial, or a function or method of something in memory"
        return MissingHook(name, reason, is_lasting=True)
    for place in (folder, os.getcwd()):
        if place is not None and place not in sys.path:
            sys.path.append(place)
    module, _, qualified = entry.partition(":")
    try:
        found: Any = import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a module does when it is imported
        reason = f"{entry} cannot be imported ({type(error).__name__}: {error})"
        return MissingHook(name, reason, is_lasting=False)
    if not callable(found):
        return MissingHook(name, f"{entry} is no function any more", is_lasting=False)
    hook: Callable[..., Any] = found
    return hook
