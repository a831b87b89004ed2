"""Limits that a server gives: the same promises, over a socket, on both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from flowstone import flow, task
from flowstone.concurrency.asyncio import concurrency as aconcurrency
from flowstone.concurrency.sync import concurrency, rate_limit
from flowstone.drive.limits.remote import RemoteLimits, Server, remote_limits
from flowstone.drive.limits.requests import Request
from flowstone.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    LimitExists,
    LimitNotFound,
)
from flowstone.log.courier import ServerRefused
from flowstone.settings import Settings
from flowstone.settings.declared import ApiSettings, LimitSettings
from flowstone.store.databases import Database
from flowstone.wiring.process import PROCESS
from tests.limits.test_limiter import wait
from tests.server.listening import Listening

pytestmark = pytest.mark.timeout(60)

HOLDS = """
import os, sys, time
from flowstone.concurrency.sync import concurrency

with concurrency("db", lease_duration=2, holder="far"):
    print("inside", flush=True)
    time.sleep(float(sys.argv[1]))
print("outside", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def server(any_database: Database) -> Iterator[Listening]:
    with Listening(any_database) as server:
        yield server


@pytest.fixture
def limits(server: Listening) -> Iterator[RemoteLimits]:
    limits = remote_limits(Server(url=server.url))
    yield limits
    limits.limiter.finish()


@pytest.fixture
def settings(server, tmp_path):
    """Let this process's runs report to the server, and take slots there."""
    before = PROCESS.engine, PROCESS.log, PROCESS._settings

    def use(**more):
        api = ApiSettings(url=server.url, exit_seconds=0)
        PROCESS.restart(Settings(home=str(tmp_path / "here"), api=api, **more))

    use()
    yield use
    PROCESS.limits.limiter.finish()
    PROCESS.engine, PROCESS.log, PROCESS._settings = before


def asked(limits, *names, occupy=1, **more) -> Request:
    request = Request(names, occupy, label="task run load-0", **more)
    limits.limiter.ask(request)
    return request


def until(call, seconds=10.0):
    """Wait until a call gives something true; return it."""
    end = time.monotonic() + seconds
    while not (found := call()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def used(limits, name="db"):
    return limits.definitions.usage(name).used


def test_limits_are_made_changed_and_deleted_at_the_server(limits):
    made = limits.definitions.create("tag:a/b é", 2)
    with pytest.raises(LimitExists):
        limits.definitions.create("tag:a/b é", 2)
    with pytest.raises(ValueError, match="does not fit"):
        limits.definitions.create("x", -1)
    assert limits.definitions.all("tag:") == [made]
    changed = limits.definitions.change(made.name, limit=5, active=False)
    assert (changed.limit, changed.active, changed.id) == (5, False, made.id)
    assert limits.definitions.usage(made.name).limit == changed
    limits.definitions.delete(made.name)
    with pytest.raises(LimitNotFound):
        limits.definitions.usage(made.name)


def test_no_connection_stays_open_for_limits_that_were_asked_about(limits):
    limits.definitions.create("db", 1)
    assert used(limits) == 0
    assert limits.definitions._courier._connection is None
    with pytest.raises(LimitNotFound):
        used(limits, "none")
    assert limits.definitions._courier._connection is None


def test_slots_are_had_in_the_order_of_asking_and_shown_with_holders_and_waiters(limits):
    """E1: nobody can see who holds what."""
    limits.definitions.create("db", 1)
    first = asked(limits, "db")
    assert wait(first)
    second, third = asked(limits, "db"), asked(limits, "db")
    until(lambda: third.answer.is_done)
    assert third.waiting_for() == "limit db (1 of 1), position 2"
    usage = limits.definitions.usage("db")
    assert (usage.used, usage.waiting, len(usage.waiters)) == (1, 2, 2)
    assert (usage.holders[0].label, usage.holders[0].pid) == ("task run load-0", os.getpid())
    first.release()
    assert wait(second)
    assert not third.is_done
    second.release()
    assert wait(third)
    third.release()
    until(lambda: used(limits) == 0)


def test_a_thousand_requests_share_a_limit_and_none_is_lost(limits):
    limits.definitions.create("db", 3)
    requests = [Request(["db"]) for _ in range(200)]
    inside, most, lock = set(), [0], threading.Lock()
    left = threading.Semaphore(0)

    def run(request):
        with lock:
            inside.add(request)
            most[0] = max(most[0], len(inside))
        threading.Timer(0.001, end, (request,)).start()

    def end(request):
        with lock:
            inside.discard(request)
        request.release()
        left.release()

    for request in requests:
        limits.limiter.ask(request)
        request.when_done(run)
    for _ in requests:
        assert left.acquire(timeout=20)
    assert most[0] <= 3
    until(lambda: used(limits) == 0)


def test_a_limit_that_is_missing_or_too_small_is_told(limits):
    limits.definitions.create("db", 2)
    absent = asked(limits, "nothing")
    assert wait(absent)
    assert absent.missing == ("nothing",)
    large = asked(limits, "db", occupy=3)
    assert wait(large)
    assert "Asked for 3 of the limit 'db'" in str(large.error)


def test_tagged_runs_wait_for_the_servers_slots_and_say_so(limits, settings):
    """E12: a run that waits for a slot looks like any other that is Pending."""
    limits.definitions.create("tag:db", 1)
    begun, go = threading.Event(), threading.Event()

    @task(tags=["db"])
    def query(number):
        begun.set()
        go.wait(10)
        return number

    @flow
    def queries():
        futures = query.map(range(2))
        assert begun.wait(10)
        waiting = until(lambda: [one for one in futures if "Queued" in str(one.state.message)])
        messages = [one.state.message for one in waiting]
        go.set()
        return messages, futures.result()

    messages, results = queries()
    assert messages == ["Queued: limit tag:db (1 of 1), position 1"]
    assert results == [0, 1]
    until(lambda: used(limits, "tag:db") == 0)


def test_a_run_that_has_its_slot_at_once_never_says_that_it_waits(limits, settings):
    limits.definitions.create("tag:db", 1)
    seen = []

    @task(tags=["db"])
    def query():
        seen.append(limits.definitions.usage("tag:db").holders)

    @task(tags=["db"])
    async def aquery():
        seen.append(limits.definitions.usage("tag:db").holders)

    @flow
    def queries():
        states = [query(return_state=True), asyncio.run(aquery(return_state=True))]
        return [state.message for state in states]

    assert queries() == [None, None]
    assert [one.label for [one] in seen] == ["task run query-0", "task run aquery-0"]
    assert all(one.run is not None for [one] in seen)


def test_tags_without_a_limit_ask_for_nothing_and_a_new_limit_is_seen_within_a_second(
    limits, settings, monkeypatch
):
    """E8: any tag costs each task several requests."""
    sent = []
    ask = type(limits.limiter).ask
    monkeypatch.setattr(
        type(limits.limiter), "ask", lambda self, one: (sent.append(one), ask(self, one))
    )
    tagged = task(lambda: 1, name="tagged", tags=["etl"])
    for _ in range(100):
        tagged()
    assert sent == []
    limits.definitions.create("tag:etl", 1)
    began = time.monotonic()
    while not sent:
        tagged()
        time.sleep(0.01)
        assert time.monotonic() - began < 5


def test_code_holds_slots_waits_for_rates_and_gives_up_in_time(limits, settings):
    limits.definitions.create("db", 1)
    limits.definitions.create("api", 1, slot_decay_per_second=5.0)
    with concurrency("db", holder="me"):
        assert limits.definitions.usage("db").holders[0].label == "me"
        with (
            pytest.raises(AcquireConcurrencySlotTimeoutError, match=r"limit db \(1 of 1\)"),
            concurrency("db", timeout_seconds=0.3),
        ):
            pass
        with (
            pytest.raises(ConcurrencySlotAcquisitionError, match="no limit 'nothing'"),
            concurrency("nothing", strict=True),
        ):
            pass
    began = time.monotonic()
    rate_limit("api")
    rate_limit("api", timeout_seconds=10)
    assert time.monotonic() - began > 0.15
    with concurrency([]):
        pass


def test_async_code_waits_without_holding_up_its_loop(limits, settings):
    """E11: async tasks at the limit lock each other out."""
    limits.definitions.create("db", 1)
    order = []

    async def hold(number):
        async with aconcurrency("db"):
            order.append(number)
            await asyncio.sleep(0.01)

    async def main():
        await asyncio.wait_for(asyncio.gather(*map(hold, range(5))), 15)

    asyncio.run(main())
    assert sorted(order) == list(range(5))
    until(lambda: used(limits) == 0)


def test_a_killed_holder_is_free_after_its_lease_and_an_ending_one_at_once(limits, server):
    """E1, E9: slots of dead processes are never free again, or only on paper."""
    limits.definitions.create("db", 1)
    environ = os.environ | {"FLOWSTONE_API_URL": server.url}

    def begin(seconds):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            text=True,
        )
        assert process.stdout.readline() == "inside\n"
        return process

    killed = begin(60)
    waits = asked(limits, "db")
    until(lambda: waits.answer.is_done)
    [holder] = limits.definitions.usage("db").holders
    assert (holder.label, holder.pid) == ("far", killed.pid)
    killed.kill()
    killed.communicate()
    assert wait(waits, 10)
    waits.release()
    ends = begin(0.2)
    assert ends.stdout.readline() == "outside\n"
    until(lambda: used(limits) == 0, 1.5)
    ends.communicate("\n")


def test_while_the_server_is_away_runs_wait_and_holders_keep_their_slots(
    limits, settings, server, caplog
):
    limits.definitions.create("tag:db", 1)
    held = asked(limits, "tag:db")
    assert wait(held)
    server.stop()
    states = []

    @task(tags=["db"])
    def query():
        return 1

    @flow
    def queries():
        future = query.submit()
        states.append(until(lambda: "Queued" in str(future.state.message) and future.state.message))
        server.start()
        held.release()
        return future.result()

    assert queries() == 1
    assert states[0].startswith("Queued: limit tag:db (")
    assert "cannot be reached" in states[0]
    until(lambda: used(limits, "tag:db") == 0)
    assert "gives no slots" in caplog.text


def test_while_the_server_is_away_runs_go_on_where_that_is_set(limits, settings, server, caplog):
    limits.definitions.create("tag:db", 1)
    settings(limits=LimitSettings(when_away="run"))

    @task(tags=["db"])
    def query():
        return 1

    assert query() == 1
    held = asked(limits, "tag:db")
    assert wait(held)
    server.stop()
    assert query() == 1
    assert "task run query goes on without a slot of limit tag:db" in caplog.text
    server.start()


def test_a_restarted_server_knows_who_holds_and_hears_who_waits(limits, server):
    """E2: after a restart of the server a slot is held for ever."""
    limits.definitions.create("db", 1)
    held = asked(limits, "db")
    assert wait(held)
    waits = asked(limits, "db")
    until(lambda: waits.answer.is_done)
    server.stop()
    server.start()
    until(lambda: limits.definitions.usage("db").waiting == 1)
    assert used(limits) == 1
    assert not waits.is_done
    held.release()
    assert wait(waits, 10)
    waits.release()


def test_a_lost_lease_is_told_and_ends_the_run_only_where_that_is_asked(limits, settings, caplog):
    """E4: a lease that was lost ends healthy runs."""
    limits.definitions.create("db", 1)

    @task
    def query(**options):
        with concurrency("db", lease_duration=1, **options):
            limits.definitions.reset("db")
            other = asked(limits, "db")
            assert wait(other)
            with suppress(AssertionError):
                until(lambda: "were let in beside it" in caplog.text, 4)
            other.release()

    assert query(return_state=True).is_completed()
    assert "Its lease of limit db lapsed, and others were let in beside it." in caplog.text
    caplog.clear()
    ended = query(strict=True, return_state=True)
    assert ended.is_cancelled()
    assert "lapsed" in ended.message


def test_a_wrong_token_makes_the_run_fail_and_says_why(limits, server, monkeypatch):
    call = "flowstone.log.courier.Courier.call"
    other = remote_limits(Server(url=server.url, key="wrong"))

    def refuse(*_args):
        raise ServerRefused(401, "401 no such token")

    monkeypatch.setattr(call, refuse)
    request = asked(other, "db")
    assert wait(request)
    assert "gives no slots: 401 no such token" in str(request.error)
