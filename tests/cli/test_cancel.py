"""`flow-run cancel` and `task-run cancel`: from another terminal, with and without waiting."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from flowstone.cli import cancelling
from flowstone.core.ids import id_text
from flowstone.core.states import CANCELLED, COMPLETED
from flowstone.store.queries import open_store
from tests.store.segments import LogBuilder

LIVE = """
import sys, threading
from flowstone import flow, task
from flowstone.drive import control
from flowstone.states import Cancelled

heard = threading.Event()

def cancel(log, key, message):
    assert log.open_run(key) is not None
    told.append(message)
    heard.set()
    return True

told = []
control.cancel = cancel

@task
def naps():
    print("running", flush=True)
    assert heard.wait(15)

@flow(flow_run_name="napper")
def main():
    naps()
    return Cancelled(message=told[0])

main(return_state=True)
"""


@pytest.fixture
def living(home):
    """A flow run `napper` with a task run `nap-0`, of a process that lives until `die`."""
    log = LogBuilder(home)
    log.flow = log.flow_run(name="napper")
    log.task = log.task_run(log.flow.run, name="nap-0")
    log.segment([*log.definitions(), log.flow, log.task])
    log.hold()
    yield log
    log.die()


def later(do) -> threading.Thread:
    """Do something when the command has left its request and waits."""

    def when_asked() -> None:
        while not any(name.endswith(".ctl") for name in os.listdir(logs)):
            time.sleep(0.01)
        time.sleep(0.05)
        do()

    logs = os.path.join(os.environ["FLOWSTONE_HOME"], "logs")
    thread = threading.Thread(target=when_asked)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("family", "name", "noun"),
    [("flow-run", "napper", "flow run"), ("task-run", "nap-0", "task run")],
)
def test_without_waiting_it_says_what_was_asked_and_how_to_see_what_comes_of_it(
    cli, living, family, name, noun
):
    run = id_text((living.flow if family == "flow-run" else living.task).run)
    code, out, err = cli(family, "cancel", name)
    assert (code, err) == (0, "")
    assert out == (
        f"Asked the process that runs {noun} '{name}' ({run}) to cancel it.\n"
        f"See what comes of it: flowstone {family} inspect {run}\n"
    )
    out = cli(family, "inspect", run)[1]
    assert re.search(
        rf"^Cancelling: Asked for by \S+ with 'flowstone {family} cancel'\.$", out, re.MULTILINE
    )
    assert re.search(r"^\S+ +" + name + " .* Cancelling ", cli(family, "ls")[1], re.MULTILINE)
    assert cli(family, "ls", "--state", "cancelling", "-o", "json")[1] != "[]\n"


def test_the_beginning_of_an_id_will_do(cli, living):
    assert cli("flow-run", "cancel", id_text(living.flow.run)[:13])[0] == 0


def test_waiting_ends_well_when_the_run_is_cancelled(cli, living):
    end = [living.flow_changed(living.flow.run, 2, CANCELLED)]
    thread = later(lambda: living.add(end))
    code, out, err = cli("flow-run", "cancel", "napper", "--wait")
    thread.join()
    assert (code, err) == (0, "")
    run = re.escape(id_text(living.flow.run))
    assert re.fullmatch(rf"Cancelled flow run 'napper' \({run}\), .* later\.\n", out)


def test_waiting_ends_badly_when_the_run_ends_otherwise(cli, living):
    end = [living.completed(living.task.run)]
    thread = later(lambda: living.add(end))
    code, out, err = cli("task-run", "cancel", "nap-0", "--wait")
    thread.join()
    assert (code, out) == (1, "")
    assert err == "Error: task run 'nap-0' was not cancelled: it ended as Completed\n"


def test_waiting_ends_well_when_the_process_dies_before_it_acts(cli, living):
    thread = later(living.die)
    code, out, _ = cli("flow-run", "cancel", "napper", "--wait")
    thread.join()
    assert (code, out[:27]) == (0, "Cancelled flow run 'napper'")
    out = cli("flow-run", "inspect", "napper")[1]
    assert f"The process that ran it (pid {living.pid} on here) died." in out


def test_waiting_has_an_end_and_the_request_stays(cli, living):
    code, out, err = cli("flow-run", "cancel", "napper", "--timeout", "0.1")
    assert (code, out) == (1, "")
    assert err == (
        "Error: flow run 'napper' has not ended within 100 ms: it is Cancelling. The request "
        f"stays; see what comes of it: flowstone flow-run inspect {id_text(living.flow.run)}\n"
    )


@pytest.mark.parametrize(
    "words", [["--timeout", "-1"], ["--timeout", "soon"], ["--timeout", "nan"]]
)
def test_a_time_that_is_none_is_wrong_usage(cli, words):
    code, _, err = cli("flow-run", "cancel", "napper", *words)
    assert code == 2
    assert f"{words[1]!r} is no number of seconds" in err


@pytest.mark.parametrize("words", [[], ["--wait"]])
def test_a_run_of_a_dead_process_is_cancelled_at_once(cli, living, words):
    cli("flow-run", "ls")
    living.die()
    code, out, err = cli("flow-run", "cancel", "napper", *words)
    assert (code, err) == (0, "")
    run = id_text(living.flow.run)
    assert out == f"Cancelled flow run 'napper' ({run}). The process that ran it is dead.\n"


def test_a_run_that_has_ended_is_an_error_and_stays_as_it_is(cli, living):
    living.add([living.flow_changed(living.flow.run, 2, COMPLETED)])
    code, out, err = cli("flow-run", "cancel", "napper", "--wait")
    assert (code, out) == (1, "")
    assert err == (
        f"Error: Flow run 'napper' ({id_text(living.flow.run)}) has ended already: it is "
        "Completed. Only a run that has not ended can be cancelled.\n"
    )
    assert "Completed" in cli("flow-run", "ls")[1]


def test_a_run_that_is_not_there_is_an_error(cli, home):
    code, _, err = cli("task-run", "cancel", "nobody")
    assert code == 1
    assert err.startswith("Error: There is no task run with the id")


def test_a_request_that_cannot_be_left_is_an_error(cli, living):
    (living.home / "logs" / f"{living.id.hex()}.ctl").mkdir()
    code, _, err = cli("flow-run", "cancel", "napper")
    assert code == 1
    assert err.startswith(f"Error: the request could not be left in {living.home / 'logs'}: ")


def test_a_user_without_a_name_is_told_by_number(monkeypatch):
    def nobody(number: int):
        raise KeyError(number)

    monkeypatch.setattr(cancelling.pwd, "getpwuid", nobody)
    assert cancelling._user() == f"user {os.getuid()}"


def test_who_stops_waiting_leaves_the_request_and_a_clean_line(living):
    command = [sys.executable, "-m", "flowstone.cli", "flow-run", "cancel", "napper", "--wait"]
    main, other = pty.openpty()
    environ = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, stdout=other, stderr=other, env=environ) as process:
        os.close(other)
        shown = b""
        while b"Cancelling" not in shown:
            shown += os.read(main, 1000)
        process.send_signal(signal.SIGINT)
        while b"Interrupted." not in shown:
            shown += os.read(main, 1000)
    os.close(main)
    assert process.returncode == 130
    assert b"\r\x1b[2KWaiting for flow run 'napper' to end: Cancelling, 0 s" in shown
    after = shown.rpartition(b"Waiting for")[2].partition(b"\r\x1b[2K")[2].decode()
    assert "The request stays: flow run 'napper' will be cancelled all the same." in after
    with open_store(living.home) as store:
        assert store.find_flow_run("napper").state_name == "Cancelling"


def test_a_process_hears_what_is_asked_in_another_terminal(cli, home):
    environ = {**os.environ, "FLOWSTONE_HOME": str(home)}
    command = [sys.executable, "-c", LIVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        code, out, err = cli("flow-run", "cancel", "napper", "--wait", "--timeout", "15")
    assert (code, err, process.returncode) == (0, "", 0)
    assert out.startswith("Cancelled flow run 'napper' (")
    assert "Cancelled: Asked for by " in cli("flow-run", "inspect", "napper")[1]
