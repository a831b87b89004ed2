"""`flowstone task-run`: task runs listed, shown, read and cancelled."""

from __future__ import annotations

import argparse
import time
from functools import partial

from flowstone.cli.cancelling import TASK_RUN, cancel, declare_cancel
from flowstone.cli.command import Arguments, Command
from flowstone.cli.filters import about_states, add_filters, filter_of, is_narrowed
from flowstone.cli.following import follow_lines
from flowstone.cli.home import no_runs_yet, opened_store, where
from flowstone.cli.lines import show_lines
from flowstone.cli.moments import local, local_in_full, seconds_between
from flowstone.cli.options import add_line_choices, add_output, add_run
from flowstone.cli.output import (
    print_fields,
    print_json,
    print_table,
    shown_ids,
)
from flowstone.cli.progress import print_progress, progress_objects
from flowstone.cli.runs import (
    elapsed,
    inputs_of,
    print_edges,
    print_result,
    print_states,
    result_object,
    states_of,
    task_run_object,
    usage_fields,
    usage_object,
)
from flowstone.cli.table import Column, Row
from flowstone.core.durations import duration
from flowstone.core.ids import id_text
from flowstone.store.queries import Store
from flowstone.store.rows import TaskRunRow

_COLUMNS = (
    Column(title="ID", drop=1),
    Column(title="NAME", least=12),
    Column(title="FLOW RUN", least=10, drop=3),
    Column(title="STATE", is_state=True),
    Column(title="STARTED"),
    Column(title="TIME", right=True),
    Column(title="ATTEMPTS", right=True, drop=4),
    Column(title="TAGS", least=6, drop=5),
)


def _ls(arguments: Arguments) -> int:
    with opened_store() as store:
        flow_run = store.find_flow_run(arguments.flow_run).id if arguments.flow_run else None
        rows = store.task_runs(filter_of(arguments, flow_run=flow_run), limit=arguments.limit)
        is_current = store.as_of is None
    if arguments.output == "json":
        print_json([task_run_object(row) for row in rows])
    elif rows:
        _print_list(rows)
    elif not is_current:
        print(f"No task run in {where()} could be read.")
        return 1
    elif is_narrowed(arguments):
        print(
            f"No task run in {where()} matches.{about_states(arguments)} "
            "Without filters, 'task-run ls' shows the newest."
        )
    else:
        print(no_runs_yet("task"))
    return 0


def _print_list(rows: list[TaskRunRow]) -> None:
    now = time.time_ns()
    ids = shown_ids([id_text(row.id) for row in rows])
    cells = [
        (
            short_id,
            row.name,
            row.flow_run_name or "",
            row.state_name,
            local(row.start or row.created, now=now),
            elapsed(row, now),
            str(row.attempt),
            ", ".join(row.tags),
        )
        for short_id, row in zip(ids, rows, strict=True)
    ]
    print_table(
        _COLUMNS,
        [Row(line, row.state_type) for line, row in zip(cells, rows, strict=True)],
    )


def _inspect(arguments: Arguments) -> int:
    with opened_store() as store:
        row = store.find_task_run(arguments.run)
        if arguments.output == "json":
            extra = {
                "task_inputs": inputs_of(store, row),
                "progress": progress_objects(store, row.id),
                "result": result_object(store, row),
                "usage": usage_object(store, row),
                "states": states_of(store, row),
            }
            print_json(task_run_object(row) | extra)
        else:
            _print_task_run(store, row)
    return 0


def _print_task_run(store: Store, row: TaskRunRow) -> None:
    flow_run = f"{row.flow_run_name or ''} ({id_text(row.flow_run)})" if row.flow_run else ""
    print_fields(
        [
            ("Task run", row.name),
            ("ID", id_text(row.id)),
            ("Task", f"{row.task_name} ({row.task_key})"),
            ("Flow run", flow_run),
            ("Flow", row.flow_name or ""),
            ("Started", local_in_full(row.start)),
            ("Ended", local_in_full(row.end)),
            ("Time", duration(seconds_between(row.start, row.end))),
            ("Attempts", str(row.attempt)),
            ("Tags", ", ".join(row.tags)),
            *usage_fields(store, row),
        ]
    )
    print_edges(store, row)
    print_result(store, row)
    print_progress(store, row.id)
    print_states(store, row)


def _logs(arguments: Arguments) -> int:
    if arguments.follow:
        return follow_lines(arguments, TASK_RUN)
    with opened_store() as store:
        row = store.find_task_run(arguments.run)
        show_lines(store, arguments, what=f"task run '{row.name}'", task_run=row.id)
    return 0


def _declare_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--flow-run", metavar="RUN", help="only those of this flow run (id, start of it, or name)"
    )
    parser.add_argument("--task", metavar="NAME", help="only runs of this task")
    add_filters(parser)


def _declare_inspect(parser: argparse.ArgumentParser) -> None:
    add_run(parser, "task run")
    add_output(parser)


def _declare_logs(parser: argparse.ArgumentParser) -> None:
    add_run(parser, "task run")
    add_line_choices(parser)


COMMANDS: dict[str, Command] = {
    "ls": Command(
        "List task runs, newest first.",
        "flowstone task-run ls --flow-run brave-otter --state failed",
        _declare_ls,
        _ls,
    ),
    "inspect": Command(
        "Show one task run: its times, inputs and states.",
        "flowstone task-run inspect 0198a1b2-c3d4 -o json",
        _declare_inspect,
        _inspect,
    ),
    "logs": Command(
        "Show the log lines of a task run.",
        "flowstone task-run logs 0198a1b2-c3d4 --tail 50",
        _declare_logs,
        _logs,
    ),
    "cancel": Command(
        "Cancel one task run: the process that runs it is asked to stop it.",
        "flowstone task-run cancel 0198a1b2-c3d4 --wait",
        partial(declare_cancel, kind=TASK_RUN),
        partial(cancel, kind=TASK_RUN),
    ),
}
"""The commands of this family, by their second word."""
