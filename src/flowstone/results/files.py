"""Files that a result names: what they are like when it is kept, and whether they still are.

A file is named by a `pathlib.Path`, or by a `File`, alone or within lists, tuples, sets, dicts and
the like. A path where nothing is when the result is kept promises nothing. Of a folder only its
being there counts. What a result holds beyond its first 100,000 objects is not looked at.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

import msgspec
import xxhash

from flowstone.core.containers import is_container, items_of
from flowstone.core.inputs import ATOMS

SMALL = 1 << 20
"""Bytes up to which a file is hashed; of a larger one the size and the time count."""
_MOST = 100_000
_PIECE = 1 << 20


class File(msgspec.Struct, frozen=True):
    """A path as a result: with `checksum` its whole content is hashed, however large it is.

    Usable wherever a path is (`open(file)`); `File(path)` is treated as the path itself.
    """

    path: str
    checksum: bool = False

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "path", os.fsdecode(self.path))

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


class FileFacts(msgspec.Struct, frozen=True, array_like=True):
    """What a file was like; `is_checked` tells that only its content counts.

    A folder has the size -1.
    """

    path: str
    size: int
    mtime_ns: int
    checksum: str | None = None
    is_checked: bool = False


def file_facts(value: Any) -> list[FileFacts]:
    """Return what the files are like that a result names; none where it names none."""
    path_type = getattr(sys.modules.get("pathlib"), "Path", File)  # a path needs it to be loaded
    files: dict[str, File] = {}
    todo, met = [value], {id(value)}
    for each in todo:  # which grows meanwhile
        if isinstance(each, (File, path_type)):
            file = each if isinstance(each, File) else File(str(each))
            if not (file.path in files and files[file.path].checksum):
                files[file.path] = file
        elif len(todo) < _MOST and type(each) not in ATOMS and is_container(type(each)):
            items = (item for item in items_of(each) if type(item) not in ATOMS)
            new = {id(item): item for item in items if id(item) not in met}
            met |= new.keys()
            todo += new.values()
    found = (_facts_of(file) for file in files.values())
    return [facts for facts in found if facts is not None]


def invalid_file(facts: list[FileFacts]) -> str | None:
    """Return why a result may not be used again: which of its files is gone or changed."""
    for each in facts:
        try:
            status = os.stat(each.path)
        except OSError as error:
            return f"{each.path} is gone ({error.strerror})"
        if stat.S_ISDIR(status.st_mode) != (each.size < 0):
            return f"{each.path} is {'no longer' if each.size < 0 else 'now'} a folder"
        if each.size >= 0 and not _is_same(each, status):
            return f"{each.path} has changed"
    return None


def still_valid(facts: list[FileFacts]) -> bool:
    """Whether the files that a result names are there and as they were."""
    return invalid_file(facts) is None


def _facts_of(file: File) -> FileFacts | None:
    try:
        status = os.stat(file.path)
        if stat.S_ISDIR(status.st_mode):
            return FileFacts(file.path, -1, 0)
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device has no content to keep
            return None
        hashed = file.checksum or status.st_size <= SMALL
        checksum = _checksum(file.path) if hashed else None
    except (OSError, ValueError):  # not there, a remote path, one with a NUL
        return None
    return FileFacts(file.path, status.st_size, status.st_mtime_ns, checksum, file.checksum)


def _is_same(facts: FileFacts, status: os.stat_result) -> bool:
    if status.st_size != facts.size:
        return False
    if status.st_mtime_ns == facts.mtime_ns and not facts.is_checked:
        return True
    try:  # it was touched or copied; its content may be what it was
        return facts.checksum is not None and _checksum(facts.path) == facts.checksum
    except OSError:
        return False


def _checksum(path: str) -> str:
    content = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            content.update(piece)
    return content.hexdigest()
