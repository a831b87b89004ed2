"""`flowstone flow-run`: flow runs listed, shown, read, cancelled, rolled back and deleted."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

from flowstone.cli.cancelling import FLOW_RUN, cancel, declare_cancel
from flowstone.cli.command import Arguments, Command
from flowstone.cli.filters import about_states, add_filters, filter_of, is_narrowed
from flowstone.cli.following import declare_watch, follow_lines, watch
from flowstone.cli.graph import declare_graph, show_graph
from flowstone.cli.home import no_runs_yet, opened_store, where
from flowstone.cli.lines import show_lines
from flowstone.cli.moments import local, local_in_full, seconds_between
from flowstone.cli.options import add_line_choices, add_output, add_run
from flowstone.cli.output import (
    plural,
    print_fields,
    print_json,
    print_table,
    shown_ids,
)
from flowstone.cli.progress import print_progress, progress_objects
from flowstone.cli.rollback import declare_rollback, rollback
from flowstone.cli.runs import (
    elapsed,
    flow_run_object,
    print_result,
    print_states,
    result_object,
    states_of,
)
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import confirmed, printable
from flowstone.core.durations import duration
from flowstone.core.ids import id_text
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow

_COLUMNS = (
    Column(title="ID", drop=1),
    Column(title="NAME", least=12),
    Column(title="FLOW", least=8, drop=3),
    Column(title="STATE", is_state=True),
    Column(title="STARTED"),
    Column(title="TIME", right=True),
    Column(title="ATTEMPTS", right=True, drop=4),
    Column(title="TAGS", least=6, drop=5),
)


def _ls(arguments: Arguments) -> int:
    with opened_store() as store:
        parent = store.find_flow_run(arguments.flow_run).id if arguments.flow_run else None
        rows = store.flow_runs(filter_of(arguments, flow_run=parent), limit=arguments.limit)
        is_current = store.as_of is None
    if arguments.output == "json":
        print_json([flow_run_object(row) for row in rows])
    elif rows:
        _print_list(rows)
    else:
        _say_none(arguments, is_current=is_current)
    return 0 if rows or is_current else 1


def _print_list(rows: list[FlowRunRow]) -> None:
    now = time.time_ns()
    ids = shown_ids([id_text(row.id) for row in rows])
    cells = [
        (
            short_id,
            row.name,
            row.flow_name,
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


def _say_none(arguments: Arguments, *, is_current: bool) -> None:
    if not is_current:
        print(f"No flow run in {where()} could be read.")
    elif is_narrowed(arguments):
        print(
            f"No flow run in {where()} matches.{about_states(arguments)} "
            "Without filters, 'flow-run ls' shows the newest."
        )
    else:
        print(no_runs_yet("flow"))


def _inspect(arguments: Arguments) -> int:
    with opened_store() as store:
        row = store.find_flow_run(arguments.run)
        if arguments.output == "json":
            extra = {
                "states": states_of(store, row),
                "task_run_counts": store.task_counts(row.id),
                "progress": progress_objects(store, row.id),
                "result": result_object(store, row),
            }
            print_json(flow_run_object(row) | extra)
        else:
            _print_flow_run(store, row)
    return 0


def _print_flow_run(store: Store, row: FlowRunRow) -> None:
    counts = sorted(store.task_counts(row.id).items())
    print_fields(
        [
            ("Flow run", row.name),
            ("ID", id_text(row.id)),
            ("Flow", row.flow_name),
            ("Parent flow run", id_text(row.parent_flow_run) if row.parent_flow_run else ""),
            ("Started", local_in_full(row.start)),
            ("Ended", local_in_full(row.end)),
            ("Time", duration(seconds_between(row.start, row.end))),
            ("Attempts", str(row.attempt)),
            ("Tags", ", ".join(row.tags)),
            ("Parameters", row.parameters if row.parameters != "{}" else ""),
            ("Task runs", ", ".join(f"{number:,} {name}" for name, number in counts) or "none"),
        ]
    )
    print_result(store, row)
    print_progress(store, row.id)
    print_states(store, row)


def _logs(arguments: Arguments) -> int:
    if arguments.follow:
        return follow_lines(arguments, FLOW_RUN)
    with opened_store() as store:
        row = store.find_flow_run(arguments.run)
        show_lines(store, arguments, what=f"flow run '{row.name}'", flow_run=row.id)
    return 0


def _delete(arguments: Arguments) -> int:
    with opened_store() as store:
        rows = [store.find_flow_run(text) for text in arguments.runs]
        for number, row in enumerate({row.id: row for row in rows}.values()):
            if not arguments.yes and not _confirmed(store, row):
                print("Nothing more deleted." if number else "Nothing deleted.", file=sys.stderr)
                return 1
            below = store.delete_flow_run(row.id) - 1
            inner = f", with {plural(below, 'run')} below it" if below else ""
            print(f"Deleted flow run '{printable(row.name)}' ({id_text(row.id)}){inner}.")
    return 0


def _confirmed(store: Store, row: FlowRunRow) -> bool:
    what = f"flow run '{printable(row.name)}' ({id_text(row.id)})"
    count = plural(sum(store.task_counts(row.id).values()), "task run")
    return confirmed(f"deleting {what}", f"Delete {what} with {count} and its log lines?")


def _declare_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--flow-run",
        metavar="RUN",
        help="only subflow runs that this flow run called (id, start of it, or name)",
    )
    add_filters(parser)


def _declare_inspect(parser: argparse.ArgumentParser) -> None:
    add_run(parser, "flow run")
    add_output(parser)


def _declare_logs(parser: argparse.ArgumentParser) -> None:
    add_run(parser, "flow run")
    add_line_choices(parser)


def _declare_delete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="id of a flow run, the start of it, or its name"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


COMMANDS: dict[str, Command] = {
    "ls": Command(
        "List flow runs, newest first.",
        "flowstone flow-run ls --state failed --since 2h",
        _declare_ls,
        _ls,
    ),
    "inspect": Command(
        "Show one flow run: its times, parameters, states and task runs.",
        "flowstone flow-run inspect brave-otter -o json",
        _declare_inspect,
        _inspect,
    ),
    "logs": Command(
        "Show the log lines of a flow run and of its task runs.",
        "flowstone flow-run logs brave-otter --level WARNING --tail 50",
        _declare_logs,
        _logs,
    ),
    "watch": Command(
        "Show how a flow run gets on, until it has ended; exit code 1 if it is not Completed.",
        "flowstone flow-run watch brave-otter",
        declare_watch,
        watch,
    ),
    "graph": Command(
        "Draw a flow run: what ran, and what took whose result, as Mermaid or SVG.",
        "flowstone flow-run graph brave-otter -o otter.svg",
        declare_graph,
        show_graph,
    ),
    "cancel": Command(
        "Cancel a flow run: the process that runs it is asked to stop it.",
        "flowstone flow-run cancel brave-otter --wait",
        partial(declare_cancel, kind=FLOW_RUN),
        partial(cancel, kind=FLOW_RUN),
    ),
    "rollback": Command(
        "Undo what a flow run left half done when its process died: run the rollback hooks of its "
        "open transactions, the last one first.",
        "flowstone flow-run rollback brave-otter",
        declare_rollback,
        rollback,
    ),
    "delete": Command(
        "Delete flow runs, with their task runs and log lines.",
        "flowstone flow-run delete brave-otter --yes",
        _declare_delete,
        _delete,
    ),
}
"""The commands of this family, by their second word."""
