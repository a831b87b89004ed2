"""What users of such tools complain about where runs wait for slots of limits.

More of them stand where their subject is: look for the number.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest

from flowstone import flow, task
from flowstone.concurrency.sync import concurrency
from flowstone.drive.limits.limiter import Limiter
from flowstone.drive.limits.requests import Request
from flowstone.drive.limits.tags import TagLimits
from flowstone.store.queries import open_store
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.wiring.process import PROCESS
from tests.limits.elsewhere import Elsewhere

HOLDS = """
import os, time
from flowstone import flow, task

@task(tags=["db"])
def query(_n):
    os.write(1, b"inside\\n")  # at once: two threads do
    time.sleep(60)

@flow
def queries():
    futures = query.map(range(3))
    while not any("Queued" in str(future.state.message) for future in futures):
        time.sleep(0.005)
    os.write(1, b"queued\\n")
    futures.wait()

queries()
"""


@pytest.fixture
def limits(home):
    """The limits of this test's home."""
    limits = PROCESS.limits
    yield limits
    assert not any(used(limits, one.name) for one in limits.definitions.all())


@pytest.fixture
def hold(home, limits):
    """Begin a process whose runs hold all slots of the tag `db`, of three that want one."""
    environ = os.environ | {"FLOWSTONE_HOME": str(home)}
    processes = []

    def begin(most) -> subprocess.Popen:
        limits.definitions.create("tag:db", most)
        command = [sys.executable, "-c", HOLDS]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, text=True
        )
        processes.append(process)
        told = [process.stdout.readline() for _ in range(most + 1)]
        assert sorted(told) == ["inside\n"] * most + ["queued\n"]
        return process

    yield begin
    for process in processes:
        with process:
            process.kill()


def ask(limits, *names, **more) -> Request:
    request = Request(names, **more)
    limits.limiter.ask(request)
    return request


def let_in(request, seconds=10.0) -> bool:
    """Whether a request is let in within a time."""
    done = threading.Event()
    request.when_done(lambda _: done.set())
    return done.wait(seconds) and bool(request.slots)


def used(limits, name="tag:db") -> int:
    return limits.definitions.usage(name).used


def test_who_holds_a_slot_can_be_seen_and_a_dead_one_holds_none(home, limits, hold):
    """E1: slots of dead containers stay taken, and nobody can see who holds what."""
    program = hold(2)
    inspect = ["concurrency-limit", "inspect", "db", "-o", "json"]
    environ = os.environ | {"FLOWSTONE_HOME": str(home)}
    command = [sys.executable, "-m", "flowstone.cli", *inspect]
    shown = json.loads(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)
    assert shown["active_slots"] == 2
    assert {one["pid"] for one in shown["holders"]} == {program.pid}
    assert all(one["holder"].startswith("task run query-") for one in shown["holders"])
    program.kill()
    program.wait()
    usage = limits.definitions.usage("tag:db")
    assert (usage.used, usage.waiting, usage.holders) == (0, 0, ())


def test_a_slot_held_at_a_kill_is_free_for_the_next_run(hold):
    """E2: after a hard kill the slot of a tag is held for ever."""
    program = hold(1)
    mine = task(lambda: "in", name="mine", tags=["db"])

    @flow
    def next_one():
        future = mine.submit()
        while "Queued" not in str(future.state.message):
            time.sleep(0.005)
        program.send_signal(signal.SIGKILL)
        return future.result(timeout=10)

    assert next_one() == "in"


WAYS_OUT = {
    "an error": ValueError,
    "the end of the program": SystemExit,
    "an interrupt": KeyboardInterrupt,
    "a generator that is closed": GeneratorExit,
}


@pytest.mark.parametrize("name", WAYS_OUT)
@pytest.mark.parametrize("way", ["tag", "block"])
def test_no_way_out_of_a_body_keeps_its_slot(limits, way, name):
    """E3: an error in the wrong place, and the count of slots is wrong for ever."""
    limits.definitions.create("tag:db", 1)
    limits.definitions.create("gpu", 1)
    inside = []

    @task(tags=["db"] if way == "tag" else [], retries=1)
    def leaves():
        if way == "block":
            with concurrency("gpu"):
                inside.append(used(limits, "gpu"))
                raise WAYS_OUT[name]
        inside.append(used(limits))
        raise WAYS_OUT[name]

    for _ in range(2):
        with pytest.raises(WAYS_OUT[name]):
            leaves()
    assert len(inside) >= 2
    assert set(inside) == {1}
    assert (used(limits), used(limits, "gpu")) == (0, 0)


@pytest.mark.parametrize("way", ["call", "submit"])
def test_a_healthy_run_goes_on_when_the_limits_files_are_lost(home, limits, way):
    """E4: a healthy run is ended because its hold on a slot could not be renewed."""
    limits.definitions.create("tag:db", 1)
    attempts = []

    @task(tags=["db"], retries=1, retry_delay_seconds=0.05)
    def query():
        attempts.append(None)
        if len(attempts) == 1:
            shutil.rmtree(home / "limits")
            raise ValueError
        return "done"

    @flow
    def runs():
        return query() if way == "call" else query.submit().result()

    state = runs(return_state=True)
    assert (state.name, state.result(), len(attempts)) == ("Completed", "done", 2)


def test_a_holder_that_was_stopped_for_a_while_still_holds_its_slot(home, limits):
    """E5: a holder that is alive loses its slot to the one who clears up behind dead ones."""
    limits.definitions.create("db", 1)
    with Elsewhere(home / "limits") as elsewhere:
        assert elsewhere.tell("ask", "x", "db") == "in"
        elsewhere.send_signal(signal.SIGSTOP)
        mine = ask(limits, "db")
        assert not let_in(mine, 1.5)  # a waiter would have been overtaken by now
        elsewhere.send_signal(signal.SIGCONT)
        assert elsewhere.tell("release", "x") == "out"
        assert let_in(mine)
        limits.limiter.release(mine)


@pytest.mark.parametrize("way", ["submit", "async"])
def test_short_tasks_follow_each_other_at_once_where_they_queue(limits, way):
    """E6: a release wakes nobody: short tasks begin a second and more apart, with free slots."""
    limits.definitions.create("tag:db", 1)
    moments = []

    def body():
        moments.append(time.monotonic())
        time.sleep(0.002)
        moments.append(time.monotonic())

    async def abody():
        body()

    short = task(body, name="short", tags=["db"])
    ashort = task(abody, name="ashort", tags=["db"])

    @flow
    def queue():
        for future in [short.submit() for _ in range(150)]:
            future.result(timeout=15)

    @flow
    async def aqueue():
        await asyncio.gather(*(ashort() for _ in range(150)))

    if way == "submit":
        queue()
    else:
        asyncio.run(aqueue())
    ends, starts = moments[1::2][:-1], moments[2::2]
    gaps = [start - end for end, start in zip(ends, starts, strict=True)]
    assert len(gaps) == 149
    assert min(gaps) >= 0  # never two at once
    assert statistics.median(gaps) < 0.05


def test_who_waited_long_behind_many_is_let_in_as_soon_as_the_first(home, limits):
    """E7: the longer the queue and the wait, the rarer it is looked, up to days."""
    limits.definitions.create("db", 1)
    holder = ask(limits, "db")
    with Elsewhere(home / "limits") as elsewhere:
        many = [ask(limits, "db") for _ in range(300)]
        assert elsewhere.tell("ask", "last", "db") == "out"
        time.sleep(1.5)
        limits.limiter.release(holder)
        for request in many:
            assert let_in(request)
            limits.limiter.release(request)
        released = time.monotonic_ns()
        awake = int(elsewhere.tell("awake", "last"))
        assert elsewhere.tell("release", "last") == "out"
    assert awake - released < 1e9


@pytest.mark.parametrize("way", ["call", "submit", "async"])
def test_a_tag_without_a_limit_asks_for_nothing(limits, monkeypatch, way):
    """E8: any tag costs each task several requests, also where no limit was ever made."""
    limits.definitions.create("tag:db", 1)
    looks, asked = [], []
    look = TagLimits._look
    monkeypatch.setattr(TagLimits, "_look", lambda *args: (looks.append(None), look(*args)))
    monkeypatch.setattr(Limiter, "ask", lambda _self, request: asked.append(request))
    tagged = task(lambda: 1, name="tagged", tags=["etl", "nightly"])

    async def abody():
        return 1

    atagged = task(abody, name="atagged", tags=["etl", "nightly"])

    @flow
    def runs():
        if way == "call":
            return sum(tagged() for _ in range(1000))
        return sum(future.result() for future in [tagged.submit() for _ in range(1000)])

    @flow
    async def aruns():
        return sum([await atagged() for _ in range(1000)])

    assert (asyncio.run(aruns()) if way == "async" else runs()) == 1000
    # Twice a second, by each thread that finds it is time: a slow machine has many of both.
    assert len(looks) < 300
    assert asked == []


def test_what_is_shown_as_in_use_is_what_keeps_others_out(home, limits):
    """E9: nothing is shown in use, and yet nobody is let in: two counts of one thing."""
    limits.definitions.create("db", 4)
    chance = random.Random(9)
    mine, others = [], []
    with Elsewhere(home / "limits") as elsewhere:
        for step in range(120):
            shown = limits.definitions.usage("db")
            inside = len(mine) + len(others)
            assert (shown.used, len(shown.holders), shown.waiting) == (inside, inside, 0)
            if chance.random() < 0.55 and inside < 4:
                if chance.random() < 0.5:
                    mine.append(ask(limits, "db"))
                    assert let_in(mine[-1])
                else:
                    others.append(f"x{step}")
                    elsewhere.tell("ask", others[-1], "db")
                    assert elsewhere.tell("wait", others[-1]) == "in"
            elif inside == 4 and others:
                refused = ask(limits, "db")
                assert not refused.is_done
                limits.limiter.release(refused)
                elsewhere.tell("release", others.pop())
            elif mine:
                limits.limiter.release(mine.pop())
        for request in mine:
            limits.limiter.release(request)
    assert limits.definitions.usage("db").used == 0


def test_a_run_that_was_left_pending_holds_nothing_and_ends(home, limits, hold):
    """E10: a run that was left behind in Pending keeps its place, and nothing runs any more."""
    program = hold(1)
    until = time.monotonic() + 10
    while limits.definitions.usage("tag:db").waiting < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert limits.definitions.usage("tag:db").waiting == 2
    program.kill()
    program.wait()
    usage = limits.definitions.usage("tag:db")
    assert (usage.used, usage.waiting) == (0, 0)
    assert task(lambda: "in", name="next", tags=["db"])() == "in"
    with open_store(home) as store:
        states = [run.state_name for run in store.task_runs(limit=0) if "query" in run.name]
        flows = [run.state_name for run in store.flow_runs()]
    assert states == ["Crashed"] * 3
    assert flows == ["Crashed"]


@pytest.mark.parametrize("way", ["submit", "await"])
def test_async_tasks_at_their_limit_that_call_others_get_on(limits, way):
    """E11: as many async tasks as there are slots wait for each other for ever."""
    limits.definitions.create("tag:db", 2)

    @task
    async def part(n):
        await asyncio.sleep(0)
        return n

    @task(tags=["db"])
    async def whole(n):
        return await part(n) + part.submit(n).result(timeout=10)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    async def runs():
        if way == "await":
            return sum(await asyncio.gather(*(whole(n) for n in range(20))))
        return sum(await asyncio.to_thread(lambda: whole.map(range(20)).result(timeout=15)))

    assert asyncio.run(runs()) == 2 * sum(range(20))


def test_lists_tell_a_run_that_waits_for_a_slot_from_one_that_only_waits(home, limits):
    """E12: a task that waits for a slot looks like any that is Pending."""
    limits.definitions.create("tag:db", 1)
    leave = threading.Event()
    holds = task(lambda: leave.wait(10), name="holds", tags=["db"])
    waits = task(lambda: 1, name="waits", tags=["db"])
    after = task(lambda: 2, name="after")

    @flow
    def queue():
        first = holds.submit()
        while first.state.name != "Running":
            time.sleep(0.002)
        queued = waits.submit()
        plain = after.submit(wait_for=[queued])
        while queued.state.message is None:
            time.sleep(0.002)
        with open_store(home) as store:
            seen = {run.name: (run.state_name, run.message) for run in store.task_runs()}
        leave.set()
        return seen, plain.result(timeout=10)

    seen, _ = queue()
    assert seen["waits-0"] == ("Pending", "Queued: limit tag:db (1 of 1), position 1")
    assert "Queued" not in str(seen["after-0"])
