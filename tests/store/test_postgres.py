"""The store on Postgres: how it is opened, what it refuses, and what many writers come to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from flowstone.core.states import RUNNING
from flowstone.store import partitions
from flowstone.store.applying import advance
from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from flowstone.store.errors import (
    BadDatabaseUrl,
    DatabaseAway,
    NewerDatabase,
    NotADatabase,
    StoreError,
    TookTooLong,
    ValueRefused,
)
from flowstone.store.names import Names
from flowstone.store.partitions import WEEK
from flowstone.store.receiver import Receiver
from flowstone.store.rows import RunFilter
from flowstone.store.schema import VERSION
from flowstone.store.segments import survey
from tests.postgres import own_server, url_of
from tests.server.shipping import Stream
from tests.store.contents import assert_folds_equal_rows, contents
from tests.store.feeding import fed, feed
from tests.store.segments import START, LogBuilder

on_postgres = pytest.mark.parametrize("any_database", ["postgres"], indirect=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://me:geheim@host/x", "'mysql' is no kind of database"),
        ("postgresql://me:gehe/im@host:5432/x", "cannot be read.*%2F"),
        ("postgresql://me:geheim@host:54x2/x", "cannot be read"),
        ("postgresql://me:geheim@127.0.0.1:1/x", "'x' at 127.0.0.1:1 cannot be reached"),
        ("postgresql+asyncpg://me:geheim@127.0.0.1:1/x", "127.0.0.1:1"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(home: Path, url: str, words: str):
    with pytest.raises(StoreError, match=words) as caught:
        open_database(home, url)
    assert isinstance(caught.value, BadDatabaseUrl | DatabaseAway)
    error: BaseException | None = caught.value
    while error is not None:
        assert "geheim" not in str(error)
        assert "im@" not in str(error)
        error = error.__cause__


def test_the_embedded_database_is_that_of_the_home(home: Path):
    for url in (None, "sqlite:", "sqlite://", f"sqlite:///{home}/flowstone.db"):
        assert isinstance(open_database(home, url), EmbeddedDatabase)
    with pytest.raises(BadDatabaseUrl, match="set FLOWSTONE_HOME"):
        open_database(home, "sqlite:////elsewhere/flowstone.db")


def test_a_database_that_is_not_there_is_told_by_its_name(home: Path, postgres_server: str):
    with pytest.raises(DatabaseAway, match='database "nowhere" does not exist'):
        open_database(home, url_of(postgres_server, "nowhere"))


def test_a_database_of_something_else_is_left_alone(home: Path, postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE flow_run (id int)")
    with pytest.raises(NotADatabase, match=r"tables of something else \(flow_run"):
        open_database(home, postgres_url)
    with psycopg.connect(postgres_url) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (1,)


def test_a_database_of_a_newer_version_is_not_opened(home: Path, postgres_url: str):
    open_database(home, postgres_url).close()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE flowstone SET version = version + 3")
    with pytest.raises(NewerDatabase, match=f"version {VERSION + 3}; this .* up to {VERSION}"):
        open_database(home, postgres_url)


def test_servers_that_start_together_make_one_database(home: Path, postgres_url: str):
    with ThreadPoolExecutor(3) as pool:
        opened = list(pool.map(lambda _: open_database(home, postgres_url), range(3)))
    try:
        assert len({one.identity() for one in opened}) == 1
    finally:
        for one in opened:
            one.close()


def test_a_database_keeps_its_id(any_database: Database):
    assert any_database.identity() == any_database.identity()
    assert len(any_database.identity()) == 16


def test_the_two_kinds_have_the_same_tables_and_columns(home: Path, any_database: Database):
    columns = {}
    for one in (any_database, EmbeddedDatabase(home)):
        one.identity()  # which makes it
        with one.store() as store:
            if isinstance(one, EmbeddedDatabase):
                found = store.connection.execute(
                    "SELECT tables.name, columns.name FROM sqlite_schema tables "
                    "JOIN pragma_table_info(tables.name) columns WHERE tables.type = 'table'"
                )
            else:
                found = store.connection.execute(
                    "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = "
                    "pg_class.oid WHERE relkind IN ('r', 'p') AND NOT relispartition "
                    "AND relnamespace = 'public'::regnamespace AND attnum > 0"
                )
            columns[type(one)] = sorted(row for row in found if not row[0].startswith("sqlite_"))
    first, *others = columns.values()
    assert all(first == other for other in others)


def test_a_database_that_went_away_is_used_again_when_it_is_back(home: Path):
    log = LogBuilder(home)
    log.segment(log.story(2))
    with own_server() as server:
        database = open_database(home, server.url)
        feed(database)
        idle = [database.store() for _ in range(3)]
        for one in idle:
            one.flow_runs()
            one.close()
        server.stop()
        for _ in range(2):
            with pytest.raises(DatabaseAway, match="Nothing was changed; try again"):
                database.store()
            with pytest.raises(DatabaseAway), database.transaction():
                pass
        server.start()
        with database.store() as store:
            assert len(store.flow_runs()) == 1
        with database.transaction() as connection:
            connection.execute("SELECT 1")
        database.close()


def test_a_transaction_that_is_cut_off_left_nothing(home: Path):
    with own_server() as server:
        database = open_database(home, server.url)
        with pytest.raises(DatabaseAway), database.transaction() as connection:
            connection.execute("INSERT INTO tombstone (log, run) VALUES (1, ?)", (b"x" * 16,))
            server.stop()
            connection.execute("SELECT 1")
        server.start()
        with database.store() as store:
            assert store.connection.execute("SELECT * FROM tombstone").fetchall() == []
        database.close()


def test_what_a_sender_may_delete_survives_the_crash_of_a_postgres_that_commits_early(
    tmp_path: Path,
):
    """Else the log would have a hole: ends of runs whose beginnings nobody has any more."""
    stream = Stream(tmp_path)
    stream.story(tasks=3)
    with own_server(synchronous_commit="off", wal_writer_delay="10s") as server:
        with contextlib.closing(open_database(tmp_path, server.url)) as database:
            receipt = Receiver(database).receive(stream.shipment(), durably=True)
        server.stop()
        server.start()
        with contextlib.closing(open_database(tmp_path, server.url)) as database:
            with database.store() as store:
                assert len(store.task_runs()) == 3
                found = store.connection.execute("SELECT applied FROM log").fetchall()
            assert found == [(receipt.offset,)]


@on_postgres
def test_a_transaction_in_which_a_statement_failed_is_not_taken_for_committed(
    any_database: Database,
):
    refused = pytest.raises(DatabaseAway, match="took the transaction back")
    with refused, any_database.transaction() as connection:
        connection.execute("INSERT INTO tombstone (log, run) VALUES (1, ?)", (b"x" * 16,))
        with contextlib.suppress(ValueRefused):
            connection.execute("INSERT INTO tombstone (log, run) VALUES (1, ?)", (b"x" * 16,))
    with any_database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM tombstone").fetchone() == (0,)


@on_postgres
def test_a_question_that_takes_too_long_is_stopped(any_database: Database):
    with any_database.store() as store:
        store.connection.execute("SET statement_timeout = '10ms'")
        with pytest.raises(TookTooLong, match="did not answer in time"):
            store.connection.execute("SELECT pg_sleep(5)")
        store.connection.execute("RESET statement_timeout")


@on_postgres
def test_more_callers_than_connections_wait_for_each_other(any_database: Database):
    def ask(_: int) -> int:
        with any_database.store() as store:
            return len(store.flow_runs())

    with ThreadPoolExecutor(30) as pool:
        assert list(pool.map(ask, range(200))) == [0] * 200


def test_a_failed_transaction_leaves_nothing_and_the_next_one_works(any_database: Database):
    with pytest.raises(KeyError), any_database.transaction() as connection:
        connection.execute("INSERT INTO tombstone (log, run) VALUES (1, ?)", (b"x" * 16,))
        raise KeyError
    with any_database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM tombstone").fetchone() == (0,)


def test_values_come_back_as_they_were(any_database: Database):
    rows = [
        (b"\x00\xff" * 8, "a", 0, None, "π ' \" \\ {NULL} %s ?", 1.5e300),
        (b"\x01" * 16, "b", -(2**63), "r", "", 0.0),
        (b"\x02" * 16, "b", 2**63 - 1, None, "\N{PILE OF POO}", -0.1),
    ]
    statement = (
        "INSERT INTO result (run, place, at, reason, key, seconds, is_hit, is_kept) "
        "VALUES (?, ?, ?, ?, ?, ?, 1, 0)"
    )
    query = "SELECT run, place, at, reason, key, seconds FROM result ORDER BY run"
    with any_database.transaction() as connection:
        assert connection.executemany(statement, rows).rowcount == 3
        assert connection.execute(query).fetchall() == rows
        assert connection.executemany("DELETE FROM result WHERE run = ?", []).rowcount <= 0
        connection.executemany("DELETE FROM result WHERE run = ?", [(row[0],) for row in rows[:2]])
        assert connection.execute(query).fetchall() == rows[2:]
        connection.execute("DELETE FROM result")
        for row in rows:
            connection.execute(statement, row)
        assert connection.execute(query).fetchall() == rows


@on_postgres
@pytest.mark.parametrize("value", ["a\0b", 2**63, 2**64])
def test_a_value_that_cannot_be_kept_is_refused_one_by_one_and_together(
    any_database: Database, value: object
):
    column = "name" if isinstance(value, str) else "number"
    assert isinstance(value, str | int)
    statement = "INSERT INTO variable (name, id, value, tags, created, updated) VALUES "
    marks = "(?, ?, '', '', 0, 0)" if column == "name" else "('x', ?, '', '', ?, 0)"
    row = (value, b"x") if column == "name" else (b"x", value)
    for run in ("execute", "executemany"):
        given = row if run == "execute" else [row]
        with pytest.raises((ValueRefused, OverflowError)), any_database.transaction() as connection:
            getattr(connection, run)(statement + marks, given)


def test_a_text_with_a_nul_holds_nothing_up(any_database: Database):
    log = LogBuilder(any_database.home)
    story = log.story(3)
    log.segment([*story[:-1], log.line("a\0b"), log.line("plain"), story[-1]])
    with fed(any_database) as store:
        assert [row.state_name for row in store.flow_runs()] == ["Completed"]
        kept = [line.message for line in store.lines()]
        assert "plain" in kept
        assert len(kept) + len(store.status().rejected) == 2
    contents(any_database)


def crowd(home: Path, count: int) -> Iterator[LogBuilder]:
    """Give logs of one flow run's tasks; they define the same tasks in different order."""
    first = LogBuilder(home)
    flow = first.flow_run()
    first.segment([*first.definitions(), flow])
    for number in range(count):
        log = LogBuilder(home) if number else first
        names = [f"task-{one}" for one in range(6)]
        defined = [
            type(log.definitions()[0])(index, f"{name}-key", name)
            for index, name in enumerate(names if number % 2 else reversed(names))
        ]
        records: list[object] = [*defined]
        for index in range(300):
            run = log.task_run(flow.run, task=index % 6, name=f"{number}-{index}", tags=("x",))
            records += [run, log.line(f"line {index}", flow_run=flow.run, task_run=run.run)]
            state = log.task_changed(run.run, 2, RUNNING, f"Odd{index % 5}")
            records += [log.completed(run.run)] if index % 3 else [state]
        log.segment(records)
        yield log


@on_postgres
def test_writers_of_many_logs_at_once_do_not_hinder_each_other(any_database: Database):
    """They share the flow run, the names of tasks and states, and the hour."""
    list(crowd(any_database.home, 4))
    seen = survey(any_database.home)

    def write(number: int) -> int:
        log = seen.logs[number]
        steps, is_done = 0, False
        while not is_done:
            with any_database.transaction() as connection:
                for _ in range(1 + steps % 3):
                    names = Names(connection)
                    step = advance(connection, log, names, seen.boot, time.monotonic(), None)
                    is_done = step.is_done
                    if is_done:
                        break
            steps += 1
        return steps

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with any_database.store() as store:
        (flow,) = store.flow_runs()
        assert sum(store.task_counts(flow.id).values()) == 4 * 300
        names = store.connection.execute("SELECT count(*), count(DISTINCT name) FROM task")
        assert names.fetchone() == (7, 7)
    contents(any_database)


def test_two_who_apply_one_log_at_once_apply_it_once(any_database: Database):
    log = LogBuilder(any_database.home)
    log.segment(log.story(400))
    seen = survey(any_database.home)

    def write(_: int) -> None:
        is_done = False
        while not is_done:
            with any_database.transaction() as connection:
                now = time.monotonic()
                names = Names(connection)
                is_done = advance(connection, seen.logs[0], names, seen.boot, now, None).is_done

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    with any_database.store() as store:
        assert len(store.task_runs(limit=0)) == 400
        assert store.status().rejected == ()
    contents(any_database)


@on_postgres
def test_a_week_that_is_dropped_gives_its_disk_back_and_leaves_true_counts(any_database: Database):
    for week in range(3):
        log = LogBuilder(any_database.home)
        log.clock = START + week * WEEK
        story = log.story(300)
        inputs = [log.inputs(story[3].run, ("x", story[5].run))]
        lines = [log.line("a line of some length", flow_run=story[2].run) for _ in range(300)]
        log.segment([*story, *inputs, *lines])
    feed(any_database)
    before = contents(any_database)
    with any_database.transaction() as connection:
        assert partitions.tend(connection, START + 2 * WEEK) > 0  # they lay in no week so far
        size = connection.execute(_SIZE).fetchone()
    assert contents(any_database) == before
    with any_database.store() as store:
        assert store.connection.execute("SELECT count(*) FROM task_run_rest").fetchone() == (0,)
        newest = [row.id for row in store.task_runs(limit=0)][:300]

    for week in (START // WEEK, START // WEEK + 1):
        for table in partitions.CUT_BY:
            with any_database.transaction() as connection:
                assert partitions.hold(connection, table, week)
                partitions.drop(connection, table, week)
            with any_database.store() as store:
                assert_folds_equal_rows(store.connection)
    with any_database.store() as store:
        assert store.connection.execute(_SIZE).fetchone() < size
    after = contents(any_database)
    assert len(after["line"]) == 300
    assert len(after["edge"]) == 1
    with any_database.store() as store:
        assert [row.id for row in store.task_runs(limit=0)] == newest
        assert len(store.task_runs(RunFilter(states=("completed",)), limit=0)) == 300


_SIZE = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relispartition AND relkind = 'r'"
)
