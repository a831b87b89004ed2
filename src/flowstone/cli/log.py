"""`flowstone log`: the logs that runs are recorded in, and what of them could not be read."""

from __future__ import annotations

import os
from typing import Any

from flowstone.cli.command import Arguments, Command
from flowstone.cli.home import home, opened_store
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_json, print_table, shown_ids, size
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.core.ids import id_text
from flowstone.store.rows import LogFacts, LogStatus

_COLUMNS = (
    Column(title="LOG", drop=1),
    Column(title="PROCESS", least=8),
    Column(title="ALIVE"),
    Column(title="FILES", right=True),
    Column(title="COLLECTED", right=True),
    Column(title="LEFT", right=True),
)


def _status(arguments: Arguments) -> int:
    with opened_store() as store:
        status = store.status()
    if arguments.output == "json":
        print_json(_object(status))
        return 0
    if status.logs:
        _print_logs(status.logs)
    else:
        print(f"No logs wait in {home() / 'logs'}: all that was recorded is in the store.")
    for text in troubles(status):
        print(printable(text))
    return 0


def _print_logs(logs: tuple[LogFacts, ...]) -> None:
    ids = shown_ids([id_text(log.id) for log in logs])
    rows = [
        Row(
            (
                short_id,
                f"{log.pid} on {log.host}",
                {True: "yes", False: "no", None: "?"}[log.alive],
                str(len(log.segments)),
                size(log.applied),
                size(log.uncollected) if log.uncollected else "-",
            )
        )
        for short_id, log in zip(ids, logs, strict=True)
    ]
    print_table(_COLUMNS, rows)


def troubles(status: LogStatus) -> list[str]:
    """Return a sentence for each thing that could not be read, or is gone."""
    found = [
        f"Log {id_text(log.id)} needs {log.needs}: it has records that this version does not know."
        for log in status.logs
        if log.needs
    ]
    found += [
        f"Log {id_text(log.id)} lost {plural(log.lost_records, 'record')} "
        f"({plural(log.lost_lines, 'log line')} among them): the disk refused them."
        for log in status.logs
        if log.lost_records
    ]
    found += [
        f"Damaged: {os.path.basename(one.path)} at offset {one.offset}, "
        f"{plural(one.length, 'byte')}: {one.reason}. The rest was collected."
        for one in status.damages
    ]
    found += [
        f"Foreign: {os.path.basename(one.path)}: {one.reason}. It was left alone."
        for one in status.foreign
    ]
    found += [
        f"Refused: a record of log {id_text(one.log_id)} at offset {one.offset}: {one.reason}."
        for one in status.rejected
    ]
    return found


def _object(status: LogStatus) -> dict[str, Any]:
    return {
        "home": str(home()),
        "logs": [_log_object(log) for log in status.logs],
        "damages": status.damages,
        "foreign": status.foreign,
        "rejected": [
            {"log_id": id_text(one.log_id), "offset": one.offset, "reason": one.reason}
            for one in status.rejected
        ],
    }


def _log_object(log: LogFacts) -> dict[str, Any]:
    return {
        "id": id_text(log.id),
        "pid": log.pid,
        "host": log.host,
        "alive": log.alive,
        "segments": log.segments,
        "collected_bytes": log.applied,
        "uncollected_bytes": log.uncollected,
        "lost_records": log.lost_records,
        "lost_lines": log.lost_lines,
        "needs": log.needs,
    }


COMMANDS: dict[str, Command] = {
    "status": Command(
        "Show the logs whose files are there, what is not collected yet, and what is damaged.",
        "flowstone log status",
        add_output,
        _status,
    ),
}
"""The commands of this family, by their second word."""
