"""`flowstone cache why`: which part of a run's cache key differs from what was kept before."""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import msgspec

from flowstone.cli.command import Arguments, CommandError
from flowstone.cli.home import opened_store
from flowstone.cli.moments import local_in_full
from flowstone.cli.options import add_output, add_run
from flowstone.cli.output import print_fields, print_json
from flowstone.cli.stored import keeper_at
from flowstone.cli.terminal import printable
from flowstone.core.durations import duration
from flowstone.core.ids import id_text
from flowstone.core.keys import explain
from flowstone.exceptions import ConfigurationError, StorageError
from flowstone.results.records import Header
from flowstone.store.queries import Store
from flowstone.store.results import ResultRow
from flowstone.store.rows import TaskRunRow

_EARLIER = 200
"""So many earlier results of the task are compared."""


class _Near(NamedTuple):
    """An earlier result, and how its key differs, one sentence each."""

    row: ResultRow
    differences: list[str]


def explain_run(arguments: Arguments) -> int:
    """Print why a task run took a result from the cache or did not."""
    with opened_store() as store:
        run = store.find_task_run(arguments.run)
        result = store.result_of(run.id)
        try:
            near = None if result is None else _nearest(store, run, result)
        except (StorageError, ConfigurationError) as error:
            raise CommandError(str(error)) from error
    answer = _answer(run, result, near)
    if arguments.output == "json":
        print_json(_object(run, result, near, answer))
        return 0
    print(f"Task run '{printable(run.name)}' ({id_text(run.id)})\n{answer}")
    if near is not None:
        other = f"{id_text(near.row.run)}, {local_in_full(near.row.at)}"
        print(f"\nCompared with the nearest earlier result (run {other}):")
        for sentence in near.differences:
            print(f"  {printable(sentence)}")
    if result is not None and result.key is not None:
        print()
        print_fields([("Key", result.key), ("Storage", result.place)])
    return 0


def _answer(run: TaskRunRow, result: ResultRow | None, near: _Near | None) -> str:
    if result is None and run.end is None:
        return f"It has not ended: it is {run.state_name}. Ask again when it has."
    if result is None:
        return (
            "It neither looked for a result nor kept one: its task has no cache_policy, or "
            "caching was off. 'flowstone config view' shows the settings."
        )
    if result.is_hit:
        saved = f", which took {duration(result.seconds)} to make" if result.seconds else ""
        return f"Hit: it took the result that was kept under its key{saved}."
    text = f"Miss: {printable(result.reason or 'its task looks for no results.')}"
    if result.key is not None and not result.is_kept:
        text += "\nIts own result was not kept."
    elif result.key is not None and result.reason and near is None:
        text += "\nThere is no earlier result of its task to compare with."
    return text


def _nearest(store: Store, run: TaskRunRow, result: ResultRow) -> _Near | None:
    """Return the earlier result whose key was made of the most that is the same."""
    own = _header(result)
    if result.is_hit or own is None or not own.fingerprint:
        return None
    near, least = None, None
    for row in store.results_before(run, _EARLIER):
        header = _header(row) if row.key != result.key else None
        if header is None or not header.fingerprint:
            continue
        distance = _distance(header.fingerprint, own.fingerprint)
        if least is None or distance < least:
            near, least = (row, header), distance
    return None if near is None else _Near(near[0], explain(near[1].fingerprint, own.fingerprint))


def _header(row: ResultRow) -> Header | None:
    return keeper_at(row.place).header(row.key) if row.is_kept and row.key is not None else None


def _distance(one: str, other: str) -> int:
    """Return how many ingredients differ."""
    before, after = (msgspec.json.decode(text, type=dict[str, Any]) for text in (one, other))
    names = before.keys() | after.keys()
    return sum(before.get(name) != after.get(name) for name in names)


def _object(
    run: TaskRunRow, result: ResultRow | None, near: _Near | None, answer: str
) -> dict[str, Any]:
    return {
        "run_id": id_text(run.id),
        "task": run.task_name,
        "answer": answer,
        "is_hit": result.is_hit if result else None,
        "is_kept": result.is_kept if result else None,
        "reason": result.reason if result else None,
        "key": result.key if result else None,
        "storage": result.place if result else None,
        "seconds": result.seconds if result else None,
        "compared_with": id_text(near.row.run) if near else None,
        "differences": near.differences if near else [],
    }


def declare_why(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `why`."""
    add_run(parser, "task run")
    add_output(parser)
