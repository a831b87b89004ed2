"""What tells a living process from a dead one, and a local file system from one of a network."""

from __future__ import annotations

import os
import re

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MOUNTS = "/proc/self/mountinfo"
NETWORK = frozenset(
    "9p afs beegfs ceph cifs coda davfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs "
    "panfs pvfs2 smb3 smbfs fuse.ceph fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.juicefs "
    "fuse.mfs fuse.rclone fuse.s3fs fuse.seaweedfs fuse.sshfs fuse.blobfuse fuse.blobfuse2".split()
)
"""Types of file systems whose other users may be on other machines: a lock there proves nothing."""
_ESCAPED = re.compile(r"\\([0-7]{3})")
_START_TIME = 19  # field 22 of stat, counted from the state, which stands behind the command
_GONE = ("Z", "X", "x")


def boot_id() -> str:
    """Return what names this boot of the machine, "" where that is not known."""
    try:
        with open(BOOT_ID, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def process_start(pid: int) -> int:
    """Return when a process began, in clock ticks since the boot; 0 for one that is not there.

    A process that ended and was not waited for yet (a zombie) is not there. Where the machine has
    no `/proc`, the answer is always 0.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    fields = text.rpartition(")")[2].split()  # the command before it may hold blanks and brackets
    return 0 if fields[0] in _GONE else int(fields[_START_TIME])


def mount_of(path: str | os.PathLike[str]) -> tuple[str, bool]:
    """Return the type of the file system on which a path lies, and whether it is local.

    ("", True) where the machine has no table of mounts.
    """
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return "", True
    kind = _longest(lines, os.path.realpath(path))
    return kind, kind not in NETWORK


def _longest(lines: list[str], target: str) -> str:
    """Return the type of the mount that lies deepest above `target`, the last one of equals."""
    kind, depth = "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        point = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= depth:
            kind, depth = after.split(" ")[0], len(point)
    return kind
