"""What belongs to runs beside their rows: counts, their process, their definition, attempts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from flowstone.core.states import RUNNING, TYPES
from flowstone.store.connection import Connection
from flowstone.store.folds import fold_of
from flowstone.store.rows import StateEntry
from flowstone.store.selecting import UNKNOWN

_PROCESS = """
    SELECT pid, host, python, version, created, ended, judged, lost.records, lost.lines
    FROM log LEFT JOIN (
        SELECT log, sum(records) AS records, sum(lines) AS lines FROM gap GROUP BY log
    ) lost ON lost.log = log.ref
    WHERE log.id = ?
"""


class StateCount(msgspec.Struct, frozen=True):
    """How many runs are in a state."""

    type: str
    name: str
    runs: int


class Calls(msgspec.Struct, frozen=True):
    """The runs of one task that a flow run called; `ref` 0 is what is not known."""

    ref: int
    task: str
    states: list[StateCount]


class ProcessRow(msgspec.Struct, frozen=True):
    """The process that a run was in: `ended` is when it was found dead, None as far as is known.

    `lost_records` and `lost_lines` count what it could not write.
    """

    pid: int
    host: str
    python: str
    version: str
    started: int
    ended: int | None
    judged: str
    lost_records: int
    lost_lines: int


class DefinitionRow(msgspec.Struct, frozen=True):
    """What a run's flow or task said of itself; `entrypoint` is of flows only."""

    description: str | None
    retries: int
    entrypoint: str | None


class Attempt(msgspec.Struct, frozen=True):
    """One time that a run was tried: the state that ended it, None while it goes on."""

    number: int
    started: int
    ended: int | None
    state: StateEntry | None


def state_counts(
    connection: Connection, flow_runs: Sequence[bytes]
) -> dict[bytes, list[StateCount]]:
    """Return how many task runs of each flow run are in each state."""
    marks = ", ".join("?" * len(flow_runs))
    found: dict[bytes, list[StateCount]] = {run: [] for run in flow_runs}
    if flow_runs:
        rows = connection.execute(
            "SELECT flow_run, state.type, state.name, runs FROM task_count "  # noqa: S608
            f"JOIN state ON state.ref = task_count.state WHERE flow_run IN ({marks}) AND runs > 0 "
            "ORDER BY flow_run, state.type, state.name",
            list(flow_runs),
        )
        for run, number, name, runs in rows:
            found[run].append(StateCount(TYPES[number].value, name, runs))
    return found


def process_of(connection: Connection, log_id: bytes) -> ProcessRow | None:
    """Return the process that writes, or wrote, a log."""
    row = connection.execute(_PROCESS, (log_id,)).fetchone()
    if row is None:
        return None
    pid, host, python, version, created, ended, judged, records, lines = row
    return ProcessRow(
        pid, host, python, version, created, ended, judged, int(records or 0), int(lines or 0)
    )


def definition_of(connection: Connection, table: str, run: bytes) -> DefinitionRow:
    """Return what the definition says of which a flow run (or task run, by `table`) is a run."""
    kind = "flow" if table == "flow_run" else "task"
    entrypoint = "one.entrypoint" if kind == "flow" else "NULL"
    row = connection.execute(
        f"SELECT one.description, one.retries, {entrypoint} FROM {table} run "  # noqa: S608
        f"JOIN {kind} one ON one.ref = run.{kind} WHERE run.id = ?",
        (run,),
    ).fetchone()
    return DefinitionRow(None, 0, None) if row is None else DefinitionRow(*row)


def marks_of(connection: Connection, table: str, run: bytes) -> tuple[bool, bool]:
    """Return whether a run is open, and whether somebody looked at how it ended."""
    seen = "coalesce(seen >= coalesce(mark_at, at), 1 = 0)" if table == "flow_run" else "1 = 0"
    row = connection.execute(
        f"SELECT is_open, {seen} FROM {table} WHERE id = ?",  # noqa: S608 - our own names
        (run,),
    ).fetchone()
    return (False, False) if row is None else (bool(row[0]), bool(row[1]))


def how_many(connection: Connection, run: bytes) -> tuple[int, int]:
    """Return how many subflow runs and artifacts a flow run has, each 1000 at most."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM (SELECT id FROM flow_run WHERE parent_flow_run = ? "
        "LIMIT 1000) found), "
        "(SELECT count(*) FROM (SELECT id FROM artifact WHERE flow_run = ? LIMIT 1000) found)",
        (run, run),
    ).fetchone()
    return int(row[0]), int(row[1])


def names_of(connection: Connection, table: str, runs: Sequence[bytes]) -> dict[bytes, str]:
    """Return the names of the runs (of `table`) that are known."""
    if not runs:
        return {}
    rows = connection.execute(
        f"SELECT id, name FROM {table} WHERE id IN ({', '.join('?' * len(runs))})",  # noqa: S608
        list(runs),
    )
    return {run: UNKNOWN if name is None else name for run, name in rows}


def attempts_of(history: list[StateEntry]) -> list[Attempt]:
    """Return a run's attempts: each begins as Running, and ends with the state that follows."""
    found: list[Attempt] = []
    running = TYPES[RUNNING].value
    for entry in history:
        if entry.type == running:
            found.append(Attempt(len(found) + 1, entry.at, None, None))
        elif found and found[-1].ended is None and entry.type != "CANCELLING":
            last = found[-1]
            found[-1] = Attempt(last.number, last.started, entry.at, entry)
    return found


def calls_of(connection: Connection, flow_run: bytes) -> list[Calls]:
    """Return how many runs of each task a flow run has, and in which states."""
    fold = fold_of(connection, flow_run)
    states = states_by_row(connection)
    names = names_of_rows(connection, "task", fold.tasks)
    found = [
        Calls(ref, names.get(ref, UNKNOWN), counted(states, called.states))
        for ref, called in fold.tasks.items()
    ]
    return sorted(found, key=_by_task)


def counted(states: dict[int, tuple[int, str]], runs: dict[int, int]) -> list[StateCount]:
    """Return counts by the rows of states, in the order of the states."""
    found = sorted((*states[ref], count) for ref, count in runs.items())
    return [StateCount(TYPES[number].value, name, count) for number, name, count in found]


def states_by_row(connection: Connection) -> dict[int, tuple[int, str]]:
    """Return the type's number and the name of every state."""
    rows = connection.execute("SELECT ref, type, name FROM state")
    return {ref: (number, name) for ref, number, name in rows}


def names_of_rows(connection: Connection, table: str, refs: Collection[int]) -> dict[int, str]:
    """Return the names of some rows of `task` or `flow`."""
    if not refs:
        return {}
    rows = connection.execute(
        f"SELECT ref, name FROM {table} WHERE ref IN ({', '.join('?' * len(refs))})",  # noqa: S608
        list(refs),
    )
    return dict(rows.fetchall())


def _by_task(calls: Calls) -> tuple[str, int]:
    return calls.task, calls.ref
