"""Databases of the version before the roll-ups of today come to the same roll-ups."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowstone.store.connection import Connection
from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from flowstone.store.schema import VERSION
from tests.postgres import migrated_database
from tests.server.stories import mixed
from tests.store.contents import contents
from tests.store.test_counts import assert_counts_equal_rows

_BEFORE = 10
_OLD = """
    DROP TABLE fold; DROP TABLE task_took; DROP TABLE flow_took;
    DROP INDEX task_run_by_state; CREATE INDEX task_run_by_state ON task_run (shown, id);
    UPDATE task_hour SET runs = runs + 7;
"""


@pytest.fixture(params=["embedded", "postgres"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "embedded":
        yield None
        return
    with migrated_database(request.getfixturevalue("postgres_server")) as found:
        yield found


def make_old(database: Database) -> None:
    """Take away what the version before did not have; what is left is made anew by any."""
    with database.transaction() as connection:
        for statement in _OLD.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("UPDATE flowstone SET version = ?", (_BEFORE,))
        if isinstance(database, EmbeddedDatabase):
            connection.execute(f"PRAGMA user_version = {_BEFORE}")


def version_of(connection: Connection) -> int:
    return int(connection.execute("SELECT version FROM flowstone").fetchone()[0])


def test_the_roll_ups_of_an_older_database_are_filled_from_its_rows(home: Path, url: str | None):
    with contextlib.closing(open_database(home, url)) as database:
        mixed(database)
        before = contents(database)
        make_old(database)
    with contextlib.closing(open_database(home, url)) as database:
        assert contents(database) == before
        assert_counts_equal_rows(database)
        with database.store() as store:
            assert version_of(store.connection) == VERSION
