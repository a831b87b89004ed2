"""Where results are: on their way from records into the store."""

from __future__ import annotations

import pytest

from flowstone.core.facts import ResultNoted
from flowstone.core.ids import id_text
from flowstone.store.rows import RunFilter
from tests.store.feeding import fed


def noted(log, run, key, **more):
    return ResultNoted(
        run, log.tick(), "/r", key, **({"is_hit": False, "is_kept": True, "seconds": 1.0} | more)
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_run_the_latest_record_holds_in_whatever_order_they_are_read(database, log, order):
    run = log.task_run(None)
    records = [noted(log, run.run, "first"), noted(log, run.run, "second", is_hit=True)]
    log.segment([*log.definitions(), run, *(records[number] for number in order)])
    with fed(database) as store:
        row = store.result_of(run.run)
    assert (row.key, row.is_hit, row.is_kept, row.place) == ("second", True, True, "/r")


def test_earlier_results_of_a_task_come_the_newest_first_and_only_what_was_kept(database, log):
    runs = [log.task_run(None) for _ in range(4)]
    kept = [noted(log, run.run, f"k{number}") for number, run in enumerate(runs)]
    kept[1] = noted(log, runs[1].run, None, is_kept=False)
    log.segment([*log.definitions(), *runs, *kept])
    with fed(database) as store:
        last = store.find_task_run(id_text(runs[3].run))
        assert [row.key for row in store.results_before(last, 10)] == ["k2", "k0"]
        assert [row.key for row in store.results_before(last, 1)] == ["k2"]
        assert store.result_places() == ["/r"]


def test_a_run_of_which_nothing_was_said_has_no_result(database, log):
    run = log.task_run(None)
    log.segment([*log.definitions(), run])
    with fed(database) as store:
        assert store.result_of(run.run) is None
        assert store.result_places() == []
        assert store.hits() == []


def test_a_record_without_a_runs_id_is_put_aside_and_holds_up_nothing(database, log):
    run = log.task_run(None)
    log.segment([*log.definitions(), noted(log, b"short", "k"), run, noted(log, run.run, "k")])
    with fed(database) as store:
        assert len(store.task_runs(RunFilter())) == 1
        assert store.result_of(run.run).key == "k"
        assert len(store.status().rejected) == 1
