"""The SQL of the store that more than one step uses, under names."""

from __future__ import annotations

from flowstone.core.states import CANCELLING, CRASHED
from flowstone.store.lives import FlowLife, Life, TaskLife


def _columns(kind: type[Life]) -> str:
    return ", ".join(kind.__struct_fields__)


def _insert(table: str, kind: type[Life]) -> str:
    marks = ", ".join("?" * len(kind.__struct_fields__))
    return f"INSERT INTO {table} ({_columns(kind)}) VALUES ({marks})"  # noqa: S608 - our names


def _replace(table: str, kind: type[Life]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in kind.__struct_fields__[1:])
    return f"{_insert(table, kind)} ON CONFLICT (id) DO UPDATE SET {changes}"


def _load(table: str, kind: type[Life]) -> str:
    return (
        f"SELECT {', '.join('run.' + name for name in kind.__struct_fields__)}, "  # noqa: S608
        f"state.type, state.name FROM {table} run JOIN state ON state.ref = run.state "
        "WHERE run.id = ?"
    )


INSERT_TASK_RUN = _insert("task_run", TaskLife)
REPLACE_TASK_RUN = _replace("task_run", TaskLife)
LOAD_TASK_RUN = _load("task_run", TaskLife)
INSERT_FLOW_RUN = _insert("flow_run", FlowLife)
REPLACE_FLOW_RUN = _replace("flow_run", FlowLife)
LOAD_FLOW_RUN = _load("flow_run", FlowLife)

# The run that most runs are: Pending when created, Running when started, Completed without a word.
INSERT_PLAIN_TASK_RUN = """
    INSERT INTO task_run
        (id, log, task, flow_run, parent, name, tags, fence, created, started, at,
         state, shown, is_open, sequence, attempt)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 3, 3, 0, 2, 1)
"""
# The same on its way: Pending (1) with sequence 0, or Running (2) with sequence 1.
INSERT_OPEN_TASK_RUN = """
    INSERT INTO task_run
        (id, log, task, flow_run, parent, name, tags, fence, created, started, at,
         state, shown, is_open, sequence, attempt)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
"""
# Those of some ids (the braces) that are still so, by the word of one log (the + keeps the planner
# from walking what is open there).
OPEN_PLAIN_TASK_RUNS = """
    SELECT id, flow_run, task, created, started, state, fence FROM task_run
    WHERE +log = ? AND id IN ({}) AND is_open = 1 AND state IN (1, 2) AND sequence = state - 1
        AND attempt = sequence AND history IS NULL AND name IS NOT NULL AND message IS NULL
        AND scheduled IS NULL AND mark IS NULL
"""
START_PLAIN_TASK_RUN = """
    UPDATE task_run SET started = ?, at = ?, state = 2, shown = 2, sequence = 1, attempt = 1
    WHERE id = ?
"""
COMPLETE_PLAIN_TASK_RUN = """
    UPDATE task_run SET started = coalesce(?, started), at = ?, state = 3, shown = 3, is_open = 0,
        sequence = 2, attempt = 1
    WHERE id = ?
"""
INSERT_TASK_RUN_TAG = "INSERT INTO task_run_tag (tag, run) VALUES (?, ?) ON CONFLICT DO NOTHING"
INSERT_EDGE = "INSERT INTO edge (run, upstream, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"

INSERT_LINE = """
    INSERT INTO log_line
        (log, position, flow_run, task_run, at, level, logger, message)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""

ADD_TASK_COUNT = """
    INSERT INTO task_count (flow_run, state, runs) VALUES (?, ?, ?)
    ON CONFLICT (flow_run, state) DO UPDATE SET runs = task_count.runs + excluded.runs
"""

ADD_TASK_HOUR = """
    INSERT INTO task_hour (hour, state, runs) VALUES (?, ?, ?)
    ON CONFLICT (hour, state) DO UPDATE SET runs = task_hour.runs + excluded.runs
"""
ADD_TASK_MINUTE = """
    INSERT INTO task_minute (minute, runs) VALUES (?, ?)
    ON CONFLICT (minute) DO UPDATE SET runs = task_minute.runs + excluded.runs
"""
ADD_TASK_DAY = """
    INSERT INTO task_day (day, task, state, runs) VALUES (?, ?, ?, ?)
    ON CONFLICT (day, task, state) DO UPDATE SET runs = task_day.runs + excluded.runs
"""
ADD_FLOW_HOUR = """
    INSERT INTO flow_hour (hour, state, runs) VALUES (?, ?, ?)
    ON CONFLICT (hour, state) DO UPDATE SET runs = flow_hour.runs + excluded.runs
"""
ADD_FLOW_DAY = """
    INSERT INTO flow_day (day, flow, state, runs) VALUES (?, ?, ?, ?)
    ON CONFLICT (day, flow, state) DO UPDATE SET runs = flow_day.runs + excluded.runs
"""

OPEN_TASK_RUNS_OF_LOG = (
    "SELECT id, at, flow_run, task, created, started, shown FROM task_run "
    "WHERE log = ? AND is_open = 1"
)
OPEN_TASK_RUNS_OF_FLOW_RUN = OPEN_TASK_RUNS_OF_LOG + " AND flow_run = ?"
OPEN_FLOW_RUNS_OF_LOG = (
    "SELECT id, at, flow, created, started, shown, parent_flow_run FROM flow_run "
    "WHERE log = ? AND is_open = 1"
)
OPEN_FLOW_RUNS_OF_FLOW_RUN = OPEN_FLOW_RUNS_OF_LOG + " AND parent_flow_run = ?"


def _mark(table: str, is_open: int, shown: int) -> str:
    """Return what puts a mark on a run, given as mark, time, message and the run's id."""
    return (
        f"UPDATE {table} SET is_open = {is_open}, shown = {shown}, mark = ?, "  # noqa: S608
        "mark_at = max(at, ?), mark_message = ? WHERE id = ?"
    )


CRASH_TASK_RUN = _mark("task_run", 0, CRASHED)
CRASH_FLOW_RUN = _mark("flow_run", 0, CRASHED)
ASK_TASK_RUN = _mark("task_run", 1, CANCELLING)
ASK_FLOW_RUN = _mark("flow_run", 1, CANCELLING)
UNASKED_TASK_RUN = OPEN_TASK_RUNS_OF_LOG + " AND id = ? AND mark IS NULL"
UNASKED_FLOW_RUN = OPEN_FLOW_RUNS_OF_LOG + " AND id = ? AND mark IS NULL"
