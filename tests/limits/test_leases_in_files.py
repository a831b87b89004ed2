"""Slots of a home's limits that are held for somebody elsewhere."""

from __future__ import annotations

import subprocess
import sys
import time
from uuid import uuid4

import pytest

from flowstone.drive.limits import clocks, notes
from flowstone.drive.limits.notes import Lease
from flowstone.drive.limits.requests import Request
from tests.limits.test_limiter import wait

WRITES = """
import sys, time
from flowstone.drive.limits.local import local_limits
from flowstone.drive.limits.notes import Lease
from flowstone.drive.limits.requests import Request

limits = local_limits(sys.argv[1])
lease = Lease(id=bytes(range(16)), seconds=float(sys.argv[2]), host="far", pid=7)
request = Request(["db"], 2, label="task run load-0", lease=lease)
limits.limiter.ask(request)
lease.renew()
limits.limiter.renew(request)
print("held", flush=True)
time.sleep(60)
"""


def leased(limits, seconds=30.0, **more):
    lease = Lease(id=uuid4().bytes, seconds=seconds, host="far", pid=7)
    request = Request(["db"], label="task run load-0", lease=lease, **more)
    limits.limiter.ask(request)
    return request


def asked(limits, occupy=1):
    request = Request(["db"], occupy)
    limits.limiter.ask(request)
    return request


@pytest.fixture
def writer(limits, directory):
    """Let a process hold two slots of three on a lease, and kill it."""
    limits.definitions.create("db", 3)

    def begin(seconds):
        command = [sys.executable, "-c", WRITES, str(directory), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.communicate()

    return begin


def test_a_leased_slot_is_shown_with_its_holder_and_freed_as_any_other(limits):
    limits.definitions.create("db", 1)
    far = leased(limits)
    near = asked(limits)
    assert (far.is_done, near.is_done) == (True, False)
    [holder] = limits.definitions.usage("db").holders
    assert (holder.host, holder.pid, holder.label) == ("far", 7, "task run load-0")
    assert holder.until > time.time_ns()
    limits.limiter.release(far)
    assert wait(near)
    [holder] = limits.definitions.usage("db").holders
    assert (holder.host, holder.until) == ("", None)
    limits.limiter.release(near)
    assert limits.definitions.usage("db").used == 0


def test_a_lease_outlives_the_process_that_wrote_it_and_no_longer_than_it_says(limits, writer):
    writer(3)
    usage = limits.definitions.usage("db")
    assert (usage.used, [one.slot for one in usage.holders]) == (2, [0, 1])
    waits = asked(limits, 2)
    assert not waits.is_done
    one = asked(limits)
    assert not one.is_done  # in order
    assert wait(waits, 10)
    assert wait(one)
    for request in (waits, one):
        limits.limiter.release(request)
    assert limits.definitions.usage("db").used == 0


def test_a_lease_of_a_dead_process_is_taken_up_with_its_slots(limits, writer):
    writer(30)
    again = Request(["db"], 2, lease=Lease(id=bytes(range(16)), seconds=30))
    assert limits.limiter.resume(again)
    assert limits.definitions.usage("db").used == 2
    limits.limiter.release(again)
    assert limits.definitions.usage("db").used == 0


def test_what_runs_already_gets_slots_above_the_limit_and_is_counted(limits):
    limits.definitions.create("db", 1)
    near = asked(limits)
    late = Request(["db"], lease=Lease(id=uuid4().bytes, seconds=30))
    assert limits.limiter.resume(late)
    usage = limits.definitions.usage("db")
    assert (usage.used, usage.overlaps) == (2, 1)
    for request in (near, late):
        limits.limiter.release(request)
    assert limits.definitions.usage("db").used == 0


def test_after_a_restart_of_the_machine_a_lease_counts_for_its_length(limits, writer, monkeypatch):
    writer(30)
    monkeypatch.setattr(clocks, "_BOOT", [b"another boot".ljust(16)])
    booted = clocks.clock()
    monkeypatch.setattr(notes, "clock", lambda: clocks.clock() - booted)
    assert limits.definitions.usage("db").used == 2
    monkeypatch.setattr(notes, "clock", lambda: clocks.clock() - booted + 31 * 10**9)
    assert limits.definitions.usage("db").used == 0


def test_words_that_are_too_long_are_cut_and_never_the_lease(limits):
    limits.definitions.create("db", 1)
    lease = Lease(id=uuid4().bytes, seconds=30, host="h" * 300, pid=7, run=bytes(16))
    request = Request(["db"], label="é" * 500, lease=lease)
    limits.limiter.ask(request)
    [holder] = limits.definitions.usage("db").holders
    assert holder.lease == lease.id
    assert holder.run == bytes(16)
    assert set(holder.label) == {"é"}
    limits.limiter.release(request)
