"""Calls under way: who holds one, who waits, and who is told."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from flowstone.drive.flights import Flights


def context(outer: Any = None, flight: Any = None) -> Any:
    return SimpleNamespace(outer=outer, keeping=SimpleNamespace(flight=flight))


@pytest.fixture
def flights(tmp_path):
    return Flights(str(tmp_path / "results.lock"))


def test_the_first_holds_it_and_the_others_are_told_when_it_ends(flights):
    first, other, told = context(), context(), []
    flight = flights.begin(7, first)
    assert flight.holder is first
    assert flights.begin(7, other) is flight
    assert flights.begin(8, other).holder is other
    flight.when_done(told.append)
    assert told == []
    flight.end()
    flight.end()
    flight.when_done(told.append)
    assert told == [flight, flight]
    assert flights.begin(7, other).holder is other


OTHER = """
import sys
from flowstone.drive.flights import Flights
held = Flights(sys.argv[1]).begin(7, "me")
assert held.holder == "me"
print("begun", flush=True)
sys.stdin.read(1)
"""


def test_what_another_process_holds_is_waited_for_until_it_ends(flights, tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path / "results.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"begun\n"
    flight, told = flights.begin(7, context()), []
    assert flight.holder is None
    assert not flight.is_done
    flight.when_done(told.append)
    other.communicate()
    until = time.monotonic() + 20
    while not told and time.monotonic() < until:
        time.sleep(0.005)
    assert flight.is_done
    mine = context()
    assert flights.begin(7, mine).holder is mine


def test_a_wait_for_what_is_around_or_needs_the_same_thread_would_hang(flights):
    outer = context()
    flight = flights.begin(7, outer)
    inner = context(outer=context(outer=outer))
    assert flight.would_hang(inner, blocks=False)
    assert not flight.would_hang(context(), blocks=False)
    assert flight.would_hang(context(), blocks=True)


def test_who_holds_a_later_key_waits_for_an_earlier_one_only_for_a_time(flights, monkeypatch):
    monkeypatch.setattr("flowstone.drive.flights._PATIENCE", 0.01)
    early, late = flights.begin(1, context()), flights.begin(2, context())
    assert late.awaited_by(context(outer=context(flight=early))) is late
    bounded, told = early.awaited_by(context(outer=context(flight=late))), []
    bounded.when_done(told.append)
    until = time.monotonic() + 20
    while not told and time.monotonic() < until:
        time.sleep(0.005)
    assert told == [bounded]
    assert not bounded.is_done
    early.end()
    assert bounded.is_done
