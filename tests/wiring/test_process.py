from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.settings import Settings
from flowstone.wiring import tidying
from flowstone.wiring.homes import writable_home
from flowstone.wiring.process import PROCESS
from tests.homes import recording_in
from tests.log.reading import read_logs

SCRIPT = """
import os, sys
from flowstone import flow, task

@task
def add(x, y):
    return x + y

@flow
def adds():
    return add(1, 2)

print("RESULT", adds())
"""


def run(home: Path, script: str = SCRIPT, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "FLOWSTONE_HOME": str(home), **environ},
        check=True,
    )


def test_a_missing_home_is_made_for_its_owner_only(tmp_path):
    home = tmp_path / "a" / "b"
    assert "RESULT 3" in run(home).stdout
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "logs").stat().st_mode & 0o777 == 0o700
    assert len(read_logs(home / "logs")) > 4


def test_a_home_that_cannot_be_written_falls_back_with_one_warning(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = run(in_the_way / "home", TMPDIR=str(tmp_path))
    assert "RESULT 3" in done.stdout
    assert done.stderr.count("cannot be written") == 1
    fallback = tmp_path / f"flowstone-{os.getuid()}"
    assert f"FLOWSTONE_HOME={fallback} flowstone flow-run ls" in done.stderr
    assert fallback.stat().st_mode & 0o777 == 0o700
    assert len(read_logs(fallback / "logs")) > 4


def test_a_fallback_where_others_can_write_is_not_used(tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    open_to_all = tmp_path / f"flowstone-{os.getuid()}"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert writable_home(str(in_the_way / "home")) == str(in_the_way / "home")


def test_nothing_is_made_before_the_first_run(tmp_path):
    script = "import flowstone; flowstone.task(print); flowstone.flow(print)"
    run(tmp_path / "home", script)
    assert not (tmp_path / "home").exists()


FORKS = """
import os
from flowstone import flow, task

@task
def who():
    return os.getpid()

@task
def forks():
    pid = os.fork()
    if pid == 0:
        who()
        return "child"
    os.waitpid(pid, 0)
    return "parent"

@flow
def family():
    return forks()

if family() == "child":
    os._exit(0)
"""


def test_a_forked_child_has_a_log_of_its_own_and_says_nothing_of_its_parents_runs(tmp_path):
    """D6: after a fork what the parent had set up goes on in the child."""
    run(tmp_path, FORKS)
    facts = read_logs(tmp_path / "logs")
    headers = [fact for fact in facts if type(fact).__name__ == "Header"]
    assert len({header.pid for header in headers}) == 2
    ends = [fact for fact in facts if type(fact).__name__ == "TaskRunCompleted"]
    assert len(ends) == len({fact.run for fact in ends}) == 2
    flow_ends = [fact for fact in facts if type(fact).__name__ == "FlowRunChanged"]
    assert len(flow_ends) == 1


def test_a_process_that_leaves_many_segments_collects_at_its_end(tmp_path):
    script = """
import logging
from flowstone import flow
@flow
def talks():
    for _ in range(6000):
        logging.getLogger("x").warning("w" * 1000)
logging.getLogger("x").propagate = False
talks()
"""
    run(tmp_path, script, FLOWSTONE_LOG_SEGMENT_BYTES="1MiB")
    assert (tmp_path / "flowstone.db").exists()


@pytest.mark.parametrize(("lived", "untidy"), [(1.0, False), (3.0, True)])
def test_a_process_lends_a_hand_where_many_logs_wait_if_it_lived_a_while(tmp_path, lived, untidy):
    for number in range(101):
        (tmp_path / str(number)).touch()
    assert tidying.is_untidy(str(tmp_path), "own", lived) is untidy
    assert not tidying.is_untidy(str(tmp_path / "gone"), "own", lived)


def test_log_prints_may_be_set_for_everything(tmp_path):
    script = SCRIPT.replace("return x + y", "print('loud'); return x + y")
    done = run(tmp_path, script, FLOWSTONE_LOGGING_LOG_PRINTS="true")
    assert "Task run 'add-0' - loud" in done.stderr


def test_the_level_that_is_set_holds(tmp_path):
    done = run(tmp_path, FLOWSTONE_LOGGING_LEVEL="ERROR")
    assert done.stderr == ""
    assert "RESULT 3" in done.stdout


def test_default_retries_hold_where_nothing_was_said(tmp_path):
    defaults = type(Settings().tasks)(default_retries=2, default_retry_delay_seconds=0.5)
    with recording_in(tmp_path) as home:
        PROCESS.restart(Settings(home=str(home), tasks=defaults))
        assert task(print).retries == 2
        assert task(print).retry_delay_seconds == 0.5
        assert task(print, retries=0, retry_delay_seconds=0).retries == 0
        assert task(print, retry_delay_seconds=0).retry_delay_seconds == 0
        assert flow(print).retries == 0
