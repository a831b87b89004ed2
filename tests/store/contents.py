"""What a database holds, in a form that is the same however and in whatever steps it came there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flowstone.store.connection import Connection
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.folds import fold_of

_QUERIES = {
    "task_run": """
        SELECT hex(run.id), hex(log.id), task.name, hex(flow_run), run.name, run.tags,
               run.created, started, at, own.name, shown.name, is_open, fence, sequence, attempt,
               message, scheduled, hex(history), mark, mark_message
        FROM task_run run JOIN log ON log.ref = run.log LEFT JOIN task ON task.ref = run.task
        JOIN state own ON own.ref = run.state JOIN state shown ON shown.ref = run.shown
        ORDER BY run.id""",
    "flow_run": """
        SELECT hex(run.id), hex(log.id), flow.name, hex(parent_flow_run), run.name, run.tags,
               run.created, started, at, own.name, shown.name, is_open, fence, sequence, attempt,
               message, scheduled, hex(history), mark, mark_message, parameters
        FROM flow_run run JOIN log ON log.ref = run.log LEFT JOIN flow ON flow.ref = run.flow
        JOIN state own ON own.ref = run.state JOIN state shown ON shown.ref = run.shown
        ORDER BY run.id""",
    "line": """
        SELECT hex(log.id), position, hex(flow_run), hex(task_run), at, level, logger, message
        FROM log_line JOIN log ON log.ref = log_line.log ORDER BY 1, 2""",
    "count": """
        SELECT hex(flow_run), state.name, sum(runs) FROM task_count
        JOIN state ON state.ref = task_count.state
        GROUP BY 1, 2 HAVING sum(runs) <> 0 ORDER BY 1, 2""",
    "minute": "SELECT minute, runs FROM task_minute WHERE runs <> 0 ORDER BY 1",
    "flow hour": """
        SELECT hour, state.name, runs FROM flow_hour
        JOIN state ON state.ref = flow_hour.state WHERE runs <> 0 ORDER BY 1, 2""",
    "hour": """
        SELECT hour, state.name, runs FROM task_hour
        JOIN state ON state.ref = task_hour.state WHERE runs <> 0 ORDER BY 1, 2""",
    "tag": "SELECT tag, hex(run) FROM task_run_tag ORDER BY 1, 2",
    "result": "SELECT hex(run), at, place, key, is_hit, is_kept, seconds, reason FROM result",
    "edge": "SELECT hex(run), name, hex(upstream) FROM edge ORDER BY 1, 2, 3",
    "rejected": """
        SELECT hex(log.id), position, reason FROM rejected JOIN log ON ref = log ORDER BY 1, 2""",
    "gap": "SELECT hex(log.id), position, records, lines FROM gap JOIN log ON ref = log ORDER BY 1",
    "damage": """
        SELECT hex(log.id), segment, position, length, reason FROM damage
        JOIN log ON ref = log ORDER BY 1, 2, 3""",
}
_COUNTED = {
    "minute": "SELECT created / 60000000000, count(*) FROM task_run GROUP BY 1 ORDER BY 1",
    "flow hour": """
        SELECT created / 3600000000000, state.name, count(*) FROM flow_run
        JOIN state ON state.ref = shown GROUP BY 1, 2 ORDER BY 1, 2""",
    "count": """
        SELECT hex(flow_run), state.name, count(*) FROM task_run
        JOIN state ON state.ref = shown WHERE flow_run IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
    "hour": """
        SELECT created / 3600000000000, state.name, count(*) FROM task_run
        JOIN state ON state.ref = shown GROUP BY 1, 2 ORDER BY 1, 2""",
}


_CALLED = """
    SELECT flow_run, coalesce(task, 0), shown, count(*), min(created), min(started),
        max(CASE WHEN is_open = 0 THEN coalesce(mark_at, at) END)
    FROM task_run WHERE flow_run IS NOT NULL GROUP BY flow_run, coalesce(task, 0), shown"""
_TAKEN = """
    SELECT run.flow_run, coalesce(run.task, 0), coalesce(up.task, 0), count(*) FROM task_run run
    JOIN edge ON edge.run = run.id JOIN task_run up ON up.id = edge.upstream
    WHERE up.flow_run = run.flow_run
    GROUP BY run.flow_run, coalesce(run.task, 0), coalesce(up.task, 0)"""


def assert_folds_equal_rows(connection: Connection) -> None:
    """Compare what is kept of the graph of each flow run with its rows."""
    folds = {run: fold_of(connection, run) for (run,) in connection.execute(_FOLDS).fetchall()}
    expected: dict[bytes, dict[int, dict[int, int]]] = {}
    for run, task, state, runs, *times in connection.execute(_CALLED).fetchall():
        expected.setdefault(run, {}).setdefault(task, {})[state] = runs
        first, started, ended = times
        called = folds[run].tasks[task]
        assert called.first <= first
        assert started is None or (called.started or started + 1) <= started
        assert ended is None or (called.ended or 0) >= ended
    assert expected == {
        run: {task: called.states for task, called in fold.tasks.items()}
        for run, fold in folds.items()
    }
    taken: dict[bytes, dict[int, dict[int, int]]] = {
        run: {} for run, fold in folds.items() if fold.is_known
    }
    for run, task, upstream, results in connection.execute(_TAKEN).fetchall():
        if run in taken:
            taken[run].setdefault(task, {})[upstream] = results
    assert taken == {run: folds[run].takes for run in taken}


_FOLDS = "SELECT flow_run FROM fold"


def contents(where: Path | Database) -> dict[str, list[Any]]:
    """Return everything, having checked that each count equals its rows."""
    database = EmbeddedDatabase(where) if isinstance(where, Path) else where
    with database.store() as store:

        def ask(query: str) -> list[Any]:
            if not isinstance(database, EmbeddedDatabase):
                query = re.sub(r"hex\((.*?)\)", r"coalesce(upper(encode(\1, 'hex')), '')", query)
            return store.connection.execute(query).fetchall()

        found = {name: ask(query) for name, query in _QUERIES.items()}
        for name, query in _COUNTED.items():
            assert found[name] == ask(query), name
        assert_folds_equal_rows(store.connection)
        if isinstance(database, EmbeddedDatabase):
            assert ask("PRAGMA integrity_check") == [("ok",)]
    return found
