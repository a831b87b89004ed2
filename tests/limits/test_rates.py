"""Limits whose slots become free by themselves."""

from __future__ import annotations

import time

import pytest

from flowstone.drive.limits import clocks, files
from flowstone.drive.limits.requests import Request
from flowstone.exceptions import ConcurrencySlotAcquisitionError
from tests.limits.test_limiter import wait


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""

    class Clock:
        now = 10**15

        def pass_(self, seconds):
            self.now += int(seconds * 1e9)

    clock = Clock()
    monkeypatch.setattr(files, "clock", lambda: clock.now)
    return clock


def ask(limits, name="api", occupy=1):
    request = Request([name], occupy, is_rate=True)
    limits.limiter.ask(request)
    return request


def test_as_many_pass_at_once_as_the_limit_says_and_then_as_many_as_decay(limits, clock):
    limits.definitions.create("api", 3, slot_decay_per_second=2.0)
    first = [ask(limits) for _ in range(5)]
    assert [one.is_done for one in first] == [True] * 3 + [False] * 2
    clock.pass_(0.4)
    assert not wait(first[3], 0.1)
    clock.pass_(0.1)
    assert wait(first[3])
    assert not wait(first[4], 0.1)
    clock.pass_(0.5)
    assert wait(first[4])


def test_releasing_gives_nothing_back(limits, clock):
    limits.definitions.create("api", 1, slot_decay_per_second=1.0)
    limits.limiter.release(ask(limits))
    assert not ask(limits).is_done


def test_a_level_never_falls_below_nothing(limits, clock):
    limits.definitions.create("api", 2, slot_decay_per_second=5.0)
    ask(limits)
    clock.pass_(3600)
    assert [ask(limits).is_done for _ in range(3)] == [True, True, False]


def test_the_level_is_shared_with_other_processes(limits, elsewhere):
    limits.definitions.create("api", 2, slot_decay_per_second=0.001)
    assert elsewhere.tell("use", "x", "api") == "done"
    assert ask(limits).is_done
    assert not ask(limits).is_done


def test_a_restart_of_the_machine_empties_it(limits, clock, monkeypatch):
    limits.definitions.create("api", 1, slot_decay_per_second=0.001)
    ask(limits)
    assert not ask(limits).is_done
    monkeypatch.setattr(clocks, "_BOOT", [b"another boot".ljust(16)])
    assert limits.definitions.usage("api").level == 0


def test_a_limit_without_decay_is_no_rate(limits):
    limits.definitions.create("db", 1)
    request = ask(limits, "db")
    assert isinstance(request.error, ConcurrencySlotAcquisitionError)
    assert "'db' is no rate" in str(request.error)


def test_a_rate_that_is_changed_counts_the_time_before_at_the_old_pace(limits, clock):
    limits.definitions.create("api", 4, slot_decay_per_second=1.0)
    ask(limits, occupy=4)
    clock.pass_(2)
    limits.definitions.change("api", slot_decay_per_second=100.0)
    assert limits.definitions.usage("api").level == pytest.approx(2)


def test_many_pass_a_quick_rate_in_the_time_that_it_takes(limits):
    limits.definitions.create("api", 10, slot_decay_per_second=400.0)
    began = time.monotonic()
    requests = [ask(limits) for _ in range(210)]
    assert wait(requests[-1])
    assert time.monotonic() - began >= 0.5
