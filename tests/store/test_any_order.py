"""Properties: neither the order of records nor the size of the steps changes what is stored."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowstone.core.states import COMPLETED, FAILED, NOT_READY, PENDING, RUNNING, SCHEDULED
from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from flowstone.store.lives import Entry, Growing, Refused, TaskLife
from tests.postgres import empty
from tests.store.contents import contents
from tests.store.feeding import feed
from tests.store.segments import LogBuilder

_SOME = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("task", "sub", "done", "fail", "retry", "line", "close", "tagged"),
                *("late", "begin", "begin", "done", "not ready", "input"),
            ]
        ),
        st.integers(0, 10),
    ),
    max_size=25,
)


def records_of(log: LogBuilder, chosen: list[tuple[str, int]]) -> list[Any]:
    """Return records that a process could have written, as the steps say."""
    flow = log.flow_run()
    records: list[Any] = [*log.definitions(), flow]
    tasks: list[list[Any]] = []
    flows = [[flow.run, 1, True]]
    for verb, number in chosen:
        parent = flows[number % len(flows)]
        if verb in ("task", "tagged", "late"):
            tags = ("red",) if verb == "tagged" else ()
            made = log.task_run(parent[0], tags=tags, running=verb != "late")
            records.append(made)
            tasks.append([made.run, 0 if verb == "late" else 1, True])
        elif verb == "sub":
            child = log.flow_run(parent_flow_run=parent[0])
            records.append(child)
            flows.append([child.run, 1, True])
        elif verb == "line":
            records.append(log.line(f"line {number}", flow_run=parent[0]))
        elif verb == "close" and parent[2]:
            parent[1] += 1
            parent[2] = False
            records.append(log.flow_changed(parent[0], parent[1], FAILED))
        elif verb == "input" and tasks:
            run, other = tasks[number % len(tasks)][0], tasks[number // 2 % len(tasks)][0]
            records.append(log.inputs(run, ("x", other), ("wait_for", flow.run)))
        elif tasks and tasks[number % len(tasks)][2]:
            records += next_states(log, verb, tasks[number % len(tasks)])
    return records


def next_states(log: LogBuilder, verb: str, task: list[Any]) -> list[Any]:
    run = task[0]
    if verb in ("begin", "not ready") and task[1] > 0:
        return []
    if verb == "retry":
        task[1] += 2
        return [
            log.task_changed(run, task[1] - 1, SCHEDULED, "AwaitingRetry", message="again"),
            log.task_changed(run, task[1], RUNNING, "Retrying"),
        ]
    task[1] += 1
    if verb == "begin":
        return [log.task_changed(run, task[1], RUNNING)]
    task[2] = False
    if verb == "not ready":
        return [log.task_changed(run, task[1], PENDING, NOT_READY, message="x failed")]
    if verb == "done":
        return [log.completed(run, task[1])]
    return [log.task_changed(run, task[1], FAILED, message="no")]


def home_with(
    log_id: LogBuilder, pieces: list[list[Any]], where: Path | Database
) -> dict[str, list[Any]]:
    """Return what a database holds after a log came into it piece by piece, then ended."""
    database = EmbeddedDatabase(where) if isinstance(where, Path) else where
    log = LogBuilder(database.home)
    log.id, log.clock = log_id.id, log_id.clock
    log.segment([])
    log.hold()
    for piece in pieces:
        log.add(piece)
        feed(database)
    log.die()
    feed(database)
    assert not log.path.exists()
    return contents(database)


@_SOME
@given(steps, st.lists(st.integers(0, 60), max_size=5))
def test_the_size_of_the_steps_does_not_matter(chosen: list[tuple[str, int]], cuts: list[int]):
    with tempfile.TemporaryDirectory() as name:
        source = LogBuilder(Path(name) / "source", seed=b"123456789")
        records = records_of(source, chosen)
        places = [0, *sorted(cuts), len(records)]
        pieces = [records[a:b] for a, b in pairwise(places)]
        at_once = home_with(source, [records], Path(name) / "one")
        assert home_with(source, pieces, Path(name) / "many") == at_once
        singly = home_with(source, [[one] for one in records], Path(name) / "single")
        assert singly == at_once


@_SOME
@given(chosen=steps, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_both_databases_come_to_hold_the_same(
    reused_url: str, chosen: list[tuple[str, int]], cuts: list[int]
):
    with tempfile.TemporaryDirectory() as name:
        source = LogBuilder(Path(name) / "source", seed=b"123456789")
        records = records_of(source, chosen)
        places = [0, *sorted(cuts), len(records)]
        pieces = [records[a:b] for a, b in pairwise(places)]
        embedded = home_with(source, [records], Path(name) / "one")
        postgres = open_database(Path(name) / "two", reused_url)
        try:
            assert home_with(source, pieces, postgres) == embedded
        finally:
            postgres.close()
            empty(reused_url)


ENTRIES = [
    Entry(0, 0, 1, None, 10),
    Entry(0, 1, RUNNING, None, 11),
    Entry(0, 2, SCHEDULED, "AwaitingRetry", 12, "no", 20),
    Entry(0, 3, RUNNING, "Retrying", 20),
    Entry(0, 4, FAILED, None, 21, "no"),
    Entry(1, 0, 1, None, 30),
    Entry(1, 1, RUNNING, None, 31),
    Entry(1, 2, COMPLETED, None, 32),
]


@given(st.permutations(ENTRIES), st.lists(st.sampled_from(ENTRIES)), st.integers(1, 8))
def test_states_in_any_order_come_to_the_same_row(
    order: list[Entry], again: list[Entry], stored_after: int
):
    growing = Growing(TaskLife(b"r", 1), None)
    for index, entry in enumerate([*order, *again]):
        try:
            growing.enter(entry, 1)
        except Refused:
            return  # a lower fence's word after its last one: not something an owner writes
        if index == stored_after:  # as if it had been written and read again
            present = growing.settle()
            growing = Growing(growing.row, (present.type, present.name))
    growing.settle()
    row = growing.row
    assert (row.fence, row.sequence, row.attempt, row.started) == (1, 2, 3, 11)
    assert growing.entries == ENTRIES
    assert row.is_open == 0
