"""What the lookout sees of flow runs, made by hand and by running some."""

from __future__ import annotations

import sys
import threading
import time
from itertools import islice
from types import SimpleNamespace

import pytest

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import CANCELLED, COMPLETED, FAILED, SCHEDULED
from flowstone.drive.live.lookout import Lookout
from flowstone.face.submitting import _count

SECOND = 1_000_000_000


class Process:
    """A process with runs in it."""

    def __init__(self) -> None:
        self.runs: dict[bytes, TaskRun] = {}
        self.lookout = Lookout(self.open_runs)

    def open_runs(self, oldest, newest):
        runs = self.runs.values()
        rest = max(0, min(newest, len(runs) - oldest))
        return len(runs), [*islice(runs, oldest)], [*islice(reversed(runs), rest)]

    def flow_run(self, name, outer=None) -> FlowContext:
        run = FlowRun()
        around = outer.flow.run.key if outer else None
        run.create(
            name.encode(), time.time_ns(), flow=1, name=name, parent_flow_run=around, parent=None,
            tags=(), parameters="", running=True,
        )  # fmt: skip
        spec = SimpleNamespace(name=f"{name} flow", kind="Flow")
        context = FlowContext(run, spec, outer, log_prints=False)
        self.lookout.began(context)
        return context

    def task_run(self, flow, task="load", *, running=True, since=0.0) -> RunContext:
        run = TaskRun()
        number = flow.names.get(task, 0)
        flow.names[task] = number + 1
        run.key = key = f"{flow.run.name} {task} {number}".encode()
        run.name = f"{task}-{number}"
        at = time.time_ns() - int(since * SECOND)
        run.create(at, 1, flow.run.key, None, running=running)
        self.runs[key] = run
        spec = SimpleNamespace(name=task, kind="Task")
        return RunContext(run, spec, flow, flow, log_prints=False)

    def end(self, context, number=COMPLETED, name=None, message=None) -> None:
        run = context.run
        run.enter(number, time.time_ns(), name, message)
        self.runs.pop(run.key, None)
        if isinstance(run, TaskRun):
            tally = context.flow.tally
            tally[run.state_name] = tally.get(run.state_name, 0) + 1
        self.lookout.ended(context)


@pytest.fixture
def process():
    return Process()


def test_task_runs_are_counted_by_state_in_their_flow_run(process):
    flow = process.flow_run("a")
    other = process.flow_run("b")
    for number in (COMPLETED, COMPLETED, FAILED):
        process.end(process.task_run(flow), number)
    process.end(process.task_run(flow), COMPLETED, "Cached")
    process.task_run(flow)
    process.task_run(other)
    retried = process.task_run(flow)
    retried.run.enter(FAILED, time.time_ns())
    retried.run.state_number = SCHEDULED
    for _ in range(5):
        process.task_run(flow, running=False)
    (seen, beside) = process.lookout.view().flows
    assert seen.counts == {
        "running": 1,
        "waiting": 5,
        "awaiting retry": 1,
        "completed": 2,
        "failed": 1,
        "cached": 1,
    }
    assert (seen.flow, seen.name) == ("a flow", "a")
    assert beside.counts == {"running": 1}


def test_flow_runs_stand_below_the_one_that_they_were_called_in(process):
    outer = process.flow_run("outer")
    other = process.flow_run("other")
    inner = process.flow_run("inner", process.task_run(outer))
    process.flow_run("innermost", inner)
    process.end(process.flow_run("over", outer))
    process.end(
        process.flow_run("bad", outer), FAILED, message="Flow run encountered an exception: E: x"
    )
    flows = process.lookout.view().flows
    assert [(one.name, one.depth) for one in flows] == [
        ("outer", 0),
        ("inner", 1),
        ("innermost", 2),
        ("other", 0),
    ]
    assert flows[0].inner == {"completed": 1, "failed": 1}
    assert process.lookout.view().failures == (("bad", "E: x"),)
    for context in (other, inner, outer):
        assert not process.lookout.is_empty
        process.end(context)
    assert [one.name for one in process.lookout.view().flows] == ["innermost"]


def test_a_map_says_how_many_of_its_runs_have_ended(process):
    flow = process.flow_run("a")
    process.end(process.task_run(flow))
    _count(flow, "load", 4)
    runs = [process.task_run(flow) for _ in range(4)]
    for context, number in zip(runs, (COMPLETED, FAILED, COMPLETED), strict=False):
        process.end(context, number)
    (one,) = process.lookout.view().flows[0].maps
    assert (one.task, one.done, one.total) == ("load", 3, 4)


def test_maps_of_one_task_are_added_up_while_one_is_under_way_and_begin_anew_after_it(process):
    flow = process.flow_run("a")
    _count(flow, "load", 2)
    first = [process.task_run(flow) for _ in range(2)]
    process.end(first[0])
    _count(flow, "load", 3)
    assert process.lookout.view().flows[0].maps[0].total == 5
    for context in [first[1], *(process.task_run(flow) for _ in range(3))]:
        process.end(context)
    _count(flow, "load", 7)
    (one,) = process.lookout.view().flows[0].maps
    assert (one.done, one.total) == (0, 7)


def test_a_rate_is_known_once_something_has_ended(process):
    flow = process.flow_run("a")
    _count(flow, "load", 100)
    assert process.lookout.view().flows[0].maps[0].rate is None
    for _ in range(50):
        process.end(process.task_run(flow))
    rate = process.lookout.view().flows[0].maps[0].rate
    assert rate is not None
    assert rate > 50


def test_the_longest_running_are_named_and_short_ones_are_not(process):
    flow = process.flow_run("a")
    for seconds in (0.1, 9, 3, 700, 5):
        process.task_run(flow, since=seconds)
    process.task_run(flow, since=5000, running=False)
    slowest = process.lookout.view().slowest
    assert [name for name, _ in slowest] == ["load-3", "load-1", "load-4"]
    assert [round(seconds) for _, seconds in slowest] == [700, 9, 5]


def test_the_last_failures_are_kept_with_their_errors_on_one_line(process):
    flow = process.flow_run("a")
    for number in range(5):
        message = f"Task run encountered an exception ValueError: no\n  day {number} \x1b[2J"
        process.end(process.task_run(flow), FAILED, message=message)
    process.end(process.task_run(flow), CANCELLED)
    process.end(
        process.task_run(flow), FAILED, "TimedOut", "Task run exceeded timeout of 1 second(s)"
    )
    assert process.lookout.view().failures == (
        ("load-3", "ValueError: no day 3 ·[2J"),
        ("load-4", "ValueError: no day 4 ·[2J"),
        ("load-6", "Task run exceeded timeout of 1 second(s)"),
    )
    process.end(flow)
    assert process.lookout.view().failures == ()


@pytest.mark.parametrize("running", [40, 100_000])
def test_of_very_many_open_runs_few_are_looked_at_and_the_counts_are_right(process, running):
    flow = process.flow_run("a")
    for number in range(100_000):
        process.task_run(flow, running=number < running)
    looked_at = []
    ask = process.open_runs

    def counting(oldest, newest):
        number, old, new = ask(oldest, newest)
        looked_at.append(len(old) + len(new))
        return number, old, new

    process.lookout._open_runs = counting
    counts = process.lookout.view().flows[0].counts
    assert counts.get("running") == running
    assert counts.get("waiting", 0) == 100_000 - running
    assert looked_at < [5000]


def test_no_ended_run_is_lost_where_many_threads_count(process):
    flow = process.flow_run("a")
    contexts = [process.task_run(flow) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda c=c: [process.lookout.ended(c) for _ in range(5000)])
            for c in contexts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert flow.ended == {"load": 40_000}


def test_a_task_run_outside_of_flow_runs_is_none_of_its_business(process):
    flow = process.flow_run("a")
    context = process.task_run(flow)
    context.flow = None
    process.end_alone = context.run.enter(FAILED, time.time_ns())
    process.lookout.ended(context)
    assert process.lookout.view().failures == ()
