"""What the disk may do to a run: nothing but one warning; its calls go on and return the same."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.store.queries import open_store
from flowstone.store.rows import RunFilter

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
DIARY = Path(__file__).with_name("diary.py")
CALLS = 20_000
SUM = f"sum {CALLS * (CALLS - 1) // 2}"


def can_mount() -> bool:
    if os.geteuid() or not shutil.which("unshare"):
        return False
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="mounting takes root and unshare")


def run(*command, home, **more):
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ | {"FLOWSTONE_HOME": str(home), "TMPDIR": str(home.parent)},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def in_small_disk(script: str, folder: Path, size: str):
    """Run a shell script that sees `folder` on a disk of its own, of a few bytes."""
    folder.mkdir(parents=True)
    mount = f"mount -t tmpfs -o size={size},mode=0700 tmpfs {shlex.quote(str(folder))}"
    return run("unshare", "-m", "sh", "-euc", f"{mount}\n{script}", home=folder / "home")


def diary(*arguments) -> str:
    return shlex.join(map(str, [sys.executable, DIARY, *arguments]))


def warnings_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if "cannot be written" in line]


@needs_mounts
def test_a_full_disk_costs_a_run_one_warning_and_no_result(tmp_path):
    ended = in_small_disk(diary(CALLS), tmp_path / "disk", "256k")
    assert ended.returncode == 0, ended.stderr
    assert SUM in ended.stdout
    assert len(warnings_in(ended.stderr)) == 1
    assert "records of this process could not be written" in ended.stderr


@needs_mounts
def test_what_a_full_disk_refused_is_written_when_there_is_room_again(tmp_path):
    disk = tmp_path / "disk"
    ballast, kept = disk / "ballast", tmp_path / "kept"
    ended = in_small_disk(
        f"head -c 31M /dev/zero > {ballast}\n{diary(CALLS, ballast)}\ncp -r {disk}/home {kept}",
        disk,
        "32m",
    )
    assert ended.returncode == 0, ended.stderr
    assert SUM in ended.stdout
    assert len(warnings_in(ended.stderr)) == 1
    with open_store(kept) as store:
        runs = store.task_runs(RunFilter(), limit=0)
        flows = store.flow_runs(RunFilter(), limit=0)
    assert len(runs) == CALLS
    assert {one.state_name for one in [*runs, *flows]} == {"Completed"}


@needs_mounts
def test_a_disk_that_is_full_from_the_start_costs_one_warning_and_no_result(tmp_path):
    disk = tmp_path / "disk"
    fill = f"mkdir {disk}/home\nhead -c 1M /dev/zero > {disk}/ballast || true"
    ended = in_small_disk(f"{fill}\n{diary(CALLS)}", disk, "512k")
    assert ended.returncode == 0, ended.stderr
    assert SUM in ended.stdout
    assert len(warnings_in(ended.stderr)) == 1


def test_a_file_size_limit_costs_a_run_one_warning_and_no_result(tmp_path):
    home = tmp_path / "home"
    most = 200 << 10
    ended = run(
        sys.executable,
        DIARY,
        CALLS,
        home=home,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    assert ended.returncode == 0, ended.stderr
    assert SUM in ended.stdout
    with open_store(home) as store:
        runs = store.task_runs(RunFilter(), limit=0)
    # A new segment goes on where the old one was refused, so all of them may be there.
    assert len(runs) == CALLS or len(warnings_in(ended.stderr)) == 1


@needs_mounts
def test_a_read_only_home_costs_one_warning_and_is_recorded_elsewhere(tmp_path):
    disk = tmp_path / "disk"
    ended = in_small_disk(
        f"mkdir {disk}/home\nmount -o remount,ro {disk}\nmkdir $TMPDIR/../elsewhere\n"
        f"TMPDIR=$TMPDIR/../elsewhere {diary(CALLS)}",
        disk,
        "1m",
    )
    assert ended.returncode == 0, ended.stderr
    assert SUM in ended.stdout
    assert len(warnings_in(ended.stderr)) == 1
    [elsewhere] = (tmp_path / "elsewhere").iterdir()
    with open_store(elsewhere) as store:
        assert len(store.task_runs(RunFilter(), limit=0)) == CALLS


def test_a_home_below_a_file_costs_one_warning_and_is_recorded_elsewhere(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no directory")
    ended = run(sys.executable, DIARY, 100, home=in_the_way / "home", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f"sum {100 * 99 // 2}" in ended.stdout
    assert len(warnings_in(ended.stderr)) == 1


def test_a_missing_home_is_made_for_its_user_alone_and_without_a_word(tmp_path):
    home = tmp_path / "not" / "there" / "yet"
    ended = run(sys.executable, DIARY, 100, home=home)
    assert ended.returncode == 0, ended.stderr
    assert warnings_in(ended.stderr) == []
    assert home.stat().st_mode & 0o777 == 0o700
    with open_store(home) as store:
        assert len(store.task_runs(RunFilter(), limit=0)) == 100
