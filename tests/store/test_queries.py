from __future__ import annotations

import subprocess
import sys

import pytest

from flowstone.core.facts import TaskDefined
from flowstone.core.ids import id_text
from flowstone.core.states import COMPLETED, FAILED, NOT_READY, PENDING, RUNNING
from flowstone.store import deleting
from flowstone.store.connection import Connection
from flowstone.store.databases import Database
from flowstone.store.errors import AmbiguousRun, RunNotFound, RunStillOpen
from flowstone.store.rows import RunFilter
from tests.store.contents import contents
from tests.store.feeding import fed, feed
from tests.store.segments import SECOND, START, LogBuilder


@pytest.fixture
def mixed(database: Database, log: LogBuilder) -> LogBuilder:
    """Give a home with two flow runs, ten task runs of two tasks, in several states."""
    good, bad = log.flow_run(name="good-run"), log.flow_run(name="bad-run", tags=("nightly",))
    records = [*log.definitions(), TaskDefined(1, "mul-1", "mul"), good, bad]
    for index in range(10):
        flow = (good, bad)[index % 2]
        tags = (("even",) if index % 2 == 0 else ("odd",)) + (("third",) if index % 3 == 0 else ())
        one = log.task_run(flow.run, task=int(index % 3 == 0), name=f"t-{index}", tags=tags)
        records.append(one)
        if index in (1, 7):
            records.append(log.task_changed(one.run, 2, FAILED, message="no"))
        elif index == 3:
            records.append(log.task_changed(one.run, 2, FAILED, "TimedOut"))
        elif index == 4:
            records.append(log.task_changed(one.run, 2, COMPLETED, "Cached"))
        else:
            records.append(log.completed(one.run))
    records += [log.flow_changed(good.run, 2, COMPLETED), log.flow_changed(bad.run, 2, FAILED)]
    log.segment(records)
    return log


def names(database: Database, limit: int = 0, **wanted: object) -> list[str]:
    with fed(database) as store:
        return [one.name for one in store.task_runs(RunFilter(**wanted), limit)]


def test_runs_are_listed_newest_first(database: Database, mixed: LogBuilder):
    assert names(database) == [f"t-{index}" for index in range(9, -1, -1)]
    assert names(database, limit=3) == ["t-9", "t-8", "t-7"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"states": ("failed",)}, [7, 3, 1]),
        ({"states": ("TimedOut",)}, [3]),
        ({"states": ("FAILED", "cached")}, [7, 4, 3, 1]),
        ({"states": ("timedout", "cached"), "task": "add"}, [4]),
        ({"states": ("no such state",)}, []),
        ({"task": "mul"}, [9, 6, 3, 0]),
        ({"task": "none"}, []),
        ({"tags": ("even",)}, [8, 6, 4, 2, 0]),
        ({"tags": ("even", "third")}, [6, 0]),
        ({"tags": ("none",)}, []),
        ({"flow": "main", "task": "mul", "tags": ("odd",)}, [9, 3]),
        ({"flow": "none"}, []),
    ],
)
def test_what_is_asked_for_is_listed(
    database: Database, mixed: LogBuilder, wanted: dict[str, object], found: list[int]
):
    assert names(database, **wanted) == [f"t-{index}" for index in found]
    assert names(database, limit=2, **wanted) == [f"t-{index}" for index in found[:2]]


def test_task_runs_of_a_flow_run_are_listed(database: Database, mixed: LogBuilder):
    with fed(database) as store:
        bad = store.find_flow_run("bad-run")
    assert names(database, flow_run=bad.id) == ["t-9", "t-7", "t-5", "t-3", "t-1"]
    assert names(database, flow_run=bad.id, states=("failed",)) == ["t-7", "t-3", "t-1"]


def test_pages_follow_each_other_without_gap_or_repeat(database: Database, mixed: LogBuilder):
    with fed(database) as store:
        for wanted in (
            RunFilter(),
            RunFilter(states=("completed", "failed")),
            RunFilter(task="add"),
        ):
            everything = store.task_runs(wanted, 0)
            paged, before = [], None
            while page := store.task_runs(wanted, 3, before):
                paged += page
                before = page[-1].id
            assert paged == everything


def test_runs_since_a_time_are_listed(database: Database, mixed: LogBuilder):
    with fed(database) as store:
        runs = store.task_runs(RunFilter(), 0)
        assert store.task_runs(RunFilter(since=runs[4].created), 0) == runs[:5]
        assert store.task_runs(RunFilter(since=runs[4].created + 1), 0) == runs[:4]
        assert store.task_runs(RunFilter(since=START + 3600 * SECOND)) == []


def test_flow_runs_are_listed_by_flow_state_and_tag(database: Database, mixed: LogBuilder):
    with fed(database) as store:

        def found(**wanted: object) -> list[str]:
            return [one.name for one in store.flow_runs(RunFilter(**wanted))]

        assert found() == ["bad-run", "good-run"]
        assert found(flow="main") == ["bad-run", "good-run"]
        assert found(flow="other") == []
        assert found(states=("Failed",)) == ["bad-run"]
        assert found(tags=("nightly",)) == ["bad-run"]


def test_a_run_is_found_by_id_beginning_of_id_or_name(database: Database, mixed: LogBuilder):
    with fed(database) as store:
        (bad, good) = store.flow_runs()
        text = id_text(good.id)
        assert store.find_flow_run(text) == good
        assert store.find_flow_run(text.upper().replace("-", "")) == good
        assert store.find_flow_run("bad-run") == bad
        first, *_ = runs = store.task_runs(RunFilter(), 0)
        assert store.find_task_run("t-9") == first
        assert store.find_task_run("t-9", flow_run=bad.id) == first
        with pytest.raises(RunNotFound, match="'t-9'"):
            store.find_task_run("t-9", flow_run=good.id)
        shared = runs[-1].id.hex()
        with pytest.raises(AmbiguousRun, match="and others"):
            store.find_task_run(shared[:8])
        unique = first.id.hex()
        assert store.find_task_run(unique[:-1]) == first
        with pytest.raises(LookupError):
            store.find_flow_run("nobody")


def test_a_name_that_several_runs_have_is_ambiguous(database: Database):
    for _ in range(2):
        log = LogBuilder(database.home)
        log.segment([*log.definitions(), log.task_run(name="add-0")])
    with fed(database) as store, pytest.raises(AmbiguousRun, match="add-0") as caught:
        store.find_task_run("add-0")
    assert str(caught.value).count("\n") == 2


def test_the_words_of_a_run_come_back_as_they_were(database: Database, log: LogBuilder):
    strange = "π 'quoted' \"x\" %s ? ; DROP TABLE flow_run; --"
    flow = log.flow_run(name=strange, parameters='{"x":[1,null]}', tags=("b", "a", strange))
    log.segment(
        [*log.definitions(), flow, log.flow_changed(flow.run, 2, FAILED, "Odd", message=strange)]
    )
    with fed(database) as store:
        row = store.find_flow_run(strange)
        assert (row.message, row.parameters) == (strange, '{"x":[1,null]}')
        assert row.tags == tuple(sorted(("b", "a", strange)))
        assert store.flow_runs(RunFilter(tags=(strange,), states=("odd",))) == [row]
        assert row.flow_version == "1"


def test_a_deleted_flow_run_is_gone_with_all_below_it(database: Database, log: LogBuilder):
    flow = log.flow_run(tags=("x",))
    sub = log.flow_run(parent_flow_run=flow.run)
    tasks = [log.task_run(flow.run, tags=("y",)), log.task_run(sub.run)]
    lines = [log.line("one", flow_run=flow.run, task_run=tasks[0].run)]
    end = [log.flow_changed(run, 2, COMPLETED) for run in (sub.run, flow.run)]
    kept = log.story(3)
    log.segment([*log.definitions(), flow, sub, *tasks, *lines, *end, *kept])
    with fed(database) as store:
        assert store.delete_flow_run(flow.run) == 4
        assert len(store.flow_runs()) == 1
        assert len(store.task_runs()) == 3
        assert store.lines() == []
        assert store.task_counts(flow.run) == {}
        with pytest.raises(RunNotFound):
            store.delete_flow_run(flow.run)
    assert contents(database)["tag"] == []


def test_a_deleted_run_stays_deleted_when_its_log_goes_on(database: Database, log: LogBuilder):
    flow = log.flow_run()
    task = log.task_run(flow.run)
    log.segment([*log.definitions(), flow, task, log.flow_changed(flow.run, 2, COMPLETED)])
    log.hold()
    with fed(database) as store:
        store.delete_flow_run(flow.run)
        log.add(
            [
                log.completed(task.run),
                log.line("late", flow_run=flow.run, task_run=task.run),
                log.task_run(flow.run, name="later"),
                log.flow_changed(flow.run, 3, COMPLETED, "Again"),
                log.task_run(name="other"),
            ]
        )
    with fed(database) as store:
        assert store.flow_runs() == []
        assert [one.name for one in store.task_runs()] == ["other"]
        assert store.lines() == []
    contents(database)


def test_a_flow_run_that_still_runs_is_not_deleted(database: Database, log: LogBuilder):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow])
    log.hold()
    with fed(database) as store:
        with pytest.raises(RunStillOpen, match=f"pid {log.pid} on here"):
            store.delete_flow_run(flow.run)
        assert len(store.flow_runs()) == 1
    log.die()
    with fed(database) as store:
        assert store.delete_flow_run(flow.run) == 1
        assert store.flow_runs() == []


def test_what_comes_to_be_below_a_deleted_run_stays_away_to_its_end(
    database: Database, log: LogBuilder
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 2, COMPLETED)])
    log.hold()
    with fed(database) as store:
        store.delete_flow_run(flow.run)
    sub = log.flow_run(parent_flow_run=flow.run)
    task, deep = log.task_run(flow.run, running=False), log.task_run(sub.run)
    log.add([task, sub, deep, log.inputs(task.run, ("x", deep.run))])
    feed(database)
    log.add(
        [
            log.task_changed(task.run, 1, RUNNING),
            log.completed(task.run),
            log.task_changed(deep.run, 2, FAILED),
            log.flow_changed(sub.run, 2, FAILED),
        ]
    )
    with fed(database) as store:
        assert (store.flow_runs(), store.task_runs()) == ([], [])
    assert contents(database)["edge"] == []


def test_a_flow_run_that_was_not_ready_is_deleted_while_its_owner_lives(
    database: Database, log: LogBuilder
):
    flow = log.flow_run(running=False)
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 1, PENDING, NOT_READY)])
    log.hold()
    with fed(database) as store:
        assert store.delete_flow_run(flow.run) == 1
        assert store.flow_runs() == []


def test_a_flow_run_that_somebody_else_deletes_meanwhile_is_gone(
    database: Database, log: LogBuilder, monkeypatch: pytest.MonkeyPatch
):
    flow = log.flow_run()
    log.segment([*log.definitions(), flow, log.flow_changed(flow.run, 2, COMPLETED)])

    def gone_meanwhile(connection: Connection, _logs: set[int]) -> None:
        connection.execute("DELETE FROM flow_run WHERE id = ?", (flow.run,))

    with fed(database) as store:
        monkeypatch.setattr(deleting, "_hold_logs", gone_meanwhile)
        store.delete_flow_run(flow.run)
        assert store.flow_runs() == []


def test_more_task_runs_than_one_transaction_deletes_are_deleted(
    database: Database, log: LogBuilder
):
    log.segment(log.story(2500))
    with fed(database) as store:
        assert store.delete_flow_run(store.flow_runs()[0].id) == 2501
        assert store.task_runs() == []
    contents(database)


def test_the_status_names_what_is_not_collected(database: Database, log: LogBuilder):
    log.segment([*log.definitions(), log.flow_run()])
    log.hold()
    feed(database)
    added = [log.task_run(), log.task_run()]
    log.add(added)
    with database.store() as store:
        (facts,) = store.status().logs
        assert (facts.id, facts.pid, facts.alive) == (log.id, log.pid, True)
        assert facts.uncollected == sum(len(log.frame(one)) for one in added)
        assert store.task_runs() == []


@pytest.mark.parametrize("any_database", ["embedded"], indirect=True)
def test_lists_walk_an_index(database: Database, mixed: LogBuilder):
    """A list that sorts reads every row that fits before it shows the first."""
    with fed(database) as store:
        seen: list[str] = []
        store._connection.set_trace_callback(seen.append)
        flow = store.find_flow_run("bad-run")
        for wanted in (
            RunFilter(),
            RunFilter(states=("failed", "running")),
            RunFilter(task="add"),
            RunFilter(flow_run=flow.id, states=("failed",)),
            RunFilter(tags=("odd",)),
        ):
            store.task_runs(wanted)
            store.flow_runs(wanted)
        store.find_task_run("t-9", flow_run=flow.id)
        store._connection.set_trace_callback(None)
        plans = [
            step[3]
            for query in seen
            if "ORDER BY run.id" in query
            for step in store._connection.execute(f"EXPLAIN QUERY PLAN {query}")
        ]
    assert plans
    assert [one for one in plans if "TEMP B-TREE" in one] == []


def test_importing_the_queries_stays_cheap():
    heavy = "asyncio rich pydantic json urllib.request http email tempfile"
    code = (
        "import sys, flowstone.store.queries;"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_running_states_are_counted_as_attempts(database: Database, log: LogBuilder):
    flow = log.flow_run()
    log.segment(
        [
            *log.definitions(),
            flow,
            log.flow_changed(flow.run, 2, RUNNING, "Retrying"),
            log.flow_changed(flow.run, 3, COMPLETED),
        ]
    )
    with fed(database) as store:
        assert store.flow_runs()[0].attempt == 2
