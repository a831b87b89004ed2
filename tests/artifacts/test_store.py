"""Artifacts and progress on their way into the store, and out of it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from flowstone.core.facts import ArtifactChanged, ArtifactWritten, ProgressMade
from flowstone.core.states import COMPLETED
from flowstone.store import schema
from flowstone.store.collector import collect
from flowstone.store.database import database_path
from flowstone.store.queries import open_store
from flowstone.store.schema import APPLICATION, VERSION
from tests.store.segments import LogBuilder

MIGRATIONS = Path(schema.__file__).with_name("migrations")


@pytest.fixture
def log(tmp_path: Path) -> LogBuilder:
    place = tmp_path / "home"
    place.mkdir()
    return LogBuilder(place)


def artifact(log: LogBuilder, key=None, data="hi", *, kind="markdown", flow_run=None):
    at = log.tick()
    return ArtifactWritten(log.ids.new(at), kind, key, at, data, None, flow_run, None)


def rows(home: Path, **wanted):
    with open_store(home) as store:
        return store.artifacts(**wanted)


def test_a_change_may_be_read_before_the_artifact_is_made(log):
    made = artifact(log, "p", "10.0", kind="progress")
    other = LogBuilder(log.home)
    other.segment([ArtifactChanged(made.artifact, log.tick(), "50.0", "half")])
    collect(log.home)
    assert rows(log.home) == []
    log.segment([made])
    [row] = rows(log.home)
    assert (row.type, row.key, row.data, row.description) == ("progress", "p", "50.0", "half")
    assert (row.created, row.updated) == (made.at, made.at + 1_000_000)


def test_of_several_changes_the_latest_holds_whatever_is_read_first(log):
    made = artifact(log, "p", "0.0", kind="progress")
    early, late = log.tick(), log.tick()
    log.segment([made, ArtifactChanged(made.artifact, late, "90.0", "much")])
    collect(log.home)
    other = LogBuilder(log.home)
    other.segment([ArtifactChanged(made.artifact, early, "10.0", "little")])
    [row] = rows(log.home)
    assert (row.data, row.description, row.updated) == ("90.0", "much", late)


def test_a_change_without_a_description_leaves_it(log):
    made = artifact(log, "p", "0.0", kind="progress")
    log.segment(
        [
            made,
            ArtifactChanged(made.artifact, log.tick(), "1.0", "one"),
            ArtifactChanged(made.artifact, log.tick(), "2.0"),
        ]
    )
    assert [(row.data, row.description) for row in rows(log.home)] == [("2.0", "one")]


def test_versions_of_a_key_are_newest_first_and_can_be_left_out(log):
    made = [artifact(log, "a", "1"), artifact(log, None, "2"), artifact(log, "a", "3")]
    log.segment(made)
    assert [row.data for row in rows(log.home)] == ["3", "2", "1"]
    assert [row.data for row in rows(log.home, newest_only=True)] == ["3", "2"]
    assert [row.data for row in rows(log.home, key="a", limit=1)] == ["3"]
    assert [row.data for row in rows(log.home, id=made[1].artifact)] == ["2"]


def test_artifacts_and_progress_go_with_their_flow_run(log):
    run = log.flow_run()
    task_run = log.task_run(run.run)
    kept = artifact(log, "kept")
    log.segment(
        [
            *log.definitions(),
            run,
            task_run,
            kept,
            artifact(log, "gone", flow_run=run.run),
            ProgressMade(run.run, "", log.tick(), 1),
            ProgressMade(task_run.run, "", log.tick(), 1),
            log.flow_changed(run.run, 2, COMPLETED),
        ]
    )
    with open_store(log.home) as store:
        store.delete_flow_run(run.run)
    assert [row.key for row in rows(log.home)] == ["kept"]
    with open_store(log.home) as store:
        assert store.progress(run.run) == store.progress(task_run.run) == []


def test_what_a_deleted_run_says_later_is_not_kept(log):
    run = log.flow_run()
    log.segment([*log.definitions(), run, log.flow_changed(run.run, 2, COMPLETED)])
    log.hold()
    with open_store(log.home) as store:
        store.delete_flow_run(run.run)
    late = artifact(log, "late", flow_run=run.run)
    log.add(
        [
            late,
            ArtifactChanged(late.artifact, log.tick(), "x"),
            ProgressMade(run.run, "", log.tick(), 1),
        ]
    )
    assert rows(log.home) == []
    with open_store(log.home) as store:
        assert store.progress(run.run) == []
    with contextlib.closing(sqlite3.connect(database_path(log.home))) as connection:
        assert connection.execute("SELECT count(*) FROM artifact").fetchone() == (0,)
    log.die()


def test_a_deleted_artifact_stays_deleted_when_its_process_goes_on_with_it(log):
    made = artifact(log, "p", "1.0", kind="progress")
    log.segment([made])
    log.hold()
    with open_store(log.home) as store:
        assert store.delete_artifacts([made.artifact]) == 1
        assert store.delete_artifacts([made.artifact]) == 0
    log.add([ArtifactChanged(made.artifact, log.tick(), "2.0")])
    assert rows(log.home) == []
    log.die()


def test_of_one_loops_records_the_last_one_holds(log):
    run = log.flow_run()
    log.segment(
        [
            *log.definitions(),
            run,
            ProgressMade(run.run, "pages", log.tick(), 0, 10),
            ProgressMade(run.run, "files", log.tick(), 3),
            ProgressMade(run.run, "pages", log.tick(), 10, 10),
        ]
    )
    with open_store(log.home) as store:
        loops = [(one.description, one.done, one.total) for one in store.progress(run.run)]
    assert loops == [("files", 3, None), ("pages", 10, 10)]


def test_an_id_that_is_none_is_put_aside_and_holds_up_nothing(log):
    bad = ArtifactWritten(b"short", "markdown", None, log.tick(), "x", None, None, None)
    log.segment([bad, artifact(log, "good")])
    assert [row.key for row in rows(log.home)] == ["good"]
    with open_store(log.home) as store:
        assert len(store.status().rejected) == 1


def older_database(home: Path) -> None:
    """Make the database anew as the first version made it, with the runs that it has."""
    path = database_path(home)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        kept = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("log", "flow", "definition")
        }
        connection.row_factory = sqlite3.Row
        (run,) = map(dict, connection.execute("SELECT * FROM flow_run"))
    for name in home.glob("flowstone.db*"):
        name.unlink()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((MIGRATIONS / "0001_initial.sql").read_text())
        for table, found in kept.items():
            for row in found:
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        there = [row[1] for row in connection.execute("PRAGMA table_info(flow_run)")]
        values = [run[column] for column in there]
        connection.execute(f"INSERT INTO flow_run VALUES ({', '.join('?' * len(there))})", values)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA user_version = 1")


def test_a_database_of_the_version_before_is_migrated_by_whoever_reads(log):
    log.segment([*log.definitions(), log.flow_run()])
    collect(log.home)
    older_database(log.home)
    assert rows(log.home) == []
    with contextlib.closing(sqlite3.connect(database_path(log.home))) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with open_store(log.home) as store:
        assert len(store.flow_runs()) == 1
