"""Many rows go in with few statements, as if each went by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from flowstone.store.connection import REFUSALS, Connection
from flowstone.store.databases import Database
from flowstone.store.inserting import insert
from flowstone.store.statements import INSERT_EDGE, INSERT_LINE, INSERT_PLAIN_TASK_RUN

Row = tuple[object, ...]


def edges(count: int) -> list[tuple[bytes, bytes, str]]:
    return [(os.urandom(16), os.urandom(16), f"parameter {number}") for number in range(count)]


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=repr)


def stored(connection: Connection, query: str) -> list[Row]:
    return in_order(tuple(row) for row in connection.execute(query).fetchall())


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100, 235])
def test_as_many_rows_are_there_as_were_given(database: Database, count: int):
    rows = edges(count)
    with database.transaction() as connection:
        assert insert(connection, INSERT_EDGE, rows) == count
        assert stored(connection, "SELECT run, upstream, name FROM edge") == in_order(rows)


def test_rows_that_are_there_are_passed_over_and_not_counted(database: Database):
    rows = edges(150)
    with database.transaction() as connection:
        insert(connection, INSERT_EDGE, rows[3:140])
        assert insert(connection, INSERT_EDGE, rows) == 3 + 10
        assert stored(connection, "SELECT run, upstream, name FROM edge") == in_order(rows)


@pytest.mark.parametrize("without", [range(0), range(7), range(5, 30), range(30)])
def test_what_some_rows_or_all_do_not_have_is_null_in_those(database: Database, without: range):
    rows: list[Row] = [
        (1, place, os.urandom(16), None if place in without else os.urandom(16), 5, 20, "root", "é")
        for place in range(30)
    ]
    columns = "log, position, flow_run, task_run, at, level, logger, message"
    with database.transaction() as connection:
        assert insert(connection, INSERT_LINE, rows) == 30
        assert stored(connection, f"SELECT {columns} FROM log_line") == in_order(rows)


def test_a_run_that_should_be_new_and_is_not_is_refused(database: Database):
    one, *others = (os.urandom(16) for _ in range(12))
    rows = [(run, 1, None, None, None, "add", None, 0, 5, 5, 6) for run in (*others, one)]
    with database.transaction() as connection:
        insert(connection, INSERT_PLAIN_TASK_RUN, rows[-1:])
    with pytest.raises(REFUSALS), database.transaction() as connection:
        insert(connection, INSERT_PLAIN_TASK_RUN, rows)
    with database.transaction() as connection:
        assert stored(connection, "SELECT id FROM task_run") == [(one,)]
