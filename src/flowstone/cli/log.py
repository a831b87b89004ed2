"""`flowstone log`: the logs that runs are recorded in, and what of them could not be read."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from flowstone.cli.command import Arguments, Command, CommandError, UsageError
from flowstone.cli.home import home, opened_home
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_json, print_table, shown_ids, size
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.core.ids import id_text
from flowstone.settings import Settings, SettingsError, load
from flowstone.settings.declared import checked
from flowstone.store.rows import LogFacts, LogStatus
from flowstone.store.segments import LogSeen, survey

_COLUMNS = (
    Column(title="LOG", drop=1),
    Column(title="PROCESS", least=8),
    Column(title="ALIVE"),
    Column(title="FILES", right=True),
    Column(title="COLLECTED", right=True),
    Column(title="LEFT", right=True),
)


def _status(arguments: Arguments) -> int:
    with opened_home() as store:
        status = store.status()
    outgoing = survey(home()).outgoing
    if arguments.output == "json":
        print_json(_object(status) | {"outgoing": [_outgoing_object(log) for log in outgoing]})
        return 0
    if status.logs:
        _print_logs(status.logs)
    else:
        print(f"No logs wait in {home() / 'logs'}: all that was recorded is in the store.")
    for text in [*_unsent(outgoing), *troubles(status)]:
        print(printable(text))
    return 0


def _unsent(outgoing: list[LogSeen]) -> list[str]:
    """Return a sentence for each server that logs here are meant for."""
    found = []
    for url in sorted({str(log.newest.header.destination) for log in outgoing}):
        logs = [log for log in outgoing if log.newest.header.destination == url]
        dead = sum(log.is_alive is False for log in logs)
        if dead:
            what = f"{plural(dead, 'log')} of dead processes"
            found.append(f"Unsent: {what} for the server at {url}. Send them: flowstone log ship")
        if dead < len(logs):
            what = f"{plural(len(logs) - dead, 'log')} of living processes"
            found.append(f"Being sent: {what} for the server at {url}.")
    return found


def _outgoing_object(log: LogSeen) -> dict[str, Any]:
    header = log.newest.header
    return {
        "id": id_text(log.id),
        "pid": header.pid,
        "host": header.host,
        "alive": log.is_alive,
        "destination": header.destination,
        "bytes": log.target() - log.segments[0].header.base,
    }


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


def _declare_ship(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        metavar="URL",
        help="send them there, whichever server they were meant for",
    )


def _ship(arguments: Arguments) -> int:
    """Send what dead processes left behind to the server that it is meant for, or to another."""
    orphans = import_module("flowstone.store.orphans")  # with what speaks HTTP
    settings = load(os.environ)
    place, to = home(), _server(arguments.to)
    logs = orphans.waiting(place)
    if not logs:
        print(f"No log of a dead process in {place / 'logs'} waits to be sent to a server.")
        return 0
    for url in {to} if to else sorted({log.newest.header.destination for log in logs}):
        _ship_to(settings, place, url, is_told=to is not None)
    return 0


def _ship_to(settings: Settings, place: Path, url: str, *, is_told: bool) -> None:
    orphans, sending = map(import_module, ("flowstone.store.orphans", "flowstone.log.courier"))
    api = settings.api
    key = api.key if is_told or url == api.url else None  # it is no secret of another server
    courier = sending.Courier(url, key, api.ssl_cert_file)
    try:
        sent = orphans.send_orphans(place, courier, to_another=is_told)
    except sending.ServerAway as error:
        message = f"the server at {url} cannot be reached: {error}. The logs are kept; try again."
        raise CommandError(message) from error
    except sending.ServerRefused as error:
        hint = " Set FLOWSTONE_API_KEY to a token of it." if error.status in (401, 403) else ""
        message = f"the server at {url} does not take the logs: {error}. They are kept.{hint}"
        raise CommandError(message) from error
    finally:
        courier.close()
    print(f"Sent {plural(sent.logs, 'log')} ({size(sent.bytes)}) to {url}.")


def _server(text: str | None) -> str | None:
    try:
        return None if text is None else str(checked("api.url", text))
    except SettingsError as error:
        message = f"--to {text!r} is no address of a server, like http://127.0.0.1:4840"
        raise UsageError(message) from error


COMMANDS: dict[str, Command] = {
    "ship": Command(
        "Send the logs that dead processes left behind to their server, and delete them here.",
        "flowstone log ship --to http://flows.example.com:4840",
        _declare_ship,
        _ship,
    ),
    "status": Command(
        "Show the logs whose files are there, what is not collected yet, and what is damaged.",
        "flowstone log status",
        add_output,
        _status,
    ),
}
"""The commands of this family, by their second word."""
