from __future__ import annotations

import pytest

from tests.faults.many_processes import Crowd, Seen, count, run_crowd

pytestmark = pytest.mark.faults


@pytest.mark.timeout(60)
def test_many_processes_share_a_home_while_a_reader_polls(tmp_path):
    seen = run_crowd(tmp_path / "home", Crowd(processes=6, flows=20, tasks=10, seconds=0.001))
    assert seen.violations == []
    assert seen.task_runs == 6 * 20 * 10


def test_a_flow_run_that_is_missing_is_found(tmp_path):
    seen = Seen()
    count(tmp_path / "home", 1, 1, seen)
    assert "1 flow runs made, 0 in the store" in seen.violations
