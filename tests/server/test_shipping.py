"""Processes that report to a server, as their users see it: what arrives, what is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowstone.cli.main import main
from flowstone.core.ids import id_text
from flowstone.log.files import list_segments
from flowstone.store.databases import Database
from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter
from flowstone.store.silence import judge_leases
from tests.server.listening import Listening
from tests.server.shipping import runs

pytestmark = pytest.mark.timeout(60)
LONG = 30.0
HELLO = """
import sys
import flowstone
from flowstone import flow, task

@task
def add(n):
    return n + 1

@flow
def hello(k):
    for n in range(k):
        add(n)

hello(int(sys.argv[1]))
"""
SLEEPER = """
import time
from flowstone import flow, task

@task
def nap():
    time.sleep(60)

@flow
def sleeper():
    nap()

sleeper()
"""
FORKS = """
import os, sys
import flowstone
from flowstone import flow

@flow
def parent():
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(0 if flowstone.flush(20) else 3)
    return os.waitpid(pid, 0)[1]

@flow
def child():
    return 1

sys.exit(parent())
"""


@pytest.fixture
def server(any_database: Database) -> Iterator[Listening]:
    with Listening(any_database) as server:
        yield server


class Client:
    """A machine whose processes report to a server."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.environ = os.environ | {
            "FLOWSTONE_HOME": str(home),
            "FLOWSTONE_API_URL": url,
            "FLOWSTONE_API_EXIT_SECONDS": "20",
        }

    def start(self, program: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *words]
        return subprocess.Popen(
            command, env=self.environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, program: str, *words: str) -> str:
        process = self.start(program, *words)
        _, said = process.communicate(timeout=LONG)
        assert process.returncode == 0, said
        return said

    def logs(self) -> list[str]:
        return [one.path for one in list_segments(self.home / "logs")[0]]


@pytest.fixture
def client(tmp_path: Path, server: Listening) -> Client:
    return Client(tmp_path / "client", server.url)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_a_process_recorded_is_at_the_server_when_it_has_ended(
    any_database: Database, client: Client
):
    said = client.run(HELLO, "200")
    assert "flowstone: " not in said
    flows, tasks = runs(any_database)
    assert [state for _, state in flows] == ["Completed"]
    assert len(tasks) == 200
    assert {state for _, state in tasks} == {"Completed"}


def test_the_home_of_such_a_process_keeps_no_runs_of_its_own(client: Client):
    client.run(HELLO, "2")
    with open_store(client.home) as store:
        assert store.flow_runs() == []
    assert len(client.logs()) == 1


def test_the_next_process_sends_and_deletes_what_a_dead_one_left(
    any_database: Database, client: Client
):
    sleeper = client.start(SLEEPER)
    until(lambda: runs(any_database)[1])
    sleeper.send_signal(signal.SIGKILL)
    sleeper.communicate()
    (left,) = client.logs()
    assert runs(any_database)[0][0][1] == "Running"
    client.run(HELLO, "1")
    until(lambda: left not in client.logs() or client.run(HELLO, "1") is None)
    flows, tasks = runs(any_database)
    assert {state for _, state in flows} == {"Completed", "Crashed"}
    assert [state for name, state in tasks if name.startswith("nap")] == ["Crashed"]


def test_what_waits_while_there_is_no_server_is_sent_by_hand(
    any_database: Database,
    client: Client,
    server: Listening,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    server.stop()
    client.environ["FLOWSTONE_API_EXIT_SECONDS"] = "0.3"
    said = client.run(HELLO, "20")
    assert "flowstone log ship" in said
    assert runs(any_database) == ([], [])
    monkeypatch.setenv("FLOWSTONE_HOME", str(client.home))
    monkeypatch.setenv("FLOWSTONE_API_URL", server.url)
    assert main(["log", "ship"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert main(["log", "status"]) == 0
    assert f"Unsent: 1 log of dead processes for the server at {server.url}." in (
        capsys.readouterr().out
    )
    server.start()
    assert main(["log", "ship"]) == 0
    assert "Sent 1 log" in capsys.readouterr().out
    assert len(runs(any_database)[1]) == 20
    assert client.logs() == []
    assert main(["log", "ship"]) == 0
    assert "No log" in capsys.readouterr().out


def test_a_log_is_sent_to_another_server_only_where_that_is_said(
    any_database: Database,
    client: Client,
    server: Listening,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    client.environ |= {
        "FLOWSTONE_API_URL": "http://127.0.0.1:9",
        "FLOWSTONE_API_EXIT_SECONDS": "0.1",
    }
    client.run(HELLO, "3")
    monkeypatch.setenv("FLOWSTONE_HOME", str(client.home))
    monkeypatch.setenv("FLOWSTONE_API_URL", server.url)
    assert main(["log", "ship"]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err
    assert len(client.logs()) == 1
    assert main(["log", "ship", "--to", "nowhere"]) == 2
    assert main(["log", "ship", "--to", f"{server.url}/api"]) == 0
    assert len(runs(any_database)[1]) == 3
    assert client.logs() == []


def test_a_run_of_another_machine_is_cancelled_within_seconds(
    any_database: Database, client: Client
):
    sleeper = client.start(SLEEPER)
    until(lambda: runs(any_database)[1])
    with any_database.store() as store:
        (row,) = store.flow_runs()
        asked = time.monotonic()
        assert store.cancel(row, "Asked for by ann.") is False
    assert {state for _, state in runs(any_database)[0]} == {"Cancelling"}
    until(lambda: runs(any_database)[0][0][1] == "Cancelled")
    took = time.monotonic() - asked
    sleeper.communicate(timeout=LONG)
    assert took < 10  # 2 s of silence, 1 s of patience, 0.2 s to send it; the rest is the machine
    assert {state for _, state in runs(any_database)[1]} == {"Cancelled"}
    with any_database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM request").fetchone()[0] == 0


def test_silent_processes_are_taken_for_dead_until_they_are_heard_of(
    any_database: Database, client: Client
):
    sleeper = client.start(SLEEPER)
    until(lambda: runs(any_database)[1])
    sleeper.send_signal(signal.SIGSTOP)
    until(lambda: judge_leases(any_database, 1.0))
    assert {state for _, state in [*runs(any_database)[0], *runs(any_database)[1]]} == {"Crashed"}
    with any_database.store() as store:
        (row,) = store.flow_runs()
        assert row.verdict == "died"
        assert "Nothing was heard of the process" in str(row.message)
    sleeper.send_signal(signal.SIGCONT)
    until(lambda: runs(any_database)[0][0][1] == "Running")
    assert {state for _, state in runs(any_database)[1]} == {"Running"}
    sleeper.send_signal(signal.SIGKILL)
    sleeper.communicate()


def test_a_forked_child_sends_a_log_of_its_own(any_database: Database, client: Client):
    client.run(FORKS)
    flows, _ = runs(any_database)
    assert [state for _, state in flows] == ["Completed", "Completed"]
    with any_database.store() as store:
        assert len({row.log_id for row in store.flow_runs()}) == 2


def test_a_clock_that_is_hours_off_makes_no_difference_to_who_is_alive(
    any_database: Database, client: Client
):
    late = "import time\nreal = time.time_ns\ntime.time_ns = lambda: real() - 9 * 3600 * 10**9\n"
    sleeper = client.start(late + SLEEPER)
    until(lambda: runs(any_database)[1])
    assert judge_leases(any_database, 10.0) == 0
    with any_database.store() as store:
        (row,) = store.flow_runs()
        assert row.created < time.time_ns() - 8 * 3600 * 10**9
        assert row.state_name == "Running"
    sleeper.send_signal(signal.SIGKILL)
    sleeper.communicate()


def test_an_open_run_of_another_machine_is_not_deleted(any_database: Database, client: Client):
    sleeper = client.start(SLEEPER)
    until(lambda: runs(any_database)[1])
    with any_database.store() as store:
        (row,) = store.flow_runs(RunFilter())
        with pytest.raises(RuntimeError, match=id_text(row.id)):
            store.delete_flow_run(row.id)
    sleeper.send_signal(signal.SIGKILL)
    sleeper.communicate()
