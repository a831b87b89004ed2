from __future__ import annotations

import random

import pytest

from tests.faults.kill_loop import Tally, check, kill_many, left_over, read_seen

pytestmark = pytest.mark.faults


@pytest.mark.timeout(60)
def test_a_killed_run_keeps_every_result_its_caller_saw(tmp_path):
    home = tmp_path / "home"
    tally = kill_many(home, kills=12, seed=random.randrange(1 << 32), longest=0.6)
    assert tally.violations == []
    assert tally.seen > 0
    assert tally.crashed >= tally.hits - 1  # a kill may hit between two flow runs
    assert tally.closed > 0  # half of the victims always have a task run open
    assert left_over(home) == []


@pytest.mark.timeout(60)
def test_a_run_that_is_asked_to_end_is_closed_and_gone_in_time(tmp_path):
    home = tmp_path / "home"
    seed = random.randrange(1 << 32)
    tally = kill_many(home, kills=8, seed=seed, longest=0.6, signals=("INT", "TERM"))
    assert tally.violations == []
    assert tally.seen > 0
    assert left_over(home) == []


def test_a_call_that_the_store_has_not_is_found(tmp_path):
    tally = Tally()
    check(tmp_path / "home", "victim-0", {"victim-0-0": {"0", "1"}}, tally)
    assert tally.violations[0] == "victim-0-0: 2 calls seen, and no such flow run"


def test_a_line_without_its_end_was_not_seen(tmp_path):
    path = tmp_path / "seen"
    path.write_text("victim-0-0 0\nvictim-0-0 1\nvictim-0-0 2")
    assert read_seen(path) == {"victim-0-0": {"0", "1"}}
