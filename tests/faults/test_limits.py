from __future__ import annotations

import random

import pytest

from tests.faults.limit_loop import (
    SOON_ACROSS,
    SOON_WITHIN,
    Load,
    Seen,
    count_inside,
    count_overtaken,
    measure,
    run_crowd,
)

pytestmark = pytest.mark.faults


@pytest.mark.timeout(120)
def test_a_limit_holds_and_leaks_nothing_while_its_holders_are_killed(tmp_path):
    """E1, E2, E9: slots leak with each holder that is killed."""
    load = Load(processes=5, tasks=40, kills=4, seconds=0.01)
    seen = run_crowd(tmp_path / "home", load, random.randrange(1 << 32))
    assert seen.violations == []
    assert seen.most == 3
    assert seen.kills > 0
    assert seen.queued > 20


@pytest.mark.timeout(60)
def test_a_waiter_is_awake_soon_after_a_release(tmp_path):
    """E6, E7: who waits sleeps on beside a free slot."""
    within, across = measure(tmp_path, 40)
    assert within < 4 * SOON_WITHIN  # the loop at full length takes the bounds as they are
    assert across < 4 * SOON_ACROSS


def test_one_too_many_inside_is_found_and_a_killed_one_does_not_count(tmp_path):
    witness = tmp_path / "witness"
    witness.write_text("+ 1 0 0 1\n+ 2 0 0 2\nx 1\n+ 3 0 0 3\n- 2\n+ 4 0 0 4\n")
    seen = Seen()
    count_inside(witness, 2, seen)
    assert (seen.violations, seen.most, seen.tasks, seen.kills) == ([], 2, 4, 1)
    count_inside(witness, 1, seen)
    assert len(seen.violations) == 3


def test_who_was_overtaken_is_found(tmp_path):
    witness = tmp_path / "witness"
    witness.write_text("+ 1 10 11 90\n+ 2 12 0 20\n+ 3 13 14 30\n+ 4 5 0 40\n")
    seen = Seen()
    count_overtaken(witness, seen)
    assert (seen.most_overtaken, seen.overtaken, seen.queued) == (2, 1, 2)
