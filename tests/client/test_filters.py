"""Filters, orders and sections of lists, of a home and of a server alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from flowstone.client.schemas import filters as f
from flowstone.client.schemas.objects import StateType
from flowstone.client.schemas.sorting import FlowRunSort, TaskRunSort
from tests.server.stories import Story

EARLY, LATE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
FLOW_RUNS = {
    "by a type": (f.FlowRunFilter(state={"type": {"any_": ["FAILED"]}}), {"bad-run"}),
    "by types": (
        f.FlowRunFilter(
            state=f.FlowRunFilterState(
                type=f.FlowRunFilterStateType(any_=[StateType.FAILED, StateType.CANCELLED])
            )
        ),
        {"bad-run", "stopped-run"},
    ),
    "by another type": (
        f.FlowRunFilter(state={"type": {"not_any_": ["COMPLETED"]}}),
        {"bad-run", "stopped-run"},
    ),
    "by a state's name": (
        f.FlowRunFilter(state={"name": {"any_": ["Cancelled"]}}),
        {"stopped-run"},
    ),
    "by names": (f.FlowRunFilter(name={"any_": ["good-run", "nobody"]}), {"good-run"}),
    "by a part of the name": (f.FlowRunFilter(name={"like_": "BAD"}), {"bad-run"}),
    "by all tags": (f.FlowRunFilter(tags={"all_": ["nightly", "sub"]}), {"inner-run"}),
    "by any tag": (f.FlowRunFilter(tags={"any_": ["nightly", "x"]}), {"inner-run", "bad-run"}),
    "without tags": (f.FlowRunFilter(tags={"is_null_": True}), {"good-run", "stopped-run"}),
    "inner ones": (f.FlowRunFilter(parent_flow_run_id={"is_null_": False}), {"inner-run"}),
    "started late": (f.FlowRunFilter(start_time={"after_": LATE}), set()),
    "ended early": (f.FlowRunFilter(end_time={"before_": EARLY}), set()),
    "ended": (
        f.FlowRunFilter(end_time={"is_null_": False}, start_time={"after_": EARLY}),
        {"good-run", "bad-run", "inner-run", "stopped-run"},
    ),
    "one or the other": (
        f.FlowRunFilter(
            operator="or_", tags={"any_": ["sub"]}, state={"type": {"any_": ["CANCELLED"]}}
        ),
        {"inner-run", "stopped-run"},
    ),
    "both": (
        f.FlowRunFilter(tags={"any_": ["nightly"]}, state={"type": {"any_": ["FAILED"]}}),
        {"bad-run"},
    ),
}
TASK_RUNS = {
    "timed out": (
        f.TaskRunFilter(
            state=f.TaskRunFilterState(name=f.TaskRunFilterStateName(any_=["TimedOut"]))
        ),
        {"t-3"},
    ),
    "outside": (f.TaskRunFilter(flow_run_id={"is_null_": True}), {"alone"}),
    "failed and odd": (
        f.TaskRunFilter(tags={"all_": ["odd"]}, state={"type": {"any_": ["FAILED"]}}),
        {"t-1", "t-3", "t-7"},
    ),
}


def names(runs):
    return [one.name for one in runs]


@pytest.mark.parametrize("case", FLOW_RUNS)
def test_flow_runs_are_found(client, story, case):
    asked, expected = FLOW_RUNS[case]
    found = client.read_flow_runs(flow_run_filter=asked)
    assert set(names(found)) == expected
    assert [one.id for one in found] == sorted((one.id for one in found), reverse=True)
    assert client.count_flow_runs(flow_run_filter=asked) == len(expected)


@pytest.mark.parametrize("case", TASK_RUNS)
def test_task_runs_are_found(client, story, case):
    asked, expected = TASK_RUNS[case]
    assert set(names(client.read_task_runs(task_run_filter=asked))) == expected
    assert client.count_task_runs(task_run_filter=asked) == len(expected)


def test_runs_are_found_by_ids_and_what_is_gone_is_left_out(client, story):
    ids = [UUID(bytes=story.ids[name]) for name in ("good-run", "bad-run")]
    asked = f.FlowRunFilter(id=f.FlowRunFilterId(any_=[*ids, uuid4()]))
    assert names(client.read_flow_runs(flow_run_filter=asked)) == ["bad-run", "good-run"]
    other = f.FlowRunFilter(id={"not_any_": ids})
    assert set(names(client.read_flow_runs(flow_run_filter=other))) == {"inner-run", "stopped-run"}


def test_filters_of_flows_flow_runs_and_task_runs_must_all_fit(client, story):
    main, other = (f.FlowFilter(name={"any_": [name]}) for name in ("main", "other"))
    failed = f.TaskRunFilter(state={"type": {"any_": ["FAILED"]}})
    bad = f.FlowRunFilter(name={"any_": ["bad-run"]})
    assert client.count_flow_runs(flow_filter=main) == 4
    assert client.count_flow_runs(flow_filter=other) == 0
    assert names(client.read_flow_runs(task_run_filter=failed)) == ["bad-run"]
    assert set(names(client.read_task_runs(flow_run_filter=bad, task_run_filter=failed))) == {
        "t-1",
        "t-3",
        "t-7",
    }
    assert client.read_task_runs(flow_filter=other) == []
    assert client.count_task_runs(flow_filter=main) == 12


def test_a_time_bounds_on_both_sides_and_includes_its_ends(client, story):
    runs = client.read_flow_runs()
    for run in runs:
        exact = {"after_": run.start_time, "before_": run.start_time}
        asked = f.FlowRunFilter(start_time=exact)
        assert run.name in names(client.read_flow_runs(flow_run_filter=asked))
        later = {"after_": run.start_time + timedelta(microseconds=1)}
        asked = f.FlowRunFilter(start_time=later)
        assert run.name not in names(client.read_flow_runs(flow_run_filter=asked))


def test_lists_are_sorted_and_cut(client, story):
    def read(sort, **more):
        return names(client.read_flow_runs(sort=sort, **more))

    by_name = ["bad-run", "good-run", "inner-run", "stopped-run"]
    assert read(FlowRunSort.NAME_ASC) == by_name
    assert read(FlowRunSort.NAME_DESC, limit=2, offset=1) == ["inner-run", "good-run"]
    newest = read(None)
    assert read(FlowRunSort.ID_DESC) == read(FlowRunSort.START_TIME_DESC) == newest
    assert read(FlowRunSort.EXPECTED_START_TIME_ASC) == newest[::-1]
    assert read(None, limit=1, offset=2) == newest[2:3]
    assert read(None, limit=0) == []
    tasks = client.read_task_runs(sort=TaskRunSort.END_TIME_DESC)
    ends = [one.end_time.timestamp() if one.end_time else 0.0 for one in tasks]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: f.FlowRunFilter(state={"type": {"any_": ["BROKEN"]}}), "BROKEN"),
        (lambda: f.FlowRunFilter(id={"any_": ["x"]}), "FlowRunFilter.id"),
        (lambda: f.FlowRunFilter(name={"anyof": ["x"]}), "anyof"),
        (lambda: f.FlowRunFilter(tags={"any_": 5}), "FlowRunFilter.tags"),
        (lambda: f.LogFilterLevel(ge_="much"), "ge_"),
    ],
)
def test_what_is_no_filter_is_refused_where_it_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_misspelt_part_of_a_filter_is_refused():
    with pytest.raises(TypeError, match="nmae"):
        f.FlowRunFilter(nmae={"any_": ["x"]})  # type: ignore[call-arg]


def test_a_limit_has_no_bound_and_pages_follow_each_other(client, database):
    story = Story(database)
    flow_run = story.flow_run("many")
    for number in range(1100):
        story.task_run(f"t-{number}", flow_run)
    story.told()
    asked = f.TaskRunFilter(flow_run_id={"any_": [UUID(bytes=flow_run)]})
    newest = [f"t-{number}" for number in reversed(range(1100))]
    assert names(client.read_task_runs(task_run_filter=asked)) == newest[:200]
    assert names(client.read_task_runs(task_run_filter=asked, limit=1050)) == newest[:1050]
    assert names(client.read_task_runs(limit=5, offset=998)) == newest[998:1003]
    assert client.count_task_runs(task_run_filter=asked) == 1100
