"""What a server does by itself: it goes on whatever happens, and says when it does not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import pytest

from flowstone.server.audit import Audit
from flowstone.server.desks.home import HomeDesk
from flowstone.server.services import Collector, Service, Services
from flowstone.server.watching import Watch
from flowstone.store.database import logs_path
from flowstone.store.databases import EmbeddedDatabase
from tests.server.serving import served

RUN = """
import sys
from flowstone import flow, task

@task
def add(a, b):
    return a + b

@flow
def sums():
    for line in sys.stdin:
        print(add(int(line), 1), flush=True)

sums()
"""


@pytest.fixture
def database(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return EmbeddedDatabase(home)


@pytest.fixture
def process(database):
    """A process in a flow run, which runs a task for each number it is told."""
    environ = {**os.environ, "FLOWSTONE_HOME": str(database.home), "FLOWSTONE_LOGGING_LEVEL": "50"}
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process, number):
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    return process.stdout.readline()


def test_a_service_that_missed_its_deadline_makes_the_server_not_ready_and_is_named(
    database, monkeypatch
):
    held = threading.Event()
    monkeypatch.setattr(Collector, "step", lambda _self: held.wait())
    monkeypatch.setattr(
        "flowstone.server.services.services_of",
        lambda _database, collector, *_: [
            Service(name="collect", work=collector.step, period=0.01, deadline=0.0),
            Service(name="other", work=lambda: None, period=0.01, deadline=60),
        ],
    )
    with served(database) as client:
        answer = client.get("/api/ready")
        assert answer.status_code == 503
        assert answer.json()["late"] == ["collect"]
        assert answer.json()["database"] == "ok"
        assert 'flowstone_service_late{service="collect"} 1' in client.get("/metrics").text
        held.set()


def test_limits_that_are_not_looked_after_make_the_server_not_ready(database, monkeypatch):
    held = threading.Event()
    monkeypatch.setattr(HomeDesk, "tend", lambda _self: held.wait())
    monkeypatch.setattr("flowstone.server.desks.open._LATE", 0.0)
    with served(database) as client:
        assert client.get("/api/ready").json()["late"] == []
        assert client.get("/api/limits").status_code == 200  # from now on there is a desk
        assert client.get("/api/ready").json()["late"] == ["limits"]
        held.set()


def test_a_service_that_fails_is_tried_again_and_says_so_once(database, monkeypatch, caplog):
    done = threading.Event()
    tries = []

    def work():
        tries.append(len(tries))
        if len(tries) < 4:
            raise ConnectionError("the database is away")
        done.set()

    monkeypatch.setattr("flowstone.server.services._AFTER_FAILURE", 0.01)
    monkeypatch.setattr(
        "flowstone.server.services.services_of",
        lambda *_: [Service(name="count", work=work, period=0.01, deadline=60)],
    )
    with caplog.at_level(logging.WARNING, "flowstone.server"):
        services = Services(database, Audit(database, {}))
        services.start()
        assert done.wait(15)
        services.stop()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["count failed; it is tried again.", "count works again."]
    (state,) = services.states
    assert (state.failures, state.error) == (3, "")


def test_what_a_process_records_is_seen_without_reading_it_all(database, process):
    watch = Watch(database.home)
    assert told(process, 1) == "2\n"
    assert watch.has_grown()
    watch.note()
    database.collect()
    assert not watch.has_grown()
    for number in range(3):
        told(process, number)
        assert watch.has_grown()
        watch.note()
        database.collect()
        assert not watch.has_grown()


def test_the_death_of_a_process_is_seen(database, process):
    watch = Watch(database.home)
    told(process, 1)
    watch.note()
    database.collect()
    assert not watch.has_grown()
    process.kill()
    process.wait()
    assert watch.has_grown()
    database.collect()
    with database.store() as store:
        assert [run.state_name for run in store.flow_runs()] == ["Crashed"]


def test_a_request_to_cancel_is_seen(database, process):
    watch = Watch(database.home)
    told(process, 1)
    watch.note()
    database.collect()
    with database.store() as store:
        (run,) = store.flow_runs()
        store.cancel(run, "for a test")
    assert watch.has_grown()


def test_a_new_log_is_seen(database):
    watch = Watch(database.home)
    watch.note()
    assert not watch.has_grown()
    os.mkdir(logs_path(database.home))
    assert watch.has_grown()


def test_an_idle_server_does_not_collect(database, monkeypatch):
    collector = Collector(database)
    calls = []
    monkeypatch.setattr(EmbeddedDatabase, "collect", lambda self: calls.append(1) or _collect(self))
    for _ in range(20):
        collector.step()
    assert len(calls) == 1


_collect = EmbeddedDatabase.collect


def test_what_could_not_be_collected_is_collected_later(database, process, monkeypatch):
    told(process, 1)
    collector = Collector(database)

    def failing(_self):
        raise OSError("no room")

    monkeypatch.setattr(EmbeddedDatabase, "collect", failing)
    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            collector.step()
    monkeypatch.setattr(EmbeddedDatabase, "collect", _collect)
    collector.step()
    with database.store() as store:
        assert len(store.task_runs()) == 1


def test_a_server_deletes_what_is_older_than_the_settings_say(database, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "flowstone.server.services.prune_when_due",
        lambda _database, retention, _now: asked.append(retention.runs_days),
    )
    with served(database, retention__runs_days=7.0) as client:
        for _ in range(500):
            if asked:
                break
            client.get("/api/health")
    assert asked == [7.0]
