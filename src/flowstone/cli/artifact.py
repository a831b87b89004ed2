"""`flowstone artifact`: artifacts listed, shown and deleted."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any
from uuid import UUID

import msgspec

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.home import opened_store, where
from flowstone.cli.moments import iso, local, local_in_full
from flowstone.cli.options import add_output, count
from flowstone.cli.output import plural, print_fields, print_json, print_table, shown_ids
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import confirmed, printable
from flowstone.core.ids import id_text
from flowstone.store.artifacts import ArtifactRow
from flowstone.store.queries import Store

_COLUMNS = (
    Column(title="ID", drop=1),
    Column(title="KEY", least=12),
    Column(title="TYPE"),
    Column(title="UPDATED"),
    Column(title="FLOW RUN", least=10, drop=3),
    Column(title="DESCRIPTION", least=12, drop=4),
)
_TEXTS = frozenset({"markdown", "image"})
"""Types whose data is text; that of others is JSON."""
_ROWS = 20
"""Rows of a table that are shown."""


def _ls(arguments: Arguments) -> int:
    with opened_store() as store:
        flow_run = store.find_flow_run(arguments.flow_run).id if arguments.flow_run else None
        task_run = store.find_task_run(arguments.task_run).id if arguments.task_run else None
        rows = store.artifacts(
            flow_run=flow_run,
            task_run=task_run,
            type=arguments.type,
            newest_only=not arguments.all,
            limit=arguments.limit,
        )
    if arguments.output == "json":
        print_json([_object(row) for row in rows])
    elif rows:
        _print_list(rows)
    elif flow_run or task_run or arguments.type:
        print(f"No artifact in {where()} matches. 'flowstone artifact ls' lists all.")
    else:
        print(f"No artifacts yet in {where()}. Make one: flowstone.artifacts has the functions.")
    return 0


def _print_list(rows: list[ArtifactRow]) -> None:
    now = time.time_ns()
    ids = shown_ids([id_text(row.id) for row in rows])
    print_table(
        _COLUMNS,
        [
            Row(
                (
                    short_id,
                    row.key or "",
                    row.type,
                    local(row.updated, now=now),
                    row.flow_run_name or "",
                    (row.description or "").partition("\n")[0],
                )
            )
            for short_id, row in zip(ids, rows, strict=True)
        ],
    )


def _inspect(arguments: Arguments) -> int:
    with opened_store() as store:
        versions = _versions(store, arguments.artifact, arguments.limit)
    if arguments.output == "json":
        print_json([_object(row) for row in versions])
        return 0
    newest, *older = versions
    _print_artifact(newest)
    if older:
        print("\nOlder versions")
        for row in older:
            print(f"  {local_in_full(row.updated)}  {id_text(row.id)}")
    return 0


def _versions(store: Store, text: str, limit: int) -> list[ArtifactRow]:
    """Return the artifact of that id, or else the versions of that key, newest first."""
    wanted = _id_in(text)
    found = store.artifacts(id=wanted) if wanted is not None else []
    found = found or store.artifacts(key=text, limit=limit)
    if not found:
        message = (
            f"there is no artifact with the key or the id {text!r} in {where()}. "
            "'flowstone artifact ls' lists them."
        )
        raise CommandError(message)
    return found


def _print_artifact(row: ArtifactRow) -> None:
    flow_run = f"{row.flow_run_name or ''} ({id_text(row.flow_run)})" if row.flow_run else ""
    task_run = f"{row.task_run_name or ''} ({id_text(row.task_run)})" if row.task_run else ""
    print_fields(
        [
            ("Artifact", row.key or "(no key)"),
            ("ID", id_text(row.id)),
            ("Type", row.type),
            ("Description", row.description or ""),
            ("Flow run", flow_run),
            ("Task run", task_run),
            ("Created", local_in_full(row.created)),
            ("Updated", local_in_full(row.updated)),
        ]
    )
    print()
    data = _data_of(row)
    if row.type == "progress":
        print(f"{data:g} %" if isinstance(data, int | float) else "")
    elif row.type == "table" and (rows := _rows_of(data)):
        titles, cells = rows
        print_table([Column(title=title, least=6) for title in titles], cells[:_ROWS])
        if len(cells) > _ROWS:
            print(f"and {plural(len(cells) - _ROWS, 'more row')}; -o json shows all")
    else:
        print(printable(row.data or "", keep="\n\t"))


def _rows_of(table: Any) -> tuple[list[str], list[Row]] | None:
    """Return the titles and rows of a table in any of its forms, None where it has no row."""
    lines: list[Sequence[Any]]
    if isinstance(table, dict):
        titles, lines = list(table), list(zip_longest(*map(_as_list, table.values())))
    elif not isinstance(table, list):
        return None
    elif all(isinstance(row, dict) for row in table):
        titles = list(dict.fromkeys(title for row in table for title in row))
        lines = [[row.get(title) for title in titles] for row in table]
    else:
        rows = [_as_list(row) for row in table]
        titles = [str(number + 1) for number in range(max(map(len, rows)))]
        lines = [[*row, *[None] * (len(titles) - len(row))] for row in rows]
    if not titles or not lines:
        return None
    return titles, [Row([_cell(value) for value in line]) for line in lines]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _delete(arguments: Arguments) -> int:
    if (arguments.key is None) == (arguments.id is None):
        message = "say which one: a KEY (all its versions) or --id ID"
        raise CommandError(message)
    wanted = None if arguments.id is None else _id_in(arguments.id)
    if arguments.id is not None and wanted is None:
        message = f"{arguments.id!r} is no id. 'flowstone artifact ls -o json' shows them whole."
        raise CommandError(message)
    with opened_store() as store:
        rows = store.artifacts(id=wanted, key=arguments.key)
        if not rows:
            what = f"key {arguments.key!r}" if arguments.key is not None else f"id {arguments.id}"
            message = f"there is no artifact with the {what} in {where()}."
            raise CommandError(message)
        count = plural(len(rows), "artifact")
        if not arguments.yes and not confirmed(f"deleting {count}", f"Delete {count}?"):
            print("Nothing deleted.", file=sys.stderr)
            return 1
        deleted = store.delete_artifacts([row.id for row in rows])
    print(f"Deleted {plural(deleted, 'artifact')}.")
    return 0


def _object(row: ArtifactRow) -> dict[str, Any]:
    return {
        "id": id_text(row.id),
        "created": iso(row.created),
        "updated": iso(row.updated),
        "key": row.key,
        "type": row.type,
        "description": row.description,
        "data": _data_of(row),
        "flow_run_id": id_text(row.flow_run) if row.flow_run else None,
        "task_run_id": id_text(row.task_run) if row.task_run else None,
        "flow_run_name": row.flow_run_name,
        "task_run_name": row.task_run_name,
    }


def _data_of(row: ArtifactRow) -> Any:
    """Return an artifact's data: text, or what its JSON says."""
    if row.data is None or row.type in _TEXTS:
        return row.data
    try:
        return msgspec.json.decode(row.data)
    except msgspec.DecodeError:  # a type of somebody else's, whose data is text
        return row.data


def _id_in(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None


def _declare_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-a", "--all", action="store_true", help="every version of a key, not only the newest"
    )
    parser.add_argument("--type", metavar="TYPE", help="only markdown, table, image, progress, …")
    for flag, what in (("--flow-run", "flow run"), ("--task-run", "task run")):
        text = f"only those of this {what} (id, start of it, or name)"
        parser.add_argument(flag, metavar="RUN", help=text)
    parser.add_argument(
        "--limit", metavar="N", type=count, default=100, help="at most N (0: all; 100 by default)"
    )
    add_output(parser)


def _declare_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artifact", metavar="KEY", help="key of the artifact, or the id of one")
    parser.add_argument(
        "--limit", metavar="N", type=count, default=10, help="at most N versions (10 by default)"
    )
    add_output(parser)


def _declare_delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", metavar="KEY", nargs="?", help="key whose versions to delete")
    parser.add_argument("--id", metavar="ID", help="id of the one artifact to delete")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


COMMANDS: dict[str, Command] = {
    "ls": Command(
        "List artifacts, newest first; of each key the newest version.",
        "flowstone artifact ls --flow-run brave-otter",
        _declare_ls,
        _ls,
    ),
    "inspect": Command(
        "Show an artifact, and when its older versions were made.",
        "flowstone artifact inspect daily-report -o json",
        _declare_inspect,
        _inspect,
    ),
    "delete": Command(
        "Delete all versions of a key, or one artifact.",
        "flowstone artifact delete daily-report --yes",
        _declare_delete,
        _delete,
    ),
}
"""The commands of this family, by their second word."""
