"""Who is let in, within one process and over several."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import pytest

from flowstone.drive.limits.requests import Request
from flowstone.exceptions import ConcurrencySlotAcquisitionError
from tests.limits.elsewhere import Elsewhere


def ask(limits, *names, occupy=1, **more):
    request = Request(names, occupy, **more)
    limits.limiter.ask(request)
    return request


def wait(request, seconds=10.0):
    """Return whether a request is done within a time."""
    done = threading.Event()
    request.when_done(lambda _: done.set())
    return done.wait(seconds)


def let_pass(limits, looks=3):
    """Wait until the thread that looks has looked so often."""
    time.sleep(looks * 0.02)


def test_as_many_are_let_in_as_there_are_slots_and_a_release_lets_the_next_in_at_once(limits):
    """E6: a release wakes nobody, and free slots stay unused."""
    limits.definitions.create("db", 2)
    first, second, third, fourth = (ask(limits, "db") for _ in range(4))
    assert [one.is_done for one in (first, second, third, fourth)] == [True, True, False, False]
    limits.limiter.release(first)
    assert (third.is_done, fourth.is_done) == (True, False)
    limits.limiter.release(third)
    assert fourth.is_done
    assert limits.definitions.usage("db").used == 2


def test_who_asks_for_several_slots_is_not_overtaken_by_who_asks_for_few(limits):
    limits.definitions.create("db", 3)
    holder = ask(limits, "db")
    big = ask(limits, "db", occupy=3)
    small = ask(limits, "db")
    assert not big.is_done
    assert not small.is_done
    limits.limiter.release(holder)
    assert big.is_done
    assert len(next(iter(big.slots.values()))) == 3
    limits.limiter.release(big)
    assert small.is_done


def test_several_limits_are_taken_all_or_none(limits):
    limits.definitions.create("a", 1)
    limits.definitions.create("b", 1)
    holder = ask(limits, "b")
    both = ask(limits, "a", "b")
    assert not both.is_done
    assert limits.definitions.usage("a").used == 0
    limits.limiter.release(holder)
    assert both.is_done
    assert limits.definitions.usage("a").used == 1
    limits.limiter.release(both)
    assert [limits.definitions.usage(name).used for name in "ab"] == [0, 0]


def test_asking_in_any_order_of_names_never_ends_in_a_deadlock(limits):
    for name in "abc":
        limits.definitions.create(name, 1)
    requests = [ask(limits, *names) for names in ("ab", "bc", "ca", "cba", "a", "c", "bac") * 3]
    for _ in requests:
        one = next(one for one in requests if one.is_done and one.slots)
        limits.limiter.release(one)
    assert all(one.is_done for one in requests)


def test_who_waits_for_a_full_limit_does_not_keep_others_from_one_with_room_for_long(limits):
    limits.definitions.create("gpu", 1)
    limits.definitions.create("db", 1)
    holder = ask(limits, "gpu")
    both = [ask(limits, "db", "gpu") for _ in range(3)]
    queries = [ask(limits, "db") for _ in range(3)]
    assert wait(queries[0])  # after the second in which the first could still get both
    let_pass(limits)
    limits.limiter.release(queries[0])
    assert queries[1].is_done  # and from then on at once
    limits.limiter.release(holder)
    limits.limiter.release(queries[1])
    assert both[0].is_done  # it had kept its place
    assert not queries[2].is_done


def test_a_request_that_is_withdrawn_leaves_its_place_to_others(limits):
    limits.definitions.create("db", 1)
    holder, second, third = (ask(limits, "db") for _ in range(3))
    limits.limiter.release(second)
    limits.limiter.release(holder)
    assert third.is_done
    assert second.slots == {}
    limits.limiter.release(third)
    usage = limits.definitions.usage("db")
    assert (usage.used, usage.waiting) == (0, 0)


def test_releasing_twice_or_without_having_asked_does_nothing(limits):
    limits.definitions.create("db", 1)
    first = ask(limits, "db")
    limits.limiter.release(Request(["db"]))
    assert limits.definitions.usage("db").used == 1
    limits.limiter.release(first)
    second = ask(limits, "db")
    limits.limiter.release(first)
    assert limits.definitions.usage("db").used == 1
    limits.limiter.release(second)


@pytest.mark.parametrize("limit", [0, 1])
def test_asking_for_more_than_the_limit_is_an_error_and_not_a_wait_for_ever(limits, limit):
    limits.definitions.create("db", limit)
    request = ask(limits, "db", occupy=2)
    assert request.is_done
    assert isinstance(request.error, ConcurrencySlotAcquisitionError)
    assert f"Asked for 2 of the limit 'db', which is {limit}." in str(request.error)


def test_a_limit_that_does_not_exist_or_is_switched_off_holds_nobody_back(limits):
    limits.definitions.create("off", 1, active=False)
    request = ask(limits, "off", "nowhere", occupy=5)
    assert request.is_done
    assert request.error is None
    assert request.missing == ("nowhere",)
    assert request.slots == {}


def change_limit(limits):
    limits.definitions.change("db", limit=2)


def switch_off(limits):
    limits.definitions.change("db", active=False)


def delete(limits):
    limits.definitions.delete("db")


@pytest.mark.parametrize("change", [change_limit, switch_off, delete])
def test_a_limit_that_is_raised_switched_off_or_deleted_lets_waiters_in_within_a_second(
    limits, change
):
    limits.definitions.create("db", 1)
    ask(limits, "db")
    second = ask(limits, "db")
    began = time.monotonic()
    change(limits)
    assert wait(second)
    assert second.error is None
    assert time.monotonic() - began < 1.0


def test_a_limit_that_is_lowered_to_nothing_tells_its_waiters(limits):
    limits.definitions.create("db", 1)
    ask(limits, "db")
    second = ask(limits, "db")
    limits.definitions.change("db", limit=0)
    assert wait(second)
    assert isinstance(second.error, ConcurrencySlotAcquisitionError)


def test_slots_above_a_lowered_limit_count_until_they_are_free(limits):
    limits.definitions.create("db", 3)
    held = [ask(limits, "db") for _ in range(3)]
    limits.definitions.change("db", limit=2)
    waiter = ask(limits, "db")
    limits.limiter.release(held[0])
    let_pass(limits)
    assert not waiter.is_done
    limits.limiter.release(held[1])
    assert waiter.is_done
    assert limits.definitions.usage("db").used == 2


def test_other_processes_are_kept_out_and_let_in_when_a_slot_is_free(limits, elsewhere):
    limits.definitions.create("db", 1)
    assert elsewhere.tell("ask", "x", "db") == "in"
    mine = ask(limits, "db")
    assert not mine.is_done
    assert elsewhere.tell("release", "x") == "out"
    assert wait(mine)
    assert elsewhere.tell("ask", "y", "db") == "out"
    limits.limiter.release(mine)
    assert elsewhere.tell("wait", "y") == "in"


def test_slots_are_given_in_order_of_arrival_over_processes(limits, directory, elsewhere):
    limits.definitions.create("db", 1)
    with Elsewhere(directory) as third:
        holder = ask(limits, "db")
        assert elsewhere.tell("ask", "x", "db") == "out"
        assert third.tell("ask", "y", "db") == "out"
        mine = ask(limits, "db")
        limits.limiter.release(holder)
        let_pass(limits)
        assert not mine.is_done  # although it is in the process that released
        assert elsewhere.tell("wait", "x") == "in"
        elsewhere.tell("release", "x")
        assert third.tell("wait", "y") == "in"
        assert not mine.is_done
        third.tell("release", "y")
        assert wait(mine)


def test_what_a_killed_process_held_or_waited_for_is_free(limits, directory, elsewhere):
    """E1, E2: what died with its slots keeps them."""
    limits.definitions.create("db", 2)
    holder = ask(limits, "db")
    with Elsewhere(directory) as other:
        assert other.tell("ask", "x", "db") == "in"
        assert elsewhere.tell("ask", "y", "db") == "out"
        mine = ask(limits, "db")
        elsewhere.kill()
        other.kill()
    assert wait(mine)
    limits.limiter.release(holder)
    usage = limits.definitions.usage("db")
    assert (usage.used, usage.waiting) == (1, 0)


def test_a_stopped_process_is_overtaken_and_has_its_turn_when_it_goes_on(limits, elsewhere):
    limits.definitions.create("db", 1)
    holder = ask(limits, "db")
    assert elsewhere.tell("ask", "x", "db") == "out"
    assert elsewhere.tell("ask", "y", "db") == "out"
    elsewhere.send_signal(signal.SIGSTOP)
    mine = ask(limits, "db")
    limits.limiter.release(holder)
    assert not mine.is_done
    assert wait(mine)
    elsewhere.send_signal(signal.SIGCONT)
    limits.limiter.release(mine)
    assert elsewhere.tell("wait", "x") == "in"


def test_a_forked_child_holds_nothing_and_frees_nothing_of_its_parent(limits):
    limits.definitions.create("db", 1)
    mine = ask(limits, "db")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        limits.limiter.release(mine)
        os.write(writer, b"in" if ask(limits, "db").is_done else b"out")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == "out"
    other = ask(limits, "db")
    assert not other.is_done
    limits.limiter.release(mine)
    assert wait(other)


def test_a_program_that_closes_all_descriptors_loses_no_slot(limits, elsewhere):
    limits.definitions.create("db", 1)
    mine = ask(limits, "db")
    waiter = ask(limits, "db")
    for file in limits.folder.files.values():
        os.close(file.fd)
    let_pass(limits)
    assert elsewhere.tell("ask", "x", "db") == "out"
    for request in (mine, waiter):
        assert wait(request)
        limits.limiter.release(request)
    assert elsewhere.tell("wait", "x") == "in"


def test_a_process_that_stops_in_the_midst_of_a_decision_holds_up_but_does_not_hang(
    limits, elsewhere
):
    limits.definitions.create("db", 1)
    assert elsewhere.tell("gate", "x", "db") == "True"
    requests = [ask(limits, "db") for _ in range(3)]
    let_pass(limits)
    assert not any(request.is_done for request in requests)
    limits.limiter.release(requests.pop(1))
    elsewhere.kill()
    assert wait(requests[0])
    assert not requests[1].is_done
    limits.limiter.release(requests[0])
    assert wait(requests[1])


def test_what_one_waits_for_is_said_with_its_place(limits, elsewhere):
    limits.definitions.create("db", 1)
    ask(limits, "db")
    elsewhere.tell("ask", "x", "db")
    first, second = ask(limits, "db"), ask(limits, "db")
    assert limits.limiter.waiting_for(first) == "limit db (1 of 1), position 2"
    assert limits.limiter.waiting_for(second) == "limit db (1 of 1), position 3"


def test_who_holds_and_who_waits_can_be_seen(limits, elsewhere):
    """E1: nobody can see who holds what."""
    limits.definitions.create("db", 2)
    ask(limits, "db", label="task run load-3")
    elsewhere.tell("ask", "x", "db")
    elsewhere.tell("ask", "y", "db")
    usage = limits.definitions.usage("db")
    assert (usage.used, usage.waiting) == (2, 1)
    mine, other = usage.holders
    assert (mine.slot, mine.pid, mine.label) == (0, os.getpid(), "task run load-3")
    assert (other.slot, other.pid) == (1, elsewhere.pid)
    assert abs(time.time_ns() - mine.since) < 60e9


def test_a_generator_that_is_collected_in_the_midst_of_a_decision_frees_its_slot(limits):
    limits.definitions.create("db", 1)
    held = ask(limits, "db")
    waiter = ask(limits, "db")
    with limits.limiter._section():  # where a collection may run a forgotten `finally`
        limits.limiter.release(held)
    assert wait(waiter)
    gc.collect()


def test_no_thread_is_left_when_nobody_waits(limits):
    limits.definitions.create("db", 1)
    first, second = ask(limits, "db"), ask(limits, "db")
    assert "flowstone-limits" in {thread.name for thread in threading.enumerate()}
    limits.limiter.release(first)
    limits.limiter.release(second)
    until = time.monotonic() + 5
    while limits.limiter._looks and time.monotonic() < until:
        time.sleep(0.01)
    assert not limits.limiter._looks


def test_a_program_that_closes_all_descriptors_and_then_releases_keeps_no_slot(limits):
    limits.definitions.create("db", 1)
    mine = ask(limits, "db")
    for file in limits.folder.files.values():
        os.close(file.fd)
    limits.limiter.release(mine)
    assert ask(limits, "db").is_done


def test_a_damaged_file_is_an_error_that_names_it(limits, directory):
    limits.definitions.create("db", 1)
    [path] = directory.iterdir()
    path.write_bytes(b"something else, and long enough to be read")
    request = ask(limits, "db")
    assert isinstance(request.error, OSError)
    assert str(path) in str(request.error)
