"""Weeks that are over take no more room on Postgres than what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowstone.core.facts import TaskDefined
from flowstone.store import packing, partitions
from flowstone.store.connection import Connection
from flowstone.store.databases import Database, open_database
from flowstone.store.partitions import WEEK
from tests.postgres import migrated_database
from tests.store.contents import contents
from tests.store.feeding import feed
from tests.store.segments import START, LogBuilder

_BY_TASK = partitions._name("task_run", START // WEEK) + "_task_id_idx"
_END = (START // WEEK + 1) * WEEK
_DAY = WEEK // 7


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the indexes of a test be worth it."""
    monkeypatch.setattr(packing, "_WORTH", 1)


@pytest.fixture
def database(home: Path, postgres_server: str) -> Iterator[Database]:
    """Give a database of the test's own: what is packed stays so when it is emptied."""
    with migrated_database(postgres_server) as url, closing(open_database(home, url)) as found:
        yield found


def of_many_tasks(database: Database) -> None:
    """Make a week of runs of many tasks that take turns: each page of the index is split."""
    with database.transaction() as connection:
        partitions.make_weeks(connection, START, START)
    log = LogBuilder(database.home)
    tasks = [TaskDefined(number, f"task-{number}", f"task-{number}") for number in range(50)]
    runs = [log.task_run(task=number % 50) for number in range(4000)]
    log.segment([*tasks, *runs])
    feed(database)


def size_of(connection: Connection, index: str) -> int:
    (size,) = connection.execute("SELECT pg_relation_size(?::text::regclass)", (index,)).fetchone()
    return int(size)


def test_the_indexes_of_a_week_that_is_over_are_packed_once(database: Database):
    of_many_tasks(database)
    before = contents(database)
    with database.store() as store:
        connection = store.connection
        loose = size_of(connection, _BY_TASK)
        assert packing.pack(connection, _END + _DAY - 1) == 0
        assert packing.pack(connection, _END + _DAY) > 1
        assert size_of(connection, _BY_TASK) < 0.75 * loose
        assert packing.pack(connection, _END + _DAY) == 0
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
    assert contents(database) == before


def test_an_index_that_was_left_half_built_is_removed(database: Database):
    of_many_tasks(database)
    table = partitions._name("task_run", START // WEEK)
    with database.transaction() as connection:
        connection.execute(f"CREATE INDEX half_built ON {table} (task)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half_built'::regclass"
        )
    with database.store() as store:
        assert packing.pack(store.connection, _END + _DAY) > 1
        left = "SELECT count(*) FROM pg_class WHERE relname = 'half_built'"
        assert store.connection.execute(left).fetchone() == (0,)


def test_one_server_packs_at_a_time(database: Database):
    of_many_tasks(database)
    with database.store() as one, database.store() as other:
        with packing._alone(one.connection) as is_alone:
            assert is_alone
            assert packing.pack(other.connection, _END + _DAY) == 0
        assert packing.pack(other.connection, _END + _DAY) > 1
