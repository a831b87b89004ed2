"""`flowstone cache`: the results that are kept, listed, counted, explained and cleared."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from itertools import islice
from typing import Any

import msgspec

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.explaining import declare_why, explain_run
from flowstone.cli.home import opened_home
from flowstone.cli.moments import SECOND, iso, local
from flowstone.cli.options import add_output, count
from flowstone.cli.output import plural, print_json, print_table, size
from flowstone.cli.stored import (
    Stored,
    add_choice,
    add_storage,
    matching,
    newest_matching,
    where,
)
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import confirmed
from flowstone.core.durations import duration
from flowstone.exceptions import StorageError

_COLUMNS = (
    Column(title="TASK", least=10),
    Column(title="KEY", least=12),
    Column(title="AGE", right=True),
    Column(title="SIZE", right=True),
    Column(title="TOOK", right=True, drop=2),
    Column(title="EXPIRES", drop=1),
    Column(title="PROBLEM", least=10, drop=3),
)
_SUMS = (
    Column(title="TASK", least=10),
    Column(title="RESULTS", right=True),
    Column(title="SIZE", right=True),
    Column(title="TOOK", right=True, drop=1),
    Column(title="HITS", right=True),
    Column(title="SAVED", right=True),
)


class Sum(msgspec.Struct):
    """What the results of a task take (bytes), took to make, and saved (seconds)."""

    results: int = 0
    size: int = 0
    seconds: float = 0.0
    hits: int = 0
    seconds_saved: float = 0.0


def _ls(arguments: Arguments) -> int:
    found = newest_matching(arguments)
    shown = list(islice(found, arguments.limit or None))
    now = time.time_ns()
    if arguments.output == "json":
        print_json([_object(one) for one in shown])
    elif shown:
        print_table(_COLUMNS, [Row(_cells(one, now)) for one in shown])
        if next(found, None) is not None:  # how many more, all headers would have to be read for
            print("and more; '--limit 0' lists all, 'flowstone cache stats' counts them")
    else:
        print(_nothing(arguments))
    return 0


def _object(one: Stored) -> dict[str, Any]:
    found, header = one.found, one.found.header
    return {
        "task": header.task or None if header else None,
        "key": header.key if header else found.name,
        "storage": one.keeper.keys.place,
        "size": found.size,
        "created": iso(header.created) if header else iso(found.written),
        "expires": iso(header.expires) if header else None,
        "seconds": header.seconds if header else None,
        "serializer": header.serializer if header else None,
        "problem": found.problem,
    }


def _cells(one: Stored, now: int) -> tuple[str, ...]:
    found, header = one.found, one.found.header
    made, expires = (header.created, header.expires) if header else (found.written, None)
    is_over = expires is not None and expires <= now
    return (
        one.task,
        header.key if header else found.name,
        duration(max(0, now - made) / SECOND),
        size(found.size),
        duration(header.seconds or None) if header else "",
        "expired" if is_over else local(expires, now=now),
        found.problem or "",
    )


def _stats(arguments: Arguments) -> int:
    sums: defaultdict[str, Sum] = defaultdict(Sum)
    for one in matching(arguments):
        header, of_task = one.found.header, sums[one.task]
        of_task.results += 1
        of_task.size += one.found.size
        of_task.seconds += header.seconds if header else 0.0
    with opened_home() as store:
        for hits in store.hits():
            if arguments.task in (None, hits.task):
                sums[hits.task].hits = hits.count
                sums[hits.task].seconds_saved = hits.seconds
    largest_first = sorted(sums, key=lambda task: (-sums[task].size, task))
    if arguments.output == "json":
        print_json([{"task": task} | msgspec.structs.asdict(sums[task]) for task in largest_first])
    elif sums:
        print_table(_SUMS, [_sum_row(task, sums[task]) for task in largest_first])
        print(f"\n{_total(sums.values())}")
    else:
        print(_nothing(arguments))
    return 0


def _sum_row(task: str, of_task: Sum) -> Row:
    return Row(
        (
            task,
            f"{of_task.results:,}",
            size(of_task.size),
            duration(of_task.seconds or None),
            f"{of_task.hits:,}",
            duration(of_task.seconds_saved or None),
        )
    )


def _total(sums: Collection[Sum]) -> str:
    results, hits = sum(one.results for one in sums), sum(one.hits for one in sums)
    saved = duration(sum(one.seconds_saved for one in sums))
    bytes_kept = size(sum(one.size for one in sums))
    return f"{plural(results, 'result')} in {bytes_kept}; {plural(hits, 'hit')} saved {saved}"


def _clear(arguments: Arguments) -> int:
    found = matching(arguments)
    if not found:
        print(_nothing(arguments))
        return 0
    asked = f"{plural(len(found), 'result')} ({size(sum(one.found.size for one in found))})"
    question = f"Clear {asked}? Runs that made them lose them too."
    if not arguments.yes and not confirmed(f"clearing {asked}", question):
        print("Nothing cleared.", file=sys.stderr)
        return 1
    cleared = took = 0
    try:
        for one in found:
            if one.keeper.remove(one.found.name, only=one.found.header):
                cleared += 1
                took += one.found.size
    except StorageError as error:
        message = f"cleared {cleared:,} of {plural(len(found), 'result')}, then: {error}"
        raise CommandError(message) from error
    print(f"Cleared {plural(cleared, 'result')} ({size(took)}).")
    return 0


def _nothing(arguments: Arguments) -> str:
    if arguments.task or arguments.key or arguments.older_than or arguments.expired:
        return f"No result in {where(arguments)} matches."
    return f"No results in {where(arguments)}. Tasks with a cache_policy keep theirs there."


def _declare_ls(parser: argparse.ArgumentParser) -> None:
    add_choice(parser)
    parser.add_argument(
        "--limit",
        metavar="N",
        type=count,
        default=20,
        help="at most this many, the newest; 0 for all (default 20)",
    )
    add_output(parser)


def _declare_stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", metavar="NAME", help="only this task")
    parser.set_defaults(key=None, older_than=None, expired=False)
    add_storage(parser)
    add_output(parser)


def _declare_clear(parser: argparse.ArgumentParser) -> None:
    add_choice(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


COMMANDS: dict[str, Command] = {
    "ls": Command(
        "List the results that are kept, the newest first.",
        "flowstone cache ls --task load --older-than 7d",
        _declare_ls,
        _ls,
    ),
    "why": Command(
        "Say why a task run took a result from the cache, or why it did not: what differs from "
        "the nearest result that was there.",
        "flowstone cache why load-0",
        declare_why,
        explain_run,
    ),
    "stats": Command(
        "Show what the results of each task take, and what they saved when they were used again.",
        "flowstone cache stats",
        _declare_stats,
        _stats,
    ),
    "clear": Command(
        "Remove results: all, or those that are chosen. The next calls do their work again.",
        "flowstone cache clear --task load --older-than 7d --yes",
        _declare_clear,
        _clear,
    ),
}
"""The commands of this family, by their second word."""
