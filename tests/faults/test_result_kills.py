from __future__ import annotations

import random

import pytest

from flowstone.results.directory import WRITING
from tests.faults.result_kill_loop import Tally, check, kill_many

pytestmark = pytest.mark.faults


@pytest.mark.timeout(60)
def test_a_kill_leaves_no_torn_result_and_no_temporary_file(tmp_path):
    tally = kill_many(tmp_path, kills=12, seed=random.randrange(1 << 32), longest=0.1)
    assert tally.violations == []
    assert tally.seen > 0
    assert tally.checked > 0


def test_what_the_loop_looks_for_is_found(tmp_path):
    results = tmp_path / "results"
    (results / WRITING).mkdir(parents=True)
    (results / "torn").write_bytes(b"x")
    seen = tmp_path / "seen"
    seen.write_text("a-0 5\na-1 6")
    tally = Tally()
    check(results, [seen], tally)
    assert len(tally.violations) == 2
    assert tally.seen == 1
