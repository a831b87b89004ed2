"""Programs with worker processes, killed at random moments: nothing is lost, nobody left."""

from __future__ import annotations

import os

import pytest

from tests.faults.process_kill_loop import disturb

TURNS = range(int(os.environ.get("FLOWSTONE_TEST_PROCESS_KILLS", "1")))
RUNNERS = [
    "processes",
    pytest.param("dask", marks=pytest.mark.dask),
    pytest.param("ray", marks=pytest.mark.ray),
]


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.parametrize("workers", [0, 1], ids=["driver", "worker"])
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("turn", TURNS)
def test_a_kill_loses_nothing_that_was_seen_and_leaves_no_process(tmp_path, runner, workers, turn):
    told = disturb(tmp_path, runner, workers=workers)
    assert told.programs == 1
    assert told.seen
