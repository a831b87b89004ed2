"""A whole database in a file and back, from either kind to either kind."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from flowstone.store.copying import _tables, export, load
from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from flowstone.store.errors import NotAnExport, NotEmpty
from flowstone.store.names import Names
from tests.store.contents import contents
from tests.store.feeding import feed
from tests.store.segments import START, LogBuilder
from tests.store.test_counts import assert_counts_equal_rows
from tests.store.test_retention import rich_story


def all_rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.store() as store:
        return {
            table: sorted(
                map(tuple, store.connection.execute(f"SELECT {', '.join(columns)} FROM {table}")),
                key=repr,
            )
            for table, columns in _tables().items()
        }


@pytest.fixture
def exported(any_database: Database, tmp_path: Path) -> Path:
    rich_story(any_database, tasks=50)
    path = tmp_path / "all.flowstone"
    assert export(any_database, path) > 200
    return path


@pytest.fixture
def new_home(tmp_path: Path) -> Path:
    home = tmp_path / "new"
    home.mkdir()
    return home


@pytest.mark.parametrize("target", ["embedded", "postgres"])
def test_a_database_comes_back_from_a_file_as_it_was(
    any_database: Database,
    exported: Path,
    new_home: Path,
    target: str,
    request: pytest.FixtureRequest,
):
    url = request.getfixturevalue("postgres_url") if target == "postgres" else None
    other = open_database(new_home, url)
    load(other, exported)
    assert all_rows(other) == all_rows(any_database)
    assert other.identity() == any_database.identity()
    assert_counts_equal_rows(other)
    log = LogBuilder(new_home)  # and it goes on: new rows get new numbers
    log.segment(log.story(3))
    feed(other)
    contents(other)
    with other.transaction() as connection:
        assert Names(connection).state(3, "Never seen") > 0
    other.close()


def test_the_rows_of_an_imported_history_lie_in_their_weeks(
    exported: Path, new_home: Path, postgres_url: str
):
    other = open_database(new_home, postgres_url)
    load(other, exported)
    with other.store() as store:
        query = "SELECT count(*) FROM task_run_rest"
        assert store.connection.execute(query).fetchone() == (0,)
    other.close()


def test_a_database_in_use_is_not_written_over(any_database: Database, exported: Path):
    before = contents(any_database)
    with pytest.raises(NotEmpty, match="FLOWSTONE_HOME to a new directory"):
        load(any_database, exported)
    assert contents(any_database) == before


@pytest.mark.parametrize("harm", ["cut", "changed", "garbled", "other", "short"])
@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_a_file_that_is_not_whole_changes_nothing(exported: Path, new_home: Path, harm: str):
    data = exported.read_bytes()
    plain = gzip.decompress(data)
    at = plain.index(b"nightly")
    harmed = {
        "cut": data[: len(data) // 2],
        "changed": gzip.compress(plain[:at] + b"weekly!" + plain[at + 7 :]),
        "garbled": data[:10] + b"\xff" * 100,
        "other": gzip.compress(b"\x00\x00\x00\x02hi"),
        "short": gzip.compress(plain[: -len(plain) // 3]),
    }
    exported.write_bytes(harmed[harm])
    other = EmbeddedDatabase(new_home)
    with pytest.raises(NotAnExport):
        load(other, exported)
    assert contents(other) == contents(EmbeddedDatabase(new_home))
    assert contents(other)["task_run"] == []
    with other.store() as store:
        assert len(store.connection.execute("SELECT ref FROM state").fetchall()) == 9


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_a_file_that_is_there_is_not_written_over(any_database: Database, exported: Path):
    with pytest.raises(FileExistsError, match="is there already"):
        export(any_database, exported)
    assert START


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_an_export_that_fails_leaves_no_part_of_a_file(any_database: Database, tmp_path: Path):
    def full(_table: str, _rows: int) -> None:
        raise OSError("no space left")

    rich_story(any_database, tasks=1)
    there = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="no space left"):
        export(any_database, tmp_path / "all.flowstone", full)
    assert set(tmp_path.iterdir()) == there
