from __future__ import annotations

import random

import pytest

from tests.faults.shipping_loop import disturb, maybe_postgres

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


@pytest.mark.parametrize("database", ["embedded", "postgres"])
def test_a_server_that_is_killed_under_load_loses_nothing_and_doubles_nothing(tmp_path, database):
    is_postgres = database == "postgres"
    with maybe_postgres(wanted=is_postgres) as postgres:
        outcome = disturb(
            tmp_path,
            kills=2,
            stops=2 if is_postgres else 0,
            postgres=postgres,
            seed=random.randrange(1 << 32),
            longest=0.8,
            kinds=("sync", "submit"),
        )
    assert outcome.violations == []
    assert outcome.seen > 0
    assert sum(outcome.cuts.values()) > 0
