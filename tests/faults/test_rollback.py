"""`flow-run rollback`: what a process left half done when it died is undone, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

VICTIM = Path(__file__).with_name("half_done.py")
UNDONE = [
    "whole",
    "unbook car [1, 2] of bob",
    "unbook hotel [1, 2] of bob",
    "unbook flight [1, 2] of bob",
]


class Place:
    """A home, a diary that hooks write into, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.diary = folder / "diary"
        self.script = folder / "app" / "half_done.py"
        self.script.parent.mkdir()
        self.script.write_bytes(VICTIM.read_bytes())
        home = {"FLOWSTONE_HOME": str(folder / "home"), "DIARY": str(self.diary)}
        self.environment = {**os.environ, **home}
        self.folder = folder

    def kill(self, how: str = "plain") -> None:
        """Run the flow, which kills itself."""
        command = [sys.executable, str(self.script), how]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=False)
        assert done.returncode == -9, done.stderr.decode()

    def rollback(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command, from another folder than the script's."""
        return subprocess.run(
            [sys.executable, "-m", "flowstone.cli", "flow-run", "rollback", self.run_id(), *more],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_id(self) -> str:
        command = [sys.executable, "-m", "flowstone.cli", "flow-run", "ls", "--flow", "trip"]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode().splitlines()[1].split()[0]

    @property
    def entries(self) -> list[str]:
        return self.diary.read_text().splitlines() if self.diary.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_after_kill_9_the_hooks_of_what_was_staged_run_in_reverse_order_and_once(place):
    place.kill()
    assert place.entries == []
    done = place.rollback()
    assert done.returncode == 0, done.stderr
    assert "Rolled back 4 transactions of flow run" in done.stdout
    assert [entry for entry in place.entries if "refund" not in entry] == UNDONE
    assert place.entries[1] == "refund car"
    before = len(place.entries)
    again = place.rollback()
    assert again.returncode == 1
    assert "left nothing to roll back. 4 transactions of it rolled back before" in again.stderr
    assert len(place.entries) == before


def test_hooks_that_no_other_process_can_import_are_named_and_the_others_run(place):
    place.kill("lambda")
    done = place.rollback()
    assert done.returncode == 1
    assert "Rollback hook '<lambda>' cannot be run: it is a lambda" in done.stderr
    assert "1 could not be run" in done.stdout
    assert [entry for entry in place.entries if "refund" not in entry] == UNDONE


def test_where_a_module_is_gone_nothing_is_rolled_back_until_it_is_told_to_go_on(place):
    place.kill()
    place.script.rename(place.script.with_name("moved.py"))
    done = place.rollback()
    assert done.returncode == 1
    assert "half_done:unbook cannot be imported (ModuleNotFoundError" in done.stderr
    assert "nothing was rolled back" in done.stderr
    place.script.with_name("moved.py").rename(place.script)
    assert place.rollback().returncode == 0
    assert len(place.entries) == 7


def test_missing_hooks_can_be_left_out(place):
    place.kill()
    place.script.unlink()
    done = place.rollback("--skip-missing")
    assert done.returncode == 1
    assert "0 hooks run, 0 failed, 7 could not be run" in done.stdout
    assert place.entries == []


def test_a_value_that_could_not_be_recorded_fails_its_hook_and_says_so(place):
    place.kill("failing")
    done = place.rollback()
    assert done.returncode == 1
    assert "8 hooks run, 1 failed" in done.stdout
    assert (
        "'handle' was set in the transaction, but JSON does not carry such a value" in done.stderr
    )
    assert [entry for entry in place.entries if "refund" not in entry] == UNDONE


def test_a_run_whose_process_lives_is_left_to_it(place):
    command = [sys.executable, str(place.script), "alive"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=place.environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
    ) as alive:
        assert alive.stdout is not None
        assert alive.stdout.readline() == b"open\n"
        done = place.rollback()
        alive.communicate(b"\n")
    assert done.returncode == 1
    assert "the process that runs it rolls back by itself" in done.stderr
    done = place.rollback()
    assert "left nothing to roll back" in done.stderr
    assert place.entries == []
