from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.log import machine
from flowstone.log.machine import boot_id, mount_of, process_start

TABLE = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /mnt/with\\040blank rw - nfs4 server:/export rw,vers=4.2
24 22 0:22 / /mnt rw shared:9 master:1 - tmpfs tmpfs rw
25 22 0:23 / /mnt/data rw - xfs /dev/vdb rw
26 22 0:24 / /mnt/data rw - fuse.sshfs me@there: rw
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("ext4", True)),
        ("/home/me", ("ext4", True)),
        ("/mntx", ("ext4", True)),
        ("/mnt/a", ("tmpfs", True)),
        ("/mnt/with blank", ("nfs4", False)),
        ("/mnt/with blank/home", ("nfs4", False)),
        ("/mnt/data/home", ("fuse.sshfs", False)),
    ],
)
def test_the_deepest_and_last_mount_holds_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, found: tuple[str, bool]
):
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    monkeypatch.setattr(machine, "MOUNTS", str(table))
    assert mount_of(path) == found


def test_without_a_table_of_mounts_everything_is_local(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "MOUNTS", "/nowhere/at/all")
    monkeypatch.setattr(machine, "BOOT_ID", "/nowhere/at/all")
    assert mount_of("/") == ("", True)
    assert boot_id() == ""


def test_a_process_keeps_its_start_time_until_it_ends():
    own = process_start(os.getpid())
    assert own > 0
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert process_start(child.pid) >= own
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) == 0  # it was not waited for, and has ended
    assert process_start(child.pid) == 0
