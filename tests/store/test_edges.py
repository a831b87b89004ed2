from __future__ import annotations

import pytest

from flowstone.core.facts import InputsFound
from flowstone.core.states import COMPLETED
from flowstone.store.databases import Database
from flowstone.store.queries import Store
from flowstone.store.rows import InputRow
from tests.store.contents import contents
from tests.store.feeding import fed, feed
from tests.store.segments import LogBuilder


class Sums:
    """A flow run with two task runs, a third that takes their results, and a subflow run."""

    def __init__(self, log: LogBuilder) -> None:
        self.flow = log.flow_run(name="top")
        self.sub = log.flow_run(name="sub", parent_flow_run=self.flow.run)
        self.one, self.two = (log.task_run(self.flow.run, name=f"add-{n}") for n in range(2))
        self.sum = log.task_run(self.flow.run, name="sum-0", running=False)
        self.records = [
            *log.definitions(),
            *(self.flow, self.sub, self.one, self.two, self.sum),
            log.inputs(
                self.sum.run,
                ("wait_for", self.sub.run),
                ("first", self.one.run),
                ("all", self.two.run),
                ("all", self.one.run),
            ),
            log.inputs(self.sub.run, ("n", self.one.run)),
            log.completed(self.one.run),
        ]


@pytest.fixture
def sums(log: LogBuilder) -> Sums:
    made = Sums(log)
    log.segment(made.records)
    log.hold()
    return made


def seen(rows: list[InputRow]) -> list[tuple[str, str, str | None, str | None, str]]:
    return [(row.name, row.run_name, row.task_name, row.flow_name, row.state_name) for row in rows]


def edges(store: Store, run: bytes) -> tuple[int, int]:
    found = len(store.upstream(run)), len(store.downstream(run))
    assert store.edge_counts(run) == found
    return found


def test_the_inputs_of_a_run_are_listed_by_name(database: Database, sums: Sums):
    with fed(database) as store:
        assert seen(store.upstream(sums.sum.run)) == [
            ("all", "add-0", "add", None, "Completed"),
            ("all", "add-1", "add", None, "Running"),
            ("first", "add-0", "add", None, "Completed"),
            ("wait_for", "sub", None, "main", "Running"),
        ]
        assert len(store.upstream(sums.sum.run, limit=3)) == 3
        assert edges(store, sums.sum.run) == (4, 0)


def test_who_uses_a_result_is_listed_oldest_first(database: Database, sums: Sums):
    with fed(database) as store:
        found = store.downstream(sums.one.run)
        assert [(row.name, row.run) for row in found] == [
            ("n", sums.sub.run),
            ("all", sums.sum.run),
            ("first", sums.sum.run),
        ]
        assert found[1].state_type == "PENDING"
        assert store.downstream(sums.one.run, limit=1) == found[:1]
        assert edges(store, sums.two.run) == (0, 1)
        assert edges(store, sums.flow.run) == (0, 0)


def test_edges_that_are_told_again_are_there_once(database: Database, log: LogBuilder, sums: Sums):
    feed(database)
    before = contents(database)["edge"]
    log.add(sums.records[-3:])
    feed(database)
    assert contents(database)["edge"] == before
    assert len(before) == 5


def test_a_result_of_a_run_that_is_not_known_has_an_id_only(database: Database, log: LogBuilder):
    task, elsewhere = log.task_run(), log.ids.new(log.tick())
    log.segment([*log.definitions(), task, log.inputs(task.run, ("x", elsewhere))])
    with fed(database) as store:
        (row,) = store.upstream(task.run)
    assert (row.run, row.run_name, row.task_name, row.state_type) == (
        elsewhere,
        "(unknown)",
        None,
        None,
    )


def test_the_inputs_of_a_deleted_run_are_deleted_with_it(
    database: Database, log: LogBuilder, sums: Sums
):
    other = log.task_run(name="keeps")
    log.add([other, log.inputs(other.run, ("x", sums.one.run)), log.completed(other.run)])
    log.add([log.flow_changed(run.run, 2, COMPLETED) for run in (sums.sub, sums.flow)])
    with fed(database) as store:
        store.delete_flow_run(sums.flow.run)
        assert [row.state_type for row in store.upstream(other.run)] == [None]
        assert edges(store, sums.sum.run) == (0, 0)
    log.add(sums.records[-3:])
    with fed(database) as store:
        assert edges(store, sums.sum.run) == (0, 0)
        assert edges(store, sums.one.run) == (0, 1)
    contents(database)


@pytest.mark.parametrize("broken", ["run", "upstream"])
def test_inputs_with_a_broken_id_are_put_aside(database: Database, log: LogBuilder, broken: str):
    task = log.task_run()
    ids = {"run": task.run, "upstream": task.run} | {broken: b"short"}
    record = InputsFound(ids["run"], (("good", task.run), ("x", ids["upstream"])))
    log.segment([*log.definitions(), task, record, log.completed(task.run)])
    with fed(database) as store:
        assert edges(store, task.run) == (0, 0)
        (refused,) = store.status().rejected
        assert "16 bytes" in refused.reason
        assert [row.state_name for row in store.task_runs()] == ["Completed"]


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_edges_are_listed_in_the_order_of_an_index(database: Database, sums: Sums):
    with fed(database) as store:
        asked: list[str] = []
        store._connection.set_trace_callback(asked.append)
        store.upstream(sums.sum.run)
        store.downstream(sums.one.run)
        store.edge_counts(sums.one.run)
        store._connection.set_trace_callback(None)
        plans = [
            step[3]
            for query in asked
            if "edge" in query
            for step in store._connection.execute(f"EXPLAIN QUERY PLAN {query}")
        ]
    assert [one for one in plans if "edge" in one]
    assert [one for one in plans if "TEMP B-TREE" in one or one.startswith("SCAN edge")] == []
