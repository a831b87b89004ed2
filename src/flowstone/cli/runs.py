"""Runs as objects for JSON, and what the views of flow and task runs have in common."""

from __future__ import annotations

from typing import Any

import msgspec

from flowstone.cli.moments import SECOND, iso, local_in_full, seconds_between
from flowstone.cli.output import colored_state, size
from flowstone.cli.terminal import printable
from flowstone.core.durations import duration
from flowstone.core.ids import id_text
from flowstone.store.queries import Store
from flowstone.store.rows import FlowRunRow, InputRow, TaskRunRow

_EDGES = 10
"""A run may have as many inputs as a map has runs; this many show what they are."""


def flow_run_object(row: FlowRunRow) -> dict[str, Any]:
    """Return a flow run as a JSON object."""
    return {
        "id": id_text(row.id),
        "name": row.name,
        "flow_name": row.flow_name,
        **_state_and_times(row),
        "parameters": _parsed(row.parameters),
        "parent_flow_run_id": _id(row.parent_flow_run),
        "parent_task_run_id": _id(row.parent_task_run),
    }


def task_run_object(row: TaskRunRow) -> dict[str, Any]:
    """Return a task run as a JSON object."""
    return {
        "id": id_text(row.id),
        "name": row.name,
        "task_name": row.task_name,
        "task_key": row.task_key,
        "flow_run_id": _id(row.flow_run),
        "flow_run_name": row.flow_run_name,
        "flow_name": row.flow_name,
        **_state_and_times(row),
        "parent_task_run_id": _id(row.parent),
    }


def elapsed(row: FlowRunRow | TaskRunRow, now: int) -> str:
    """Return how long a run took, or how long it has been running."""
    is_running = row.end is None and row.state_type in ("RUNNING", "CANCELLING")
    return duration(seconds_between(row.start, now if is_running else row.end))


def states_of(store: Store, row: FlowRunRow | TaskRunRow) -> list[dict[str, Any]]:
    """Return the states that a run was in, oldest first, as JSON objects."""
    return [
        {
            "state_type": entry.type,
            "state_name": entry.name,
            "time": iso(entry.at),
            "message": entry.message,
        }
        for entry in store.history(row)
    ]


def print_states(store: Store, row: FlowRunRow | TaskRunRow) -> None:
    """Print a run's state and message, and the states before, each with the time since the last."""
    message = printable(row.message or "no message", keep="\n\t")
    print(f"\n{colored_state(row.state_name, row.state_type)}: {message}")
    print("\nStates")
    before = None
    for entry in store.history(row):
        since = "" if before is None else f"+{duration((entry.at - before) / SECOND)}"
        name = colored_state(entry.name, entry.type)
        text = f"  {printable(entry.message)}" if entry.message else ""
        print(f"  {local_in_full(entry.at)}  {since:>10}  {name}{text}")
        before = entry.at


def inputs_of(store: Store, row: FlowRunRow | TaskRunRow) -> dict[str, list[str]]:
    """Return the ids of the runs whose results a run takes, by the names of its parameters."""
    found: dict[str, list[str]] = {}
    for one in store.upstream(row.id):
        found.setdefault(one.name, []).append(id_text(one.run))
    return found


def print_edges(store: Store, row: FlowRunRow | TaskRunRow) -> None:
    """Print whose results a run takes and who takes its own, the first of each."""
    inputs, users = store.edge_counts(row.id)
    if inputs:
        print("\nInputs")
        for one in store.upstream(row.id, _EDGES):
            print(f"  {printable(one.name)} ← {_other_end(one)}")
        _print_more(inputs)
    if users:
        print("\nUsed by")
        for one in store.downstream(row.id, _EDGES):
            print(f"  {_other_end(one)} as {printable(one.name)}")
        _print_more(users)


def result_object(store: Store, row: FlowRunRow | TaskRunRow) -> dict[str, Any] | None:
    """Return where the result of a run is, as a JSON object; None where none was kept or sought."""
    found = store.result_of(row.id)
    if found is None:
        return None
    return {
        "place": found.place,
        "key": found.key,
        "is_hit": found.is_hit,
        "is_kept": found.is_kept,
        "seconds": found.seconds,
        "reason": found.reason,
    }


def usage_object(store: Store, row: TaskRunRow) -> dict[str, Any] | None:
    """Return what a task run used of its machine, as a JSON object; None where nobody measured."""
    found = store.usage(row.id)
    return {"cpu_seconds": found.cpu, "peak_memory": found.memory} if found is not None else None


def usage_fields(store: Store, row: TaskRunRow) -> list[tuple[str, str]]:
    """Return what a task run used, to look at; nothing where nobody measured."""
    found = store.usage(row.id)
    if found is None:
        return []
    memory = [("Memory", f"{size(found.memory)} at most")] if found.memory is not None else []
    return [("CPU", duration(found.cpu)), *memory]


def print_result(store: Store, row: FlowRunRow | TaskRunRow) -> None:
    """Print where a run's result is: found there, or kept there and why it was not found."""
    found = store.result_of(row.id)
    if found is None:
        return
    print("\nResult")
    where = printable(f"{found.key} in {found.place}")
    if found.is_hit:
        print(f"  found under {where}, which saved {duration(found.seconds)}")
    elif found.is_kept:
        print(f"  kept under {where}")
    else:
        print("  not kept")
    if found.reason:
        print(f"  {printable(found.reason)}")


def _other_end(one: InputRow) -> str:
    if one.state_type is None:
        return f"{id_text(one.run)} (deleted, or not collected yet)"
    return f"{printable(one.run_name)} ({colored_state(one.state_name, one.state_type)})"


def _print_more(count: int) -> None:
    if count > _EDGES:
        print(f"  and {count - _EDGES:,} more")


def _state_and_times(row: FlowRunRow | TaskRunRow) -> dict[str, Any]:
    return {
        "state_type": row.state_type,
        "state_name": row.state_name,
        "message": row.message,
        "created": iso(row.created),
        "start_time": iso(row.start),
        "end_time": iso(row.end),
        "duration": seconds_between(row.start, row.end),
        "run_count": row.attempt,
        "tags": row.tags,
        "scheduled_time": iso(row.scheduled),
        "verdict": row.verdict,
    }


def _id(raw: bytes | None) -> str | None:
    return None if raw is None else id_text(raw)


def _parsed(parameters: str) -> Any:
    """Return the recorded parameters; as the text that they are where it is no JSON."""
    try:
        return msgspec.json.decode(parameters)
    except msgspec.DecodeError:
        return parameters
