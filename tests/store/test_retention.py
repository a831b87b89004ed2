"""Retention: what is too old goes with all that belongs to it, and what is to be kept stays."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowstone.core.facts import (
    ArtifactWritten,
    ProgressMade,
    ResultNoted,
    TaskDefined,
    TransactionNoted,
    UsageMeasured,
)
from flowstone.core.states import COMPLETED
from flowstone.drive.long_lines import LongLines
from flowstone.settings import RetentionSettings
from flowstone.store import partitions, retention
from flowstone.store.connection import ALONE
from flowstone.store.database import database_path
from flowstone.store.databases import Database, EmbeddedDatabase
from flowstone.store.partitions import WEEK
from flowstone.store.reading.listing import list_runs
from flowstone.store.reading.wanted import RunsWanted
from flowstone.store.retention import (
    PERIOD,
    Borders,
    borders,
    prune,
    prune_when_due,
    would_prune,
)
from flowstone.store.selecting import TASK_RUNS
from tests.store.contents import contents
from tests.store.feeding import feed
from tests.store.segments import START, LogBuilder
from tests.store.test_counts import assert_counts_equal_rows

LATER = START + 10 * WEEK
KEPT_FOR_EVER = {"flowstone", "state", "task", "flow", "pruned", "change", "slot_gate"}


def everything(at: int) -> Borders:
    return Borders(runs=at, log_lines=at, artifacts=at)


def rich_story(database: Database, at: int = START, tasks: int = 20) -> dict[str, bytes]:
    """A dead process that left something in every table that belongs to runs."""
    log = LogBuilder(database.home)
    log.clock = at
    parent = log.flow_run(name="parent", tags=("nightly",))
    child = log.flow_run(name="child", parent_flow_run=parent.run)
    records: list[Any] = [*log.definitions(), TaskDefined(1, "mul-1", "mul"), parent, child]
    runs = [
        log.task_run(child.run, name=f"t-{n}", task=n % 2, tags=("even",) if n % 2 == 0 else ())
        for n in range(tasks)
    ]
    for made in runs:
        records += [made, log.completed(made.run), log.line("said", task_run=made.run)]
        records += [log.inputs(made.run, ("x", runs[0].run))]
        records += [UsageMeasured(made.run, log.clock, 0.5, 1 << 20)]
        records += [ResultNoted(made.run, log.clock, "/there", "key", True, True, 1.5, None)]
    outer = log.task_run(None, name="outer")
    inner = log.task_run(None, name="inner", parent=outer.run)
    records += [outer, inner, log.completed(inner.run), log.completed(outer.run)]
    records += [log.line("of the flow", flow_run=child.run), log.line("loose", task_run=outer.run)]
    records += [
        ArtifactWritten(
            log.ids.new(log.tick()), "markdown", "report", log.clock, "text", None, run, task
        )
        for run, task in ((child.run, runs[0].run), (None, outer.run))
    ]
    records += [ProgressMade(run, "rows", log.tick(), 3, 10) for run in (child.run, outer.run)]
    records += [
        TransactionNoted(log.ids.new(log.tick()), log.clock, None, run, None, "title", (), (), ())
        for run in (child.run, None)
    ]
    records += [
        log.flow_changed(child.run, 2, COMPLETED),
        log.flow_changed(parent.run, 2, COMPLETED),
    ]
    log.segment(records)
    feed(database)
    return {"parent": parent.run, "child": child.run, "outer": outer.run, "first": runs[0].run}


def rows_by_table(database: Database) -> dict[str, int]:
    with database.store() as store:
        query = (
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            if isinstance(database, EmbeddedDatabase)
            else "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace"
        )
        names = [name for (name,) in store.connection.execute(query).fetchall()]
        counted = {
            name: store.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in names
        }
    return {name: count for name, count in counted.items() if name not in KEPT_FOR_EVER}


def names_of(database: Database) -> set[str]:
    with database.store() as store:
        found = store.connection.execute(
            "SELECT name FROM flow_run UNION SELECT name FROM task_run"
        )
        return {name for (name,) in found.fetchall()}


def test_nothing_of_a_run_that_is_too_old_stays_behind(any_database: Database):
    ids = rich_story(any_database)
    texts = LongLines(str(any_database.home), 1024)
    for name in ("child", "outer"):
        texts.cut("x" * 5000, ids[name])
    unfinished = any_database.home / "logs" / f".{'ab' * 16}.000001.log.new"
    unfinished.touch()  # a kill ended its making
    before = rows_by_table(any_database)
    filled = {"task_run_tag", "flow_run_tag", "edge", "result", "usage", "log_line", "undo"}
    filled |= {"artifact", "progress", "log", "task_count", "task_day", "late_hour"}
    assert all(before[name] for name in filled)

    done = prune(any_database, everything(time.time_ns() + 1))

    assert done.is_done
    assert (done.flow_runs, done.logs) == (2, 1)
    assert done.task_runs == 22
    assert {name: rows for name, rows in rows_by_table(any_database).items() if rows} == {}
    assert os.listdir(any_database.home / "long-lines") == []
    assert not unfinished.exists()


def test_what_is_younger_stays_as_it_was(any_database: Database):
    rich_story(any_database, LATER)
    before = contents(any_database)
    rich_story(any_database, START)
    done = prune(any_database, everything(LATER))
    assert (done.flow_runs, done.task_runs) == (2, 22)
    assert contents(any_database) == before
    assert_counts_equal_rows(any_database)


def test_what_would_go_is_told_and_stays(any_database: Database):
    rich_story(any_database)
    before = contents(any_database)
    told = would_prune(any_database, everything(LATER))
    assert contents(any_database) == before
    assert (told.flow_runs, told.artifacts, told.log_lines) == (2, 2, 22)
    assert told.task_runs == 21  # the inner one is found when its caller is gone
    none = would_prune(any_database, Borders())
    assert (none.flow_runs, none.task_runs, none.log_lines, none.artifacts) == (0, 0, 0, 0)


def test_a_tree_in_which_something_is_open_or_young_stays_whole(any_database: Database):
    log = LogBuilder(any_database.home)
    root, other = log.flow_run(name="root"), log.flow_run(name="other")
    called = log.flow_run(name="called", parent_flow_run=root.run)
    beside = log.flow_run(name="beside", parent_flow_run=root.run)
    waits = log.flow_run(name="waits")
    open_task = log.task_run(waits.run, name="open task")
    loose = log.task_run(None, name="loose and open")
    within = log.task_run(None, name="within it", parent=loose.run)
    gone = log.task_run(other.run, name="gone")
    records = [*log.definitions(), root, called, beside, other, waits, open_task, loose, within]
    records += [gone, log.completed(gone.run), log.completed(within.run)]
    records += [log.flow_changed(one.run, 2, COMPLETED) for one in (root, other, waits)]
    log.clock = LATER
    records += [log.flow_changed(beside.run, 2, COMPLETED)]
    log.segment(records)
    log.hold()
    feed(any_database)
    with any_database.transaction() as connection:  # as where it is of another log
        for table, run in (("task_run", open_task.run), ("flow_run", called.run)):
            connection.execute(f"UPDATE {table} SET is_open = 1 WHERE id = ?", (run,))
    if not isinstance(any_database, EmbeddedDatabase):
        any_database.tend()
        with any_database.transaction() as connection:
            partitions.tend(connection, LATER)
    prune(any_database, everything(LATER - 1))
    expected = {"root", "called", "beside", "waits", "open task", "loose and open", "within it"}
    assert names_of(any_database) == expected
    log.die()


@pytest.mark.parametrize("any_database", ["postgres"], indirect=True)
def test_weeks_of_postgres_are_dropped_but_not_one_in_which_something_is_to_be_kept(
    any_database: Database,
):
    for week in range(3):
        rich_story(any_database, START + week * WEEK)
    log = LogBuilder(any_database.home)
    log.clock = START + WEEK
    kept = log.task_run(None, name="still running")
    log.segment([*log.definitions(), kept])
    log.hold()
    feed(any_database)
    with any_database.transaction() as connection:
        partitions.tend(connection, START + 2 * WEEK)
    border = (START // WEEK + 2) * WEEK
    done = prune(any_database, everything(border))
    assert done.weeks >= 2  # the first week of the runs, and two of the lines
    assert (done.flow_runs, done.task_runs) == (4, 44)
    with any_database.store() as store:
        tables = store.connection.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
        weeks = {name for (name,) in tables.fetchall()}
    first, second = (partitions._name("task_run", START // WEEK + n) for n in range(2))
    assert first not in weeks
    assert second in weeks
    assert "still running" in names_of(any_database)
    assert_counts_equal_rows(any_database)
    log.die()


_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"


@pytest.mark.parametrize("any_database", ["postgres"], indirect=True)
@pytest.mark.parametrize("second", ["SELECT count(*) FROM edge", ALONE])
def test_who_reads_or_writes_while_weeks_are_dropped_is_not_ended(
    any_database: Database, second: str
):
    rich_story(any_database)
    rich_story(any_database, START + WEEK)
    with any_database.transaction() as connection:
        partitions.tend(connection, START + WEEK)
    with ThreadPoolExecutor(1) as thread:
        with any_database.transaction() as connection:
            # As one who writes young runs.
            connection.execute("LOCK TABLE ONLY task_run IN ROW EXCLUSIVE MODE")
            pruning = thread.submit(prune, any_database, everything((START // WEEK + 1) * WEEK))
            with any_database.store() as looking:
                while looking.connection.execute(_WAITING).fetchone() == (0,):
                    assert not pruning.done()
            connection.execute(second)
        done = pruning.result()
    assert done.task_runs == 22
    assert_counts_equal_rows(any_database)
    contents(any_database)


@pytest.mark.parametrize("any_database", ["postgres"], indirect=True)
def test_of_a_week_that_goes_nothing_is_shown_from_the_first_table_on(any_database: Database):
    rich_story(any_database)
    with any_database.transaction() as connection:
        partitions.tend(connection, START)
    for table in retention._TABLES_OF_RUNS:
        with any_database.transaction() as connection:
            assert partitions.hold(connection, table, START // WEEK)
            partitions.drop(connection, table, START // WEEK)
        with any_database.store() as store:
            assert list_runs(store.connection, TASK_RUNS, RunsWanted(), limit=50).rows == []
            tagged = RunsWanted(tags_any=("even",))
            assert list_runs(store.connection, TASK_RUNS, tagged, limit=50).rows == []
            assert store.hits() == []
        assert_counts_equal_rows(any_database)
        contents(any_database)


def test_records_of_a_run_that_was_deleted_do_not_bring_it_back(any_database: Database):
    log = LogBuilder(any_database.home)
    records = log.story(3)
    log.segment(records)
    log.hold()
    feed(any_database)
    done = prune(any_database, everything(LATER))
    assert (done.flow_runs, done.task_runs, done.logs) == (1, 3, 0)
    log.add([log.line("late", flow_run=records[2].run), log.completed(records[3].run, 3)])
    feed(any_database)
    assert names_of(any_database) == set()
    assert rows_by_table(any_database)["log_line"] == 0
    log.die()
    feed(any_database)
    prune(any_database, everything(time.time_ns() + PERIOD))
    assert rows_by_table(any_database)["tombstone"] == 0


@pytest.mark.parametrize("kept", ["runs", "log_lines", "artifacts"])
def test_each_is_kept_for_ever_if_its_setting_is_0(any_database: Database, kept: str):
    rich_story(any_database)
    given = {f"{name}_days": 90.0 for name in ("runs", "log_lines", "artifacts")}
    before = borders(RetentionSettings(**(given | {f"{kept}_days": 0.0})), time.time_ns())
    assert getattr(before, kept) is None
    prune(any_database, before)
    rows = rows_by_table(any_database)
    # What belongs to a run goes with the run at the latest.
    expected = {"runs": (24, 0, 0), "log_lines": (0, 0, 0), "artifacts": (0, 0, 0)}
    found = rows["task_run"] + rows["flow_run"], rows["log_line"], rows["artifact"]
    assert found == expected[kept]


def test_it_is_done_once_an_hour_by_one_server_and_not_at_the_first_look(any_database: Database):
    rich_story(any_database)
    retention, now = RetentionSettings(), time.time_ns()
    assert prune_when_due(any_database, retention, now) is None
    assert prune_when_due(any_database, retention, now + PERIOD - 1) is None
    assert names_of(any_database)
    done = prune_when_due(any_database, retention, now + PERIOD)
    assert done is not None
    assert done.flow_runs == 2
    assert prune_when_due(any_database, retention, now + PERIOD) is None


def test_what_there_was_no_time_for_is_done_the_next_time(any_database: Database):
    rich_story(any_database)
    retention, now = RetentionSettings(), time.time_ns()
    prune_when_due(any_database, retention, now)
    done = prune_when_due(any_database, retention, now + PERIOD, seconds=0.0)
    assert done is not None
    assert not done.is_done
    assert names_of(any_database)
    done = prune_when_due(any_database, retention, now + PERIOD, seconds=60.0)
    assert done is not None
    assert done.is_done
    assert names_of(any_database) == set()


def test_an_embedded_database_gives_its_disk_back(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    database = EmbeddedDatabase(home)
    rich_story(database, tasks=3000)
    path = database_path(home)
    before = os.stat(path).st_size
    prune(database, everything(time.time_ns() + 1))
    assert os.stat(path).st_size < before / 4
    with database.store() as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
