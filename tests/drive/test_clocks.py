"""The share of a core that some threads used of late, with clocks turned by hand."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from flowstone.drive import clocks
from flowstone.drive.clocks import ThreadClocks


class Hands:
    """Stands in for `time`: what it is, and what each thread has used."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = {1: 0.0, 2: 0.0}
        self.thread = 1

    def monotonic(self) -> float:
        return self.now

    def clock_gettime(self, clock: int) -> float:
        return self.used[clock]


@pytest.fixture
def hands(monkeypatch):
    hands = Hands()
    monkeypatch.setattr(clocks, "time", hands)
    monkeypatch.setattr(clocks, "_clock_of", lambda ident: ident)
    ours = SimpleNamespace(Lock=threading.Lock, get_ident=lambda: hands.thread)
    monkeypatch.setattr(clocks, "threading", ours)
    return hands


def joined(hands: Hands) -> ThreadClocks:
    found = ThreadClocks()
    for thread in hands.used:
        hands.thread = thread
        found.join()
    return found


def test_it_is_what_all_threads_used_since_the_last_look(hands):
    found = joined(hands)
    hands.now, hands.used = 100.2, {1: 0.1, 2: 0.05}
    assert found.share() == pytest.approx(0.75)
    hands.now, hands.used = 100.25, {1: 0.15, 2: 0.05}
    assert found.share() == pytest.approx(0.75)  # too soon for another look
    hands.now = 100.4
    assert found.share() == pytest.approx(0.25)


def test_what_a_thread_used_that_left_is_counted(hands):
    found = joined(hands)
    hands.used = {1: 0.0, 2: 0.1}
    hands.thread = 2
    found.leave()
    hands.now = 100.2
    assert found.share() == pytest.approx(0.5)


def test_after_a_long_while_it_is_known_only_where_they_used_a_core_all_the_time(hands):
    found = joined(hands)
    hands.now, hands.used = 103.0, {1: 1.0, 2: 1.0}
    assert found.share() is None
    hands.now, hands.used = 106.0, {1: 3.0, 2: 2.0}
    assert found.share() == pytest.approx(1.0)


def test_nobody_waits_for_another_one_who_looks(hands):
    found = joined(hands)
    hands.now, hands.used = 100.2, {1: 0.1, 2: 0.0}
    with found._lock:
        assert found.share() is None
    assert found.share() == pytest.approx(0.5)
